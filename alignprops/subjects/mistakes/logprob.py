"""Mistakes of log-probabilities of sequences: alignment, masks, reductions, options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.logprob import INDEX, LOGITS, Form
from alignprops.conformance.logprob_torch import TorchLogps
from alignprops.losses.logprobs.formula import SHIFTING
from alignprops.subjects.mistakes.logprob_numerics import (
    FirstUpstream,
    InPlace,
    LogOfSoftmax,
    LogSumExpNaive,
    MaskMultiplied,
    NoNormaliserGradient,
    RoundedLogits,
    RoundedSlope,
    ZeroGradient,
)
from alignprops.subjects.mistakes.mistake import Mistake
from alignprops.subjects.mistakes.pairwise import changed_option, ignored

Plant = Callable[[Conformer], Conformer | None]


def _planted(make: type[TorchLogps], *, needs: Callable[[Conformer], bool] = lambda _: True) -> Plant:
    def plant(honest: Conformer) -> Conformer | None:
        if not needs(honest):
            return None
        wrong: Any = make(honest.form, honest.variant, honest.reduction)
        return replace(honest, function=wrong)

    return plant


def _shifts(honest: Conformer) -> bool:
    return honest.variant == SHIFTING


def _masks(honest: Conformer) -> bool:
    return Form.named(honest.form).targets != INDEX


def _shifts_and_masks(honest: Conformer) -> bool:
    return _shifts(honest) and _masks(honest)


def _reduces(honest: Conformer) -> bool:
    return honest.reduction != "none"


def _of_logits(honest: Conformer) -> bool:
    return Form.named(honest.form).source == LOGITS


def _has_bias(honest: Conformer) -> bool:
    return "bias" in Form.named(honest.form).leaves


def _has(option: str) -> Callable[[Conformer], bool]:
    return lambda honest: option in honest.options


# --- alignment --------------------------------------------------------------------------------------------------


class Unshifted(TorchLogps):
    """Each label is looked up in the logits of its own position."""

    def rows(self, table: Tensor) -> Tensor:
        return table[:, self.shift :]


class ShiftedTwice(TorchLogps):
    """Labels that are shifted already are shifted again: the one after the next is looked up."""

    def labels(self, call: Call) -> Tensor:
        labels = super().labels(call)
        return torch.cat([labels[:, 1:], torch.zeros_like(labels[:, :1])], dim=1)


class MaskNotShifted(TorchLogps):
    """Labels are shifted and their mask is not: it is cut on the wrong side."""

    def scored(self, call: Call) -> Tensor:
        mask = self.mask(call)
        return mask[:, : mask.shape[1] - self.shift]


# --- masks ------------------------------------------------------------------------------------------------------


class PaddingIncluded(TorchLogps):
    """What stands behind the end of a response is scored."""

    def scored(self, call: Call) -> Tensor:
        return super().scored(call).cumsum(dim=1) > 0


class PromptIncluded(TorchLogps):
    """The prompt is scored with its response."""

    def scored(self, call: Call) -> Tensor:
        return super().scored(call).flip(1).cumsum(dim=1).flip(1) > 0


class FirstTokenLost(TorchLogps):
    """The first token of a response does not count."""

    def scored(self, call: Call) -> Tensor:
        scored = super().scored(call)
        return scored & (scored.cumsum(dim=1) > 1)


class LastTokenLost(TorchLogps):
    """The last token of a response, its end-of-sequence token, does not count."""

    def scored(self, call: Call) -> Tensor:
        scored = super().scored(call)
        return scored & (scored.flip(1).cumsum(dim=1).flip(1) > 1)


class LastColumnLost(TorchLogps):
    """The last column is cut away: the last token of the longest row."""

    def scored(self, call: Call) -> Tensor:
        scored = super().scored(call)
        kept = torch.arange(scored.shape[1]) < scored.shape[1] - 1
        return scored & kept


class FirstHalfsMask(TorchLogps):
    """The second half of the batch, the rejected responses, is masked as the first."""

    def scored(self, call: Call) -> Tensor:
        scored = super().scored(call)
        half = max(len(scored) // 2, 1)
        return scored[torch.arange(len(scored)) % half]


class PadIdMasked(TorchLogps):
    """Tokens are masked by the id of padding, which is also that of the end of a sequence (here 0)."""

    def scored(self, call: Call) -> Tensor:
        return super().scored(call) & (self.labels(call) != 0)


# --- reductions and options ---------------------------------------------------------------------------------------


class OtherReduction(TorchLogps):
    """The mean over tokens is returned for the sum, or the sum for the mean."""

    def averaged(self, call: Call) -> bool:
        return not super().averaged(call)


class MeanOfAllColumns(TorchLogps):
    """A mean is divided by the width of the batch, padding and prompt included."""

    def divisor(self, scored: Tensor) -> Tensor:
        return torch.full((len(scored),), scored.shape[1])


class MeanOfNothing(TorchLogps):
    """A mean divides by a count that may be 0."""

    def divisor(self, scored: Tensor) -> Tensor:
        return scored.sum(dim=1)


class MeanCountOfBatch(TorchLogps):
    """A mean is divided by the average count of the batch."""

    def divisor(self, scored: Tensor) -> Tensor:
        return (scored.sum() / len(scored)).clamp(min=1).expand(len(scored))


class IgnoreIndexIgnored(TorchLogps):
    """The ignored label is −100 whatever is asked for."""

    def mask(self, call: Call) -> Tensor:
        return call.tensors["labels"] != -100


class TemperatureAfterwards(TorchLogps):
    """The log-probability is divided by the temperature, not the logits."""

    def scaled(self, logits: Tensor, call: Call) -> Tensor:
        return super().scaled(logits, call.with_options(temperature=1.0))

    def token_logps(self, call: Call, scored: Tensor) -> Tensor:
        return torch.as_tensor(super().token_logps(call, scored) / call.options["temperature"])


class Negated(TorchLogps):
    """The negative log-likelihood is returned."""

    def reduced(self, logps: Tensor, scored: Tensor, call: Call) -> Tensor:
        return -super().reduced(logps, scored, call)


class Unnormalised(TorchLogps):
    """The logit is taken for the log-probability."""

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        return logits.gather(-1, targets[..., None])[..., 0]


class WithoutBias(TorchLogps):
    """The bias of the unembedding is left out."""

    def logits(self, call: Call, scored: Tensor) -> Tensor:
        return super().logits(call.with_tensors(bias=torch.zeros_like(call.tensors["bias"])), scored)


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "unshifted",
        "looks each label up in the logits of its own position instead of the position before",
        (3, 27),
        _planted(Unshifted, needs=_shifts),
    ),
    Mistake("shifted-twice", "shifts labels that are shifted already", (40,), _planted(ShiftedTwice)),
    Mistake(
        "mask-not-shifted",
        "shifts the labels and not their mask",
        (39, 41, 42),
        _planted(MaskNotShifted, needs=_shifts_and_masks),
    ),
    Mistake(
        "padding-included",
        "scores what stands behind the end of a response",
        (17, 24),
        _planted(PaddingIncluded, needs=_masks),
    ),
    Mistake("prompt-included", "scores the prompt with its response", (18, 26), _planted(PromptIncluded, needs=_masks)),
    Mistake("first-token-lost", "loses the first scored token of each row", (47, 48), _planted(FirstTokenLost)),
    Mistake(
        "last-token-lost",
        "loses the last scored token of each row, its end-of-sequence token",
        (27, 35),
        _planted(LastTokenLost),
    ),
    Mistake("last-column-lost", "cuts the last column away", (30,), _planted(LastColumnLost)),
    Mistake(
        "second-half-masked-as-first",
        "masks the second half of the batch (the rejected responses) as the first",
        (26, 28),
        _planted(FirstHalfsMask, needs=_masks),
    ),
    Mistake(
        "masked-by-id",
        "masks every token with the id of padding, which the end-of-sequence token may share",
        (35, 92),
        _planted(PadIdMasked),
    ),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        _planted(MaskMultiplied, needs=_masks),
    ),
    Mistake(
        "other-reduction",
        "returns the mean over tokens for the sum (or the sum for the mean)",
        (4, 5, 6),
        _planted(OtherReduction, needs=_reduces),
    ),
    Mistake(
        "mean-of-all-columns",
        "divides a mean by the width of the batch, padding included",
        (69, 85),
        _planted(MeanOfAllColumns, needs=_reduces),
    ),
    Mistake(
        "mean-of-nothing", "divides by the number of scored tokens, which may be 0", (32, 33), _planted(MeanOfNothing)
    ),
    Mistake(
        "mean-count-of-batch",
        "divides every row's mean by the average count of the batch",
        (53, 84),
        _planted(MeanCountOfBatch, needs=_reduces),
    ),
    Mistake(
        "average-ignored",
        "accepts average_log_prob and ignores it",
        (6,),
        ignored("average_log_prob", False),
    ),
    Mistake(
        "ignore-index-ignored",
        "accepts ignore_index and masks labels of -100 only",
        (72,),
        _planted(IgnoreIndexIgnored, needs=_has("ignore_index")),
    ),
    Mistake("temperature-ignored", "accepts temperature and ignores it", (66,), ignored("temperature", 1.0)),
    Mistake(
        "temperature-inverted",
        "multiplies the logits by the temperature",
        (66, 67),
        changed_option("temperature", lambda t: 1 / t),
    ),
    Mistake(
        "temperature-afterwards",
        "divides the log-probability by the temperature, not the logits",
        (67,),
        _planted(TemperatureAfterwards, needs=_has("temperature")),
    ),
    Mistake("scale-ignored", "leaves out the factor of the logits", (66,), ignored("scale", 1.0)),
    Mistake("negated", "returns the negative log-likelihood", (7,), _planted(Negated)),
    Mistake("unnormalised", "takes the logit for the log-probability", (72,), _planted(Unnormalised)),
    Mistake("bias-forgotten", "leaves the bias of the unembedding out", (16,), _planted(WithoutBias, needs=_has_bias)),
    Mistake(
        "log-of-softmax",
        "computes log(softmax(z)) in two steps: infinite where the probability underflows",
        (72,),
        _planted(LogOfSoftmax),
    ),
    Mistake(
        "naive-logsumexp",
        "sums exponentials without subtracting the largest logit: infinite for large logits",
        (72,),
        _planted(LogSumExpNaive),
    ),
    Mistake(
        "rounded-logits",
        "rounds logits to bfloat16 before the softmax",
        (58,),
        _planted(RoundedLogits),
    ),
    Mistake(
        "rounded-slope",
        "rounds the probability of the target to bfloat16 before 1 is subtracted",
        (82,),
        _planted(RoundedSlope),
    ),
    Mistake(
        "first-upstream",
        "scales the gradient of every row by the upstream gradient of the first",
        (81,),
        _planted(FirstUpstream),
    ),
    Mistake(
        "without-normaliser-gradient",
        "gives the right value with the gradient of the target's logit alone",
        (82,),
        _planted(NoNormaliserGradient),
    ),
    Mistake("zero-gradient", "gives the right value with a gradient of 0", (19, 20), _planted(ZeroGradient)),
    Mistake(
        "in-place",
        "divides the logits that it is given by the temperature in place",
        (91,),
        _planted(InPlace, needs=lambda honest: _of_logits(honest) and _has("temperature")(honest)),
    ),
)
