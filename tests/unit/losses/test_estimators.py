"""Estimators and divergences equal straight formulas, written out in numpy from their papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from numpy.typing import NDArray

from alignprops import InputError
from alignprops.conformance.call import make_call
from alignprops.losses.estimators.excess import excess
from alignprops.losses.estimators.table import KL_ESTIMATORS, kl_estimator
from alignprops.subjects.kl_estimator import reference

Floats = NDArray[np.float64]

POLICY = np.array([[-0.5, -2.0, -1.25], [-3.0, -0.125, -0.75]])
REFERENCE = np.array([[-1.0, -0.5, -1.25], [-0.25, -4.0, -1.0]])
#: Schulman's note: r = p/q with q the sampling distribution.
RATIO = np.exp(REFERENCE - POLICY)
VALUES: dict[str, Floats] = {
    "k1": -np.log(RATIO),
    "k2": np.log(RATIO) ** 2 / 2,
    "k3": (RATIO - 1) - np.log(RATIO),
    "k4": RATIO * np.log(RATIO) - (RATIO - 1),
    "abs": np.abs(np.log(RATIO)),
}
SLOPES: dict[tuple[str, str], Floats] = {
    ("k1", "plain"): np.ones_like(RATIO),
    ("k1", "straight-through"): POLICY - REFERENCE,
    ("k1", "score-corrected"): POLICY - REFERENCE + 1,
    ("k2", "plain"): POLICY - REFERENCE,
    ("k3", "plain"): 1 - RATIO,
    ("k3", "straight-through"): POLICY - REFERENCE,
    ("k3", "score-corrected"): VALUES["k3"] + 1 - RATIO,
    ("k4", "plain"): -RATIO * np.log(RATIO),
    ("abs", "plain"): np.sign(POLICY - REFERENCE),
}


def called(name: str, variant: str, arrays: dict[str, Any], **options: float) -> tuple[Floats, Floats]:
    """The reference's values, and the gradient of their sum in the policy's input."""
    made = reference(kl_estimator(name), variant)
    first = next(iter(arrays))
    call = make_call(arrays, options, dtype="float64", differentiable=(first,))
    found = made(call, main="kl", upstream=1.0)
    return found.outputs["kl"], found.gradients[first]


@pytest.mark.parametrize(("name", "variant"), SLOPES, ids=" ".join)
def test_an_estimator_is_schulmans_with_the_gradient_of_its_convention(name: str, variant: str) -> None:
    """Value of the estimator, gradient of the convention."""
    value, slope = called(name, variant, {"logprobs": POLICY, "ref_logprobs": REFERENCE})

    assert value == pytest.approx(VALUES[name], rel=1e-13)
    assert slope == pytest.approx(SLOPES[name, variant], rel=1e-13, abs=1e-15)


def test_a_clamped_k3_is_cut_at_20_and_at_10() -> None:
    """A log-ratio L = 30 gives 10 with no gradient, one of −30 gives that of −20: 19, cut to 10; 1 is left alone."""
    policy, other = np.array([[-31.0, -1.0, -2.0, -1.0]]), np.array([[-1.0, -31.0, -1.0, -10.0]])
    value, slope = called("k3", "clamped", {"logprobs": policy, "ref_logprobs": other})

    assert value[0] == pytest.approx([10, 10, np.e - 2, np.exp(-9) + 8], rel=1e-12)
    assert slope[0] == pytest.approx([0, 0, 1 - np.e, 1 - np.exp(-9)], rel=1e-12)


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    made: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return made


def kl(p: Floats, q: Floats) -> Floats:
    """KL(p‖q) over the last axis."""
    made: Floats = (p * np.log(p / q)).sum(axis=-1)
    return made


def jsd(s: Floats, t: Floats, beta: float) -> Floats:
    """Agarwal et al. 2024: β KL(P‖βP+(1−β)Q) + (1−β) KL(Q‖βP+(1−β)Q), P the teacher."""
    m = beta * t + (1 - beta) * s
    return beta * kl(t, m) + (1 - beta) * kl(s, m)


def other_weights(s: Floats, t: Floats, beta: float) -> Floats:
    """The same with the weights of the two divergences exchanged."""
    m = beta * t + (1 - beta) * s
    return (1 - beta) * kl(t, m) + beta * kl(s, m)


FORMULAS: dict[tuple[str, str], Callable[[Floats, Floats, float], Floats]] = {
    ("full-kl", "reverse"): lambda s, t, beta: kl(s, t),
    ("full-kl", "forward"): lambda s, t, beta: kl(t, s),
    ("jsd", "special ends"): lambda s, t, beta: kl(t, s) if beta == 0 else kl(s, t) if beta == 1 else jsd(s, t, beta),
    ("jsd", "as written"): jsd,
    ("jsd", "other weights"): other_weights,
}


@pytest.mark.parametrize("beta", [0.0, 0.25, 0.5, 0.875, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(("name", "variant"), FORMULAS, ids=" ".join)
def test_a_divergence_is_that_of_its_paper(name: str, variant: str, beta: float, temperature: float) -> None:
    """Value against probabilities written out, gradient in the logits against central differences of it."""
    z, w = POLICY[:, None, :] * 3, REFERENCE[:, None, :] * 2
    formula = FORMULAS[name, variant]

    def straight(logits: Floats) -> Floats:
        return formula(softmax(logits / temperature), softmax(w / temperature), beta)

    options = {"temperature": temperature} | ({"beta": beta} if name == "jsd" else {})
    value, slope = called(name, variant, {"logits": z, "ref_logits": w}, **options)

    assert value == pytest.approx(straight(z), rel=1e-12, abs=1e-15)
    steps = 1e-5 * np.eye(3)
    numeric = np.stack([(straight(z + step) - straight(z - step)) / 2e-5 for step in steps], axis=-1)
    assert slope == pytest.approx(numeric, abs=1e-8)


def test_the_jensen_shannon_divergence_of_other_weights_is_continuous_at_its_ends_and_the_papers_is_not() -> None:
    """At β = 1 − 1e-6 the one is near KL(S‖T), the other near 0."""
    arrays = {"logits": POLICY[:, None, :], "ref_logits": REFERENCE[:, None, :]}
    at_end = called("full-kl", "reverse", arrays, temperature=1.0)[0]
    near = {
        variant: called("jsd", variant, arrays, beta=1 - 1e-6, temperature=1.0)[0]
        for variant in ("other weights", "special ends")
    }

    assert near["other weights"] == pytest.approx(at_end, rel=1e-3)
    assert np.all(near["special ends"] < 1e-4)


def test_excess_is_accurate_where_the_plain_formula_cancels() -> None:
    """Against 50 digits, near 0 and far from it, of both signs; and as a tensor never below 0."""
    points = np.array([1e-12, -1e-9, 1e-4, -9e-4, 1.1e-3, -0.5, 3.0, -40.0])
    exact = [float((sp.exp(sp.Rational(x)) - 1 - sp.Rational(x)).evalf(50)) for x in points]

    assert excess.numeric(points) == pytest.approx(exact, rel=1e-12)
    assert excess.numeric(np.float64(1e-4)) == pytest.approx(5.000166670833e-9, rel=1e-10)
    small = torch.linspace(-1e-3, 1e-3, 4001)
    assert bool((excess.numeric(small) >= 0).all())
    assert bool(((small.exp() - 1 - small) < 0).any())  # what it is for


def test_names_of_the_field_lead_to_the_same_estimators() -> None:
    """Those of several libraries; one that nobody uses is refused with the nearest."""
    names = {"kl": "k1", "mse": "k2", "low_var_kl": "k3", "LOW_VAR_KL": "k3", "full": "full-kl", "gkd": "jsd"}

    assert {name: kl_estimator(name).name for name in names} == names
    assert all(kl_estimator(name) is made for name, made in KL_ESTIMATORS.items())
    with pytest.raises(InputError, match="unknown KL estimator or divergence 'k33'; did you mean 'k3'"):
        kl_estimator("k33")
