"""The stable functions: one value in every number world, and honest slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from numpy.testing import assert_allclose

from alignprops.atoms import Atom, expand_atoms, limited_exp, log1mexp, log_cosh, log_sigmoid, sigmoid, softplus, tanhc

ATOMS = (softplus, log_sigmoid, sigmoid, log1mexp, tanhc, log_cosh, limited_exp)
EVERYWHERE = (-745.2, -700.0, -40.0, -1.0, -1e-3, -1e-9, 0.0, 1e-320, 1e-9, 9.9e-4, 1.1e-3, 0.5, 1.0, 37.0, 700.0)
POSITIVE = (1e-320, 1e-300, 1e-12, 1e-3, 0.5, 0.6931471805599453, 0.7, 1.0, 5.0, 40.0, 700.0)


def domain(atom: type[Atom]) -> tuple[float, ...]:
    """Points at which the atom is defined, where its branches meet among them."""
    return POSITIVE if atom is log1mexp else EVERYWHERE


def truth(atom: type[Atom], x: float) -> arb:
    """The definition, evaluated by balls so precise that its cancellations do not matter."""
    with ctx.workprec(4096):
        ball = arb(x)
        if atom is tanhc:
            return ball.tanh() / ball if x else arb(1)
        if atom is limited_exp:
            return ball.exp() if x <= 64 else arb(64).exp() * (ball - 63)
        inner = {
            softplus: 1 + ball.exp(),
            log_sigmoid: 1 / (1 + (-ball).exp()),
            log1mexp: 1 - (-ball).exp(),
            log_cosh: ball.cosh(),
        }
        return inner[atom].log() if atom in inner else 1 / (1 + (-ball).exp())


@pytest.mark.parametrize("atom", ATOMS)
def test_float_form_is_accurate_to_a_few_last_places(atom: type[Atom]) -> None:
    """Each float value is within 8 units in the last place of the definition, in both tails and near 0."""
    for x in domain(atom):
        expected = truth(atom, x)
        error = abs(arb(float(atom.numeric(x))) - expected)

        assert error < 8 * np.finfo(float).eps * abs(expected) + 1e-323, (atom.__name__, x)


@pytest.mark.parametrize("atom", ATOMS)
@pytest.mark.parametrize("bits", [64, 256])
def test_ball_form_contains_the_truth_and_is_sharp(atom: type[Atom], bits: int) -> None:
    """Each ball overlaps the definition's far sharper ball and has a relative radius near the precision."""
    for x in domain(atom):
        with ctx.workprec(bits):
            ball = atom.numeric(arb(x))

        expected = truth(atom, x)
        assert ball.overlaps(expected), (atom.__name__, x)
        assert float(ball.rad()) <= abs(float(expected)) * 2.0 ** (8 - bits) + 1e-323, (atom.__name__, x)


@pytest.mark.parametrize("atom", ATOMS)
def test_ball_form_encloses_the_function_on_a_wide_ball(atom: type[Atom]) -> None:
    """The image of an interval contains the image of its points."""
    low, high = (arb(1) / 8, arb(3)) if atom is log1mexp else (arb(-2), arb(3))
    image = atom.numeric(low.union(high))

    for k in range(9):
        assert image.contains(truth(atom, float(low) + (float(high) - float(low)) * k / 8)), (atom.__name__, k)


@pytest.mark.parametrize("atom", ATOMS)
def test_worlds_agree(atom: type[Atom]) -> None:
    """Scalars, float arrays, integer arrays, object arrays and tensors give the same values."""
    import torch

    points = np.array([0.25, 1.0, 3.0])
    expected = atom.numeric(points)

    assert_allclose([float(atom.numeric(float(x))) for x in points], expected, rtol=1e-15)
    balls = atom.numeric(np.array([arb(x) for x in points], dtype=object))
    assert_allclose([float(ball) for ball in balls], expected, rtol=1e-14)
    assert_allclose(atom.numeric(torch.tensor(points)).numpy(), expected, rtol=1e-14)
    assert_allclose(atom.numeric(np.array([1, 3])), expected[1:], rtol=1e-15)
    assert atom.numeric(points.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("atom", ATOMS)
def test_derivative_agrees_with_finite_differences_of_balls(atom: type[Atom]) -> None:
    """The sympy derivative of the atom is the derivative of its numeric form."""
    x = sp.Symbol("x", positive=True)
    slope = expand_atoms(sp.diff(atom(x), x))
    for point in (sp.Rational(1, 8), sp.Integer(1), sp.Rational(9, 2)):
        with ctx.workprec(400):
            at, step = arb(int(point.p)) / int(point.q), arb(2) ** -100
            expected = (atom.numeric(at + step) - atom.numeric(at - step)) / (2 * step)

        assert_allclose(float(slope.subs(x, point)), float(expected), rtol=1e-12)


@pytest.mark.parametrize("atom", ATOMS)
def test_definition_is_what_sympy_rewrites_and_evaluates(atom: type[Atom]) -> None:
    """`rewrite`, `expand_atoms` and `evalf` all use the definition."""
    x = sp.Symbol("x", positive=True)

    assert atom(x).rewrite(sp.exp) == atom.definition(x)
    assert expand_atoms(1 + atom(x) ** 2) == 1 + atom.definition(x) ** 2
    assert_allclose(float(atom(sp.Integer(2)).evalf()), float(truth(atom, 2.0)), rtol=1e-14)


@pytest.mark.parametrize("atom", ATOMS)
def test_steepest_bounds_the_slope(atom: type[Atom]) -> None:
    """Between two close points the function changes by at most `steepest` times their distance."""
    for x in domain(atom):
        for error in (1e-12, 1e-3, 0.1):
            limit = atom.steepest(np.float64(x), np.float64(error))
            for moved in (x - error, x + error):
                if atom is log1mexp and moved <= 0:
                    assert limit == math.inf
                    continue
                change = abs(truth(atom, moved) - truth(atom, x))
                assert change <= arb(float(limit)) * abs(arb(moved) - arb(x)) * (1 + arb(1e-9)), (atom.__name__, x)


def test_atoms_stay_as_they_are_written() -> None:
    """sympy does not expand an atom by itself, so a statement is evaluated as it is written."""
    x = sp.Symbol("x", real=True)

    assert softplus(x) - log_sigmoid(x) == sp.expand(softplus(x) - log_sigmoid(x))
    assert sp.simplify(log_cosh(x)) == log_cosh(x)


def test_atoms_print_as_the_papers_write_them() -> None:
    """LaTeX forms are those of the field."""
    m = sp.Symbol("m", real=True)
    expected = {
        softplus: r"\operatorname{softplus}\left(m\right)",
        log_sigmoid: r"\log\sigma\left(m\right)",
        sigmoid: r"\sigma\left(m\right)",
        log1mexp: r"\log\left(1 - e^{-\left(m\right)}\right)",
        tanhc: r"\operatorname{tanhc}\left(m\right)",
        log_cosh: r"\log\cosh\left(m\right)",
        limited_exp: r"\exp_{\leq 64}\left(m\right)",
    }

    assert expected == {atom: sp.latex(atom(m)) for atom in ATOMS}
    assert sp.latex(log_cosh(m) ** 2) == r"\left(\log\cosh\left(m\right)\right)^{2}"


def test_signs_are_known_to_sympy() -> None:
    """What is positive on the whole line says so, and only there."""
    x, p = sp.Symbol("x", real=True), sp.Symbol("p", positive=True)

    assert all(atom(x).is_positive for atom in (softplus, sigmoid, tanhc, limited_exp))
    assert log_sigmoid(x).is_negative
    assert log_cosh(x).is_nonnegative
    assert log_cosh(x).is_positive is None
    assert log1mexp(p).is_negative
    assert log1mexp(x).is_negative is None


def test_tensor_gradient_of_softplus_is_exact_beyond_twenty() -> None:
    """`F.softplus` is linear beyond 20, which spoils its gradient by 2e-9."""
    import torch

    x = torch.tensor(21.0, dtype=torch.float64, requires_grad=True)
    softplus.numeric(x).backward()

    assert_allclose(1 - float(x.grad), 1 / (1 + math.exp(21)), rtol=1e-6)
