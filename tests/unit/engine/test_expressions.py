"""Values of expressions: exact constants, and float errors that are bounded, tightly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from alignprops import TheoremError, bounded
from alignprops.atoms import log1mexp, log_cosh, log_sigmoid, sigmoid, softplus, tanhc
from alignprops.expressions import Rounded, as_balls, as_rounded, exact, rounded
from alignprops.measured import EPS

X, Y, Z = SYMBOLS = sp.symbols("x y z", real=True)
ANYWHERE: tuple[Callable[[sp.Expr], sp.Expr], ...] = (
    sp.Abs, sp.tanh, sp.sin, sp.cos, softplus, log_sigmoid, sigmoid, tanhc, log_cosh,
    lambda a: sp.exp(-(a**2)), lambda a: sp.exp(sp.tanh(a)), lambda a: a**2, lambda a: a**3,
    lambda a: sp.sqrt(a**2 + 1), lambda a: sp.log(1 + a**2),
    lambda a: 1 / (1 + a**2), lambda a: (1 + a**2) ** sp.Rational(1, 3),
    lambda a: (a**2 + 2) ** sp.Rational(-3, 2), lambda a: log1mexp(a**2 + sp.Rational(1, 9)),
    lambda a: a / 3, lambda a: sp.pi - a,
)  # fmt: skip
PAIRS: tuple[Callable[[sp.Expr, sp.Expr], sp.Expr], ...] = (
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, sp.Max, sp.Min, lambda a, b: a / (1 + b**2),
)  # fmt: skip


def followed(expr: sp.Expr, values: dict[sp.Symbol, Rounded]) -> Rounded:
    """The value and error bound, as a reading would compute them."""
    return rounded(expr, {s: Rounded(np.float64(v.value), np.float64(v.error)) for s, v in values.items()})


def grow(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    """Expressions one level deeper than `inner`."""
    one = st.builds(lambda function, a: function(a), st.sampled_from(ANYWHERE), inner)
    two = st.builds(lambda function, a, b: function(a, b), st.sampled_from(PAIRS), inner, inner)
    return one | two


expressions = st.recursive(st.sampled_from(SYMBOLS), grow, max_leaves=6)
values = st.floats(-8, 8) | st.floats(-1e-300, 1e-300) | st.floats(-1e5, 1e5)
shares = st.sampled_from([0.0, 1e-16, 1e-12, 1e-6, 0.1])


@settings(max_examples=250, deadline=None)
@given(expressions, st.tuples(*[values] * 3), st.tuples(*[shares] * 3), st.sampled_from([-1, -0.5, 0, 1]))
def test_error_bound_contains_the_true_value(
    expr: sp.Expr, measured: tuple[float, ...], relative: tuple[float, ...], where: float
) -> None:
    """Whatever the inputs truly are within their errors, the float value is within its bound of the true value."""
    errors = [abs(value) * share for value, share in zip(measured, relative, strict=True)]
    floats = {s: Rounded(v, e) for s, v, e in zip(SYMBOLS, measured, errors, strict=True)}
    found = followed(expr, floats)
    with ctx.workprec(512):
        truths = {s: arb(v) + arb(where) * arb(e) for s, v, e in zip(SYMBOLS, measured, errors, strict=True)}
        truth = exact(expr, truths)
        if math.isinf(found.error) or not (math.isfinite(found.value) and truth.is_finite()):
            return  # nothing is promised

        assert not abs(arb(float(found.value)) - truth) > arb(float(found.error)) * (1 + arb(1e-9)), expr


@pytest.mark.parametrize(
    ("expr", "point", "condition"),
    [
        (X + Y, (3.0, 0.7), 1.0),
        (X - Y, (3.0, 2.9), 59.0),
        (X * Y, (3.0, 0.7), 2.0),
        (X / Y, (3.0, 0.7), 2.0),
        (sp.sqrt(X), (3.0, 0.7), 0.5),
        (X**3, (3.0, 0.7), 3.0),
        (sp.exp(X), (3.0, 0.7), 3.0),
        (sp.log(X), (3.0, 0.7), 1 / math.log(3)),
        (sp.tanh(X), (0.2, 0.7), 1.0),
        (softplus(X), (3.0, 0.7), 1.0),
        (log1mexp(X), (0.5, 0.7), 0.9),
        (X ** sp.Rational(2, 3), (3.0, 0.7), 2 / 3),
        (sp.Max(X, Y), (3.0, 0.7), 1.0),
    ],
    ids=str,
)
def test_error_bound_is_not_loose(expr: sp.Expr, point: tuple[float, float], condition: float) -> None:
    """The bound is within 5 % of condition number × input error, once that outweighs the rounding."""
    share = 1e-10
    found = followed(expr, {s: Rounded(v, v * share) for s, v in zip((X, Y), point, strict=True)})

    assert float(found.error) <= 1.05 * condition * share * abs(found.value) + 1e-13


def test_error_bound_of_exact_inputs_is_a_few_last_places() -> None:
    """With exact inputs only the operations themselves are charged."""
    found = followed(sp.sqrt(X * Y + Z) / 3, {X: Rounded(3.0, 0.0), Y: Rounded(0.7, 0.0), Z: Rounded(5.0, 0.0)})

    assert 0 < found.error < 6 * EPS * found.value


def test_what_rounding_pushes_below_zero_has_a_root() -> None:
    """√ of a value within its error of 0 is 0 within √(2·error); of a truly negative one it is NaN."""
    expr = sp.sqrt(1 - X)
    near = followed(expr, {X: Rounded(1 + 2 * EPS, 4 * EPS)})
    beyond = followed(expr, {X: Rounded(2.0, 4 * EPS)})

    assert near.value == 0
    assert math.sqrt(4 * EPS) <= near.error < 2 * math.sqrt(4 * EPS)
    assert math.isnan(beyond.value)


def test_root_of_an_exact_zero_has_no_error() -> None:
    """√0 is 0 and certain."""
    assert followed(sp.sqrt(X), {X: Rounded(0.0, 0.0)}) == (0.0, 0.0)


def test_reciprocal_of_a_tiny_exact_number_has_a_finite_error() -> None:
    """The error bound of 1/x does not underflow to 0/0."""
    found = followed(1 / X, {X: Rounded(1e-170, 0.0)})

    assert found.error <= 2 * EPS * found.value


def test_reciprocal_of_what_may_be_zero_has_no_bound() -> None:
    """A denominator within its error of 0 says nothing: the bound is infinite, the value is not NaN."""
    found = followed(1 / X, {X: Rounded(1e-9, 1e-9)})

    assert found == (1 / 1e-9, math.inf)


def test_zero_times_what_has_no_bound_is_zero() -> None:
    """An exact 0 makes a product 0 whatever the other factor; one that may not be 0 leaves it without a bound."""
    unbounded = Rounded(1.0, math.inf)

    assert followed(X * Y, {X: Rounded(0.0, 0.0), Y: unbounded}).error < 1e-300
    assert followed(X * Y, {X: Rounded(0.0, 1e-16), Y: unbounded}).error == math.inf
    assert followed(log1mexp(X), {X: Rounded(2.0, 0.0)}).error < 1e-14


def test_exponential_that_underflows_keeps_an_honest_bound() -> None:
    """exp(−800 ± 100) is computed as 0, and may be as large as exp(−700)."""
    found = followed(sp.exp(X), {X: Rounded(-800.0, 100.0)})

    assert found.value == 0
    assert found.error >= math.exp(-700)


def test_products_that_underflow_keep_an_honest_bound() -> None:
    """1e-200 · 1e-120 is a denormal number, off by up to 5e-324."""
    found = followed(X * Y, {X: Rounded(1e-200, 0.0), Y: Rounded(1e-120, 0.0)})
    with ctx.workprec(256):
        off = abs(arb(float(found.value)) - arb(1e-200) * arb(1e-120))

    assert arb(0) < off <= arb(float(found.error)) <= arb(1e-322)


def test_constants_are_exact_where_floats_are() -> None:
    """Dyadic constants have no error, others half a last place; large integers that no float equals have one."""
    errors = {str(c): followed(c, {}).error for c in map(sp.sympify, ("3/8", "1/3", "pi", str(2**60), str(2**60 + 1)))}

    assert errors["3/8"] == errors[str(2**60)] == 0
    assert 0 < errors["1/3"] <= EPS / 3 + 1e-300
    assert 0 < errors["pi"] <= 4 * EPS
    assert errors[str(2**60 + 1)] >= 1


def test_balls_never_see_a_rounded_constant() -> None:
    """1/3, √2, log 2, π and e are enclosed to the working precision."""
    with ctx.workprec(1024):
        third, root, log2 = (exact(sp.sympify(text), {}) for text in ("1/3", "sqrt(2)", "log(2)"))
        pi, e = exact(sp.pi, {}), exact(sp.E, {})

        assert (3 * third - 1).contains(0)
        assert (root * root - 2).contains(0)
        assert (log2.exp() - 2).contains(0)
        assert all(ball.rel_accuracy_bits() > 1000 for ball in (third, root, log2, pi, e))


def test_compiled_constants_follow_the_precision() -> None:
    """An expression that was first evaluated at 64 bits is not stuck with its 64-bit constants."""
    expr = X * sp.sqrt(2) / 3
    for bits in (64, 512):
        with ctx.workprec(bits):
            assert exact(expr, {X: arb(1)}).rel_accuracy_bits() > bits - 16


@pytest.mark.parametrize("expr", [X**0.5, sp.Float(0.1) * X, X + sp.Float(1)], ids=str)
def test_float_constants_are_refused(expr: sp.Expr) -> None:
    """A Float in a statement is a rounded number that nobody asked for."""
    with pytest.raises(TheoremError, match=r"has no numeric form here"):
        followed(expr, {X: Rounded(2.0, 0.0)})


def test_unknown_functions_are_named() -> None:
    """A function without a numeric form is told, with those that have one."""
    with pytest.raises(TheoremError, match=r"atan has no numeric form here; write the statement with .*atoms"):
        exact(sp.atan(X), {X: arb(1)})
    with pytest.raises(TheoremError, match=r"GoldenRatio has no numeric form"):
        exact(sp.GoldenRatio * X, {X: arb(1)})


def test_roots_of_balls_are_cut_at_zero() -> None:
    """√ of a ball around 0 is that of its non-negative part; of a negative ball it is not finite."""
    around = exact(sp.sqrt(X), {X: arb(0, 1e-20)})

    assert around.is_finite()
    assert around.contains(arb(1e-10))
    assert not exact(sp.sqrt(X), {X: arb(-1)}).is_finite()


def test_largest_and_smallest_of_balls() -> None:
    """Max and Min enclose the exact extremes, arrays included."""
    balls = {X: np.array([arb(1), arb(5)], dtype=object), Y: arb(3)}

    assert list(exact(sp.Max(X, Y), balls)) == [arb(3), arb(5)]
    assert list(exact(sp.Min(X, Y), balls)) == [arb(1), arb(3)]
    assert exact(sp.Max(X, Y), {X: arb(1, 1e-3), Y: arb(1)}).contains(arb(1))


# --- measured quantities ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected_value", "expected_error"),
    [
        (0.5, 0.5, 3 * EPS * 0.5),
        (7, 7.0, 0.0),
        (True, 1.0, 0.0),
        (np.int64(7), 7.0, 0.0),
        (np.array([1, 2]), [1.0, 2.0], [0.0, 0.0]),
        (np.array([True, False]), [1.0, 0.0], [0.0, 0.0]),
        (np.float32(0.5), 0.5, 3 * EPS * 0.5),
        (bounded(0.5, 1e-3), 0.5, 1e-3),
    ],
    ids=repr,
)
def test_measured_floats_carry_their_error(value: Any, expected_value: Any, expected_error: Any) -> None:
    """Integers and truth values are exact, floats are off by eps × operations, bounds are taken as given."""
    found = as_rounded(value, operations=3)

    np.testing.assert_array_equal(expected_value, found.value)
    np.testing.assert_allclose(found.error, expected_error, rtol=1e-12, atol=1e-300)


def test_integers_that_no_float_equals_carry_an_error() -> None:
    """Beyond 2⁵³ an integer is rounded when it becomes a float."""
    assert as_rounded(2**53 + 1, 1).error >= 1
    assert as_rounded(np.array([2**60 + 1]), 1).error[0] >= 1


def test_measured_denormals_carry_an_error() -> None:
    """eps × value underflows for them, yet they may be off by a whole spacing."""
    assert as_rounded(1e-320, 2).error > 0
    assert as_rounded(0.0, 0.5).error > 0
    assert as_rounded(1e-320, 0).error == 0


def test_tensors_widen_exactly() -> None:
    """A tensor is read as it is, whatever its precision and whether or not it tracks gradients."""
    import torch

    weights = torch.tensor([0.1, 0.5], requires_grad=True)

    np.testing.assert_array_equal(as_rounded(weights, 1).value, weights.detach().double().numpy())
    np.testing.assert_array_equal(as_rounded(weights.detach().bfloat16(), 1).value, [0.10009765625, 0.5])
    np.testing.assert_array_equal(as_rounded(torch.tensor([3]), 1).error, [0.0])


def test_balls_of_integers_are_exact() -> None:
    """Integers and truth values of a measure enter the world of balls exactly, whatever their size."""
    big = 3**40

    assert as_balls(big, "n") == arb(big)
    assert all(as_balls(np.array([1, 2]), "n") == np.array([arb(1), arb(2)], dtype=object))
    assert as_balls(np.zeros(0, dtype=int), "n").shape == (0,)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array([0.5])], ids=repr)
def test_floats_have_no_place_among_balls(value: Any) -> None:
    """A measure that returns floats under exact re-measurement is told so, by the symbol's name."""
    with pytest.raises(TheoremError, match=r"the measure gave margin as float(32|64).*without float constants"):
        as_balls(value, "margin")
