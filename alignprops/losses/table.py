"""The losses by name: DPO and its convex relatives.

| name | f(m) | −f'(0) | Lipschitz constant of f' | inf f |
| --- | --- | --- | --- | --- |
| sigmoid (DPO) | log(1 + e⁻ᵐ) | ½ | ¼ | 0 |
| ipo | (m − 1/(2τ))² | 1/τ | 2 | 0 |
| hinge (SLiC) | max(0, 1 − m) | 1 | ∞ | 0 |
| label-smoothed (cDPO) | (1−ε)ℓ(m) + εℓ(−m) | ½ − ε | ¼ | −ε log ε − (1−ε) log(1−ε) |
| robust | ((1−ε)ℓ(m) − εℓ(−m))/(1−2ε) | 1/(2(1−2ε)) | ¼ | −∞ (0 for ε = 0) |
| squared-hinge | max(0, 1 − m)² | 2 | 2 | 0 |
| exponential | e⁻ᵐ | 1 | ∞ | 0 |

ℓ(m) = log(1 + e⁻ᵐ).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from sympy import Expr, Integer, Max, Piecewise, Rational, exp, log, oo

from alignprops._errors import InputError, UnknownNameError
from alignprops.atoms import softplus
from alignprops.losses.pairwise import PairwiseLoss, margin
from alignprops.quantity import nonnegative, positive

#: ε, the share of labels believed to be wrong; τ, IPO's strength of the pull to the reference.
label_smoothing = nonnegative("label_smoothing", r"\varepsilon")
tau = positive("tau", r"\tau")

_entropy = -label_smoothing * log(label_smoothing) - (1 - label_smoothing) * log(1 - label_smoothing)


def _unless_smoothed(at_zero: Expr, otherwise: Expr) -> Expr:
    return Piecewise((at_zero, label_smoothing <= 0), (otherwise, True))


def _table(*losses: PairwiseLoss) -> dict[str, PairwiseLoss]:
    return {loss.name: loss for loss in losses}


#: Every loss at its default hyper-parameters.
PAIRWISE_LOSSES: Mapping[str, PairwiseLoss] = _table(
    PairwiseLoss(
        "sigmoid",
        "direct preference optimisation (DPO)",
        "Rafailov et al. 2023, Eq. 7",
        softplus(-margin),
        smoothness=Rational(1, 4),
        infimum=Integer(0),
        parameters={},
    ),
    PairwiseLoss(
        "ipo",
        "identity preference optimisation (IPO); the margin is the log-ratio difference itself, β := 1",
        "Azar et al. 2023, Eq. 17",
        (margin - 1 / (2 * tau)) ** 2,
        smoothness=Integer(2),
        infimum=Integer(0),
        parameters={"tau": 0.1},
    ),
    PairwiseLoss(
        "hinge",
        "hinge loss on the margin (SLiC)",
        "Zhao et al. 2023, SLiC-HF, Section 2",
        Max(0, 1 - margin),
        smoothness=oo,
        infimum=Integer(0),
        parameters={},
    ),
    PairwiseLoss(
        "label-smoothed",
        "conservative DPO (cDPO): labels are wrong with probability ε",
        "Mitchell 2023, A note on DPO with noisy preferences",
        (1 - label_smoothing) * softplus(-margin) + label_smoothing * softplus(margin),
        smoothness=Rational(1, 4),
        infimum=_unless_smoothed(Integer(0), _entropy),
        parameters={"label_smoothing": 0.1},
    ),
    PairwiseLoss(
        "robust",
        "robust DPO: unbiased under labels flipped with probability ε",
        "Chowdhury et al. 2024, Section 3",
        ((1 - label_smoothing) * softplus(-margin) - label_smoothing * softplus(margin)) / (1 - 2 * label_smoothing),
        smoothness=Rational(1, 4),
        infimum=_unless_smoothed(Integer(0), -oo),
        parameters={"label_smoothing": 0.1},
    ),
    PairwiseLoss(
        "squared-hinge",
        "squared hinge loss on the margin (truncated square)",
        "Tang et al. 2024, Table 1",
        Max(0, 1 - margin) ** 2,
        smoothness=Integer(2),
        infimum=Integer(0),
        parameters={},
    ),
    PairwiseLoss(
        "exponential",
        "exponential loss of the margin",
        "Tang et al. 2024, Table 1",
        exp(-margin),
        smoothness=oo,
        infimum=Integer(0),
        parameters={},
    ),
)

#: What a hyper-parameter must be, in words and as a test.
_RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "label_smoothing": ("at least 0 and below 0.5", lambda value: 0 <= value < 1 / 2),
    "tau": ("positive", lambda value: isfinite(value) and value > 0),
}


def pairwise_loss(name: str, **parameters: float) -> PairwiseLoss:
    """The loss of that name, with these hyper-parameters in place of its defaults.

    Raises:
        UnknownNameError: no loss has that name; the message names the nearest.
        InputError: the loss has no such hyper-parameter, or the value is out of its range.
    """
    if name not in PAIRWISE_LOSSES:
        raise UnknownNameError("loss", name, PAIRWISE_LOSSES)
    loss = PAIRWISE_LOSSES[name]
    for parameter, value in parameters.items():
        _check(loss, parameter, value)
    return replace(loss, parameters={**loss.parameters, **parameters})


def training_loss(name: str, *, beta: float, **parameters: float) -> tuple[PairwiseLoss, float]:
    """A loss for training with DPO's β, and the number that makes a log-ratio difference h its margin.

    The margin is βh, but IPO reads β as its τ and h itself as the margin: its loss is (h − 1/(2β))².

    Raises:
        UnknownNameError, InputError: as `pairwise_loss`; or β is not positive.
    """
    if not (isfinite(beta) and beta > 0):
        raise InputError(f"beta is {beta!r}; expected a positive number")
    if name == "ipo":
        if "tau" in parameters:
            raise InputError("ipo takes beta as its tau; give one of the two")
        return pairwise_loss(name, tau=beta), 1.0
    return pairwise_loss(name, **parameters), float(beta)


def _check(loss: PairwiseLoss, parameter: str, value: Any) -> None:
    if parameter not in loss.parameters:
        has = ", ".join(loss.parameters) or "none"
        raise InputError(f"the loss {loss.name!r} has no hyper-parameter {parameter!r}; it has: {has}")
    wanted, allowed = _RANGES[parameter]
    if isinstance(value, bool) or not isinstance(value, int | float) or not allowed(value):
        raise InputError(f"{parameter} is {value!r}; expected a number that is {wanted}")
