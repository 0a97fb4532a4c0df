"""Mistakes of divergences of whole distributions."""

from __future__ import annotations

from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.atoms import softplus
from alignprops.conformance.call import Call
from alignprops.conformance.kl_case import LOGITS
from alignprops.conformance.kl_torch import TorchDivergence
from alignprops.losses.estimators.divergences import beta as beta_symbol
from alignprops.losses.estimators.estimator import policy_log, reference_log
from alignprops.subjects.mistakes.kl_planting import Needs, changed, in_variant, is_named, planted
from alignprops.subjects.mistakes.mistake import Mistake


class Swapped(TorchDivergence):
    """Policy and reference are taken for each other: the other direction of the KL."""

    def entries(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        return super().entries(reference, policy, call)


class LogOfMean(TorchDivergence):
    """The mixture is averaged in probabilities and its logarithm taken: −∞ where both underflow."""

    def entry(self, beta: float | None) -> sp.Expr:
        mean = sp.log(beta_symbol * sp.exp(reference_log) + (1 - beta_symbol) * sp.exp(policy_log))
        odds = sp.log(1 - beta_symbol) + policy_log - sp.log(beta_symbol) - reference_log
        mixture = sp.log(beta_symbol) + reference_log + softplus(odds)
        return sp.expand(super().entry(beta)).subs(softplus(odds), mean - mixture + softplus(odds))


class LogOfSoftmax(TorchDivergence):
    """log(softmax(z)) is computed in two steps: −∞ where a probability underflows."""

    def log_probs(self, table: Tensor, call: Call) -> Tensor:
        return torch.softmax(table / self.temperature(call), dim=-1).log()


class SwappedWeights(TorchDivergence):
    """The weights of the two divergences are swapped."""

    def entry(self, beta: float | None) -> sp.Expr:
        made: Any = self.made
        other = {"other weights": "as written"}.get(self.variant, "other weights")
        return made.entry(other, beta) if beta not in (0.0, 1.0) else made.entry(self.variant, beta)


class EndsForgotten(TorchDivergence):
    """The ends of β get the formula of the inside."""

    def entry(self, beta: float | None) -> sp.Expr:
        return sp.Integer(0) if beta in (0.0, 1.0) else super().entry(beta)


class OneEndForgotten(TorchDivergence):
    """β = 1 gets the formula of the inside; β = 0 does not."""

    def entry(self, beta: float | None) -> sp.Expr:
        return sp.Integer(0) if beta == 1.0 else super().entry(beta)


class TemperatureSquared(TorchDivergence):
    """The divergence is multiplied by the square of the temperature."""

    def values(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        return super().values(policy, reference, call) * self.temperature(call) ** 2


class LogProbsTempered(TorchDivergence):
    """Log-probabilities are divided by the temperature, and not normalised again."""

    def log_probs(self, table: Tensor, call: Call) -> Tensor:
        return torch.log_softmax(table, dim=-1) / self.temperature(call)


class TeacherNotTempered(TorchDivergence):
    """Only the student's logits are divided by the temperature."""

    def values(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        return super().values(policy, reference * self.temperature(call), call)


class PositiveEntries(TorchDivergence):
    """The summands are clamped at 0 one by one."""

    def entries(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        return super().entries(policy, reference, call).clamp(min=0)


_TEMPERED: Needs = lambda honest: honest.form.endswith(LOGITS) and "temperature" in honest.options  # noqa: E731

DIVERGENCE_MISTAKES: tuple[Mistake, ...] = (
    Mistake("direction-swapped", "takes the other direction of the divergence", (), planted(Swapped)),
    Mistake(
        "log-of-mean",
        "takes the logarithm of the mean probability, which underflows",
        (72,),
        planted(LogOfMean, is_named("jsd")),
    ),
    Mistake(
        "log-of-softmax",
        "computes log(softmax(z)) in two steps, infinite where a probability underflows",
        (72,),
        planted(LogOfSoftmax, _TEMPERED),
    ),
    Mistake(
        "weights-swapped",
        "swaps the weights of the two divergences (or of beta and 1 - beta)",
        (71,),
        planted(SwappedWeights, is_named("jsd")),
    ),
    Mistake(
        "ends-forgotten",
        "has the formula of the inside also at beta = 0 and 1",
        (71,),
        planted(EndsForgotten, in_variant("special ends", "other weights")),
    ),
    Mistake(
        "one-end-forgotten",
        "has the formula of the inside also at beta = 1",
        (71,),
        planted(OneEndForgotten, in_variant("special ends", "other weights")),
    ),
    Mistake(
        "mixture-reversed",
        "takes beta as the weight of the student in the mixture",
        (71,),
        changed("beta", lambda b: 1 - b),
    ),
    Mistake("temperature-ignored", "accepts temperature and ignores it", (72, 66), changed("temperature", lambda _: 1)),
    Mistake(
        "temperature-squared",
        "multiplies the divergence by the square of the temperature",
        (72,),
        planted(TemperatureSquared, _TEMPERED),
    ),
    Mistake(
        "log-probs-tempered",
        "divides log-probabilities by the temperature instead of logits",
        (67,),
        planted(LogProbsTempered, _TEMPERED),
    ),
    Mistake(
        "teacher-not-tempered",
        "divides only the student's logits by the temperature",
        (42,),
        planted(TeacherNotTempered, _TEMPERED),
    ),
    Mistake(
        "entries-clamped",
        "clamps the summands of the divergence at 0 one by one",
        (),
        planted(PositiveEntries),
    ),
)
