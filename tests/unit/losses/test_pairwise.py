"""The losses: one expression, from which value, slope and constants come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from flint import arb, ctx

from alignprops._errors import InputError, UnknownNameError
from alignprops.atoms import expand_atoms
from alignprops.losses import PAIRWISE_LOSSES, PairwiseLoss, margin, pairwise_loss, training_loss

LOSSES = list(PAIRWISE_LOSSES.values())
WIDE = np.concatenate([np.linspace(-30, 30, 1201), [-1e4, -1e3, -100.0, 100.0, 1e3, 1e4]])


def by_name(loss: PairwiseLoss) -> str:
    """The name, as a test's id."""
    return loss.name


def elementary(name: str, m: sp.Expr) -> sp.Expr:
    """The losses written out a second time, in elementary functions at the default hyper-parameters."""
    tenth, logistic = sp.Rational(0.1), lambda a: sp.log(1 + sp.exp(-a))
    return {
        "sigmoid": logistic(m),
        "ipo": (m - 1 / (2 * tenth)) ** 2,
        "hinge": sp.Max(0, 1 - m),
        "label-smoothed": (1 - tenth) * logistic(m) + tenth * logistic(-m),
        "robust": sp.log(2) + sp.log(sp.cosh(m / 2)) - m / (2 * (1 - 2 * tenth)),
        "squared-hinge": sp.Max(0, 1 - m) ** 2,
        "exponential": sp.exp(-m),
    }[name]


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
@pytest.mark.parametrize("at", [-1e4, -40.0, -1.5, -1e-9, 0.0, 1e-9, 0.5, 3.0, 40.0, 1e4])
def test_values_are_those_of_the_definition(loss: PairwiseLoss, at: float) -> None:
    """Against 60 digits, float64 and float32, far out and close to 0."""
    true = elementary(loss.name, sp.Rational(at)).evalf(60)
    for dtype in (np.float64, np.float32):
        if at != np.float32(at) and dtype is np.float32:
            continue
        value = loss.value(np.array([at], dtype))
        assert value.dtype == dtype
        if loss.name == "exponential" and at < -100:
            assert value[0] == np.inf
            continue
        size = max(abs(float(true)), abs(at) * float(np.finfo(dtype).tiny))
        # `robust` is a difference of two terms of the size of the margin.
        conditioning = max(size, 1.0) if loss.name == "robust" else size
        assert abs(float(value[0]) - float(true)) <= 8 * np.finfo(dtype).eps * conditioning + np.finfo(dtype).tiny


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_give_the_same_values_and_slopes(loss: PairwiseLoss, dtype: torch.dtype) -> None:
    """Tensors keep their dtype, and autograd's slope is the symbolic one, kinks included."""
    margins = torch.tensor(WIDE, dtype=dtype, requires_grad=True)
    values = loss.value(margins)
    assert (values.dtype, values.shape) == (dtype, margins.shape)
    values.sum().backward()
    floats = margins.detach().numpy()
    tolerance = 8 * torch.finfo(dtype).eps
    np.testing.assert_allclose(values.detach().numpy(), loss.value(floats), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(margins.grad.numpy(), loss.slope(floats), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(loss.slope(margins).detach().numpy(), loss.slope(floats), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_second_derivatives_pass_autograd(loss: PairwiseLoss) -> None:
    """f'' by autograd twice is f'' by sympy."""
    margins = torch.tensor([-2.0, 0.25, 3.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss.value(margins).sum(), margins, create_graph=True)
    curvature = torch.autograd.grad(slope.sum(), margins, allow_unused=True)[0] if slope.requires_grad else None
    expected = sp.diff(elementary(loss.name, margin), margin, 2)
    for at, found in zip(margins.tolist(), [0.0] * 3 if curvature is None else curvature.tolist(), strict=True):
        assert found == pytest.approx(float(expected.subs(margin, at)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_balls_enclose_the_floats(loss: PairwiseLoss) -> None:
    """Value and slope on balls are those on floats, to more digits."""
    points = [-3.0, -0.5, 0.0, 0.75, 2.0]
    with ctx.workprec(200):
        balls = np.array([arb(at) for at in points], dtype=object)
        values, slopes = loss.value(balls), loss.slope(balls)
        for at, value, slope in zip(points, values, slopes, strict=True):
            assert float(value.mid()) == pytest.approx(float(loss.value(at)), rel=1e-14)
            assert float(slope.mid()) == pytest.approx(float(loss.slope(at)), rel=1e-14)


def test_a_ball_about_the_kink_has_every_slope() -> None:
    """A ball that straddles m = 1 encloses the slopes on both sides."""
    ball = arb(1, 0.5)
    slope = PAIRWISE_LOSSES["hinge"].slope(ball)
    assert slope.contains(0)
    assert slope.contains(-1)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_slope_at_zero_is_derived_and_negative(loss: PairwiseLoss) -> None:
    """a₀ is what a difference quotient of the definition says."""
    step = 1e-6
    quotient = (float(loss.value(step)) - float(loss.value(-step))) / (2 * step)
    assert loss.number(loss.slope_at_zero) == pytest.approx(-quotient, rel=1e-8)
    assert loss.number(loss.slope_at_zero) > 0
    assert loss.number(loss.value_at_zero) == pytest.approx(float(loss.value(0.0)), rel=1e-15)


def test_slopes_at_zero_are_those_of_the_table() -> None:
    """a₀ as the theory's table states it, in the hyper-parameters."""
    epsilon, tau = (sp.Symbol(name, positive=True) for name in ("label_smoothing", "tau"))
    table = {
        "sigmoid": sp.Rational(1, 2),
        "ipo": 1 / tau,
        "hinge": 1,
        "label-smoothed": sp.Rational(1, 2) - epsilon,
        "robust": 1 / (2 * (1 - 2 * epsilon)),
        "squared-hinge": 2,
        "exponential": 1,
    }
    named = {"label_smoothing": epsilon, "tau": tau}
    for name, loss in PAIRWISE_LOSSES.items():
        found = loss.slope_at_zero.subs({symbol: named[key] for key, symbol in loss.symbols.items()})
        assert sp.simplify(found - table[name]) == 0, name


def largest_quotient(loss: PairwiseLoss, points: np.ndarray) -> float:
    """The steepest secant of f' between neighbours."""
    return float(np.max(np.diff(loss.slope(points)) / np.diff(points)))


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_the_slope_is_monotone_and_as_smooth_as_declared(loss: PairwiseLoss) -> None:
    """f is convex; c₂ bounds the secants of f' and is approached; where it is ∞ they grow without end."""
    points = np.linspace(-8, 8, 2**14 + 1)
    assert (np.diff(loss.slope(points)) >= -1e-12).all()
    constant = loss.number(loss.smoothness)
    steepest = largest_quotient(loss, points)
    if np.isfinite(constant):
        assert steepest <= constant * (1 + 1e-9)
        assert steepest >= constant * (1 - 1e-3)
    elif loss.name == "hinge":
        assert largest_quotient(loss, np.linspace(-8, 8, 2**18 + 1)) > 8 * steepest
    else:
        assert largest_quotient(loss, np.linspace(-16, -8, 2**12 + 1)) > 1000 * steepest


@pytest.mark.parametrize("name", ["sigmoid", "label-smoothed", "robust"])
def test_a_quarter_is_proved_where_the_loss_is_logistic(name: str) -> None:
    """f'' = σ(m)σ(−m) = ¼ − ¼ tanh²(m/2)."""
    second = sp.diff(PAIRWISE_LOSSES[name].expression, margin, 2)
    x = sp.Symbol("x", positive=True)  # eᵐ
    assert (
        sp.simplify(expand_atoms(second).subs(sp.exp(-margin), 1 / x).subs(sp.exp(margin), x) - x / (1 + x) ** 2) == 0
    )


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_the_infimum_is_approached_and_never_passed(loss: PairwiseLoss) -> None:
    """No value below inf f, and values close to it; without end where it is −∞."""
    values = loss.value(np.concatenate([np.linspace(-20, 60, 40001), [1e3, 1e4]]))
    lowest = loss.number(loss.infimum)
    if np.isfinite(lowest):
        assert values.min() >= lowest - 1e-15
        assert values.min() <= lowest + 1e-5
    else:
        assert loss.value(1e6) < -1e5


@pytest.mark.parametrize(("name", "slope", "infimum"), [("label-smoothed", 0.5, 0.0), ("robust", 0.5, 0.0)])
def test_without_smoothing_it_is_dpo(name: str, slope: float, infimum: float) -> None:
    """At ε = 0 both smoothed losses are the logistic one, constants included."""
    loss = pairwise_loss(name, label_smoothing=0.0)
    assert (loss.number(loss.slope_at_zero), loss.number(loss.infimum)) == (slope, infimum)
    np.testing.assert_array_equal(loss.value(WIDE), PAIRWISE_LOSSES["sigmoid"].value(WIDE))


def test_hyper_parameters_replace_the_defaults() -> None:
    """A loss made with hyper-parameters leaves the table as it is."""
    assert pairwise_loss("ipo", tau=0.5).value(0.0) == 1.0
    assert pairwise_loss("label-smoothed", label_smoothing=0.25).value(40.0) == pytest.approx(10.0)
    assert PAIRWISE_LOSSES["ipo"].parameters == {"tau": 0.1}


def test_ipo_reads_beta_as_its_tau_in_training() -> None:
    """(h − 1/(2β))² of the log-ratio difference h; the others see βh."""
    loss, scale = training_loss("ipo", beta=0.25)
    assert float(loss.value(scale * 5.0)) == (5.0 - 2.0) ** 2
    loss, scale = training_loss("sigmoid", beta=0.25)
    assert float(loss.value(scale * 4.0)) == pytest.approx(np.log1p(np.exp(-1)))


def test_what_cannot_be_is_refused() -> None:
    """Unknown names and numbers out of range: what was given, what was expected."""
    with pytest.raises(UnknownNameError, match=r"unknown loss 'sigmoyd'; did you mean 'sigmoid'"):
        pairwise_loss("sigmoyd")
    with pytest.raises(InputError, match=r"label_smoothing is 0.5; expected a number that is at least 0 and below 0.5"):
        pairwise_loss("robust", label_smoothing=0.5)
    with pytest.raises(InputError, match=r"tau is 0.0; expected a number that is positive"):
        pairwise_loss("ipo", tau=0.0)
    with pytest.raises(InputError, match=r"tau is nan"):
        pairwise_loss("ipo", tau=float("nan"))
    with pytest.raises(InputError, match=r"'hinge' has no hyper-parameter 'tau'; it has: none"):
        pairwise_loss("hinge", tau=1.0)
    with pytest.raises(InputError, match=r"beta is -1; expected a positive number"):
        training_loss("sigmoid", beta=-1)
    with pytest.raises(InputError, match=r"ipo takes beta as its tau"):
        training_loss("ipo", beta=0.1, tau=0.1)


def test_lists_and_integers_become_float64() -> None:
    """Anything that is no float array is widened."""
    found = PAIRWISE_LOSSES["hinge"].value([[0, 2], [1, -1]])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, 0], [0, 2]])


def test_a_wrong_constant_would_be_found() -> None:
    """The checks of c₂ and inf f can fail."""
    wrong = replace(PAIRWISE_LOSSES["sigmoid"], smoothness=sp.Rational(1, 8), infimum=sp.Rational(1, 10))
    with pytest.raises(AssertionError):
        test_the_slope_is_monotone_and_as_smooth_as_declared(wrong)
    with pytest.raises(AssertionError):
        test_the_infimum_is_approached_and_never_passed(wrong)
