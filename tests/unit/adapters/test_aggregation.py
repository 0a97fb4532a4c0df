"""Hosts' aggregates behind the interface of their kind: what is inferred, told and refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from alignprops import InputError, Settings, Verdict
from alignprops._errors import UnknownNameError
from alignprops.engine import evaluate
from alignprops.registry import find_theorem
from alignprops.subjects import parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.aggregation import adapt_aggregation


def adapted(code: Any, loss: str, **said: Any) -> Any:
    """The code as a conformer."""
    return adapt_aggregation(code, Adaptation.of({"loss": loss, **said}))


def verdict(theorem: str, code: Any, loss: str, **said: Any) -> Verdict:
    """What becomes of the code under a theorem."""
    subject = parse_subject(code, "aggregation", adaptation=Adaptation.of({"loss": loss, **said}))
    return evaluate(
        find_theorem(f"aggregation.{theorem}"), subject, Settings(max_examples=16, shrink_seconds=0.1)
    ).verdict


def masked_mean(values: Tensor, mask: Tensor, axis: int | None = None) -> Tensor:
    """With a guard in the divisor."""
    kept = torch.where(mask, values, 0)
    return kept.sum(axis) / (mask.sum(axis) + 1e-8) if axis is not None else kept.sum() / (mask.sum() + 1e-8)


def masked_var(values: Tensor, mask: Tensor, unbiased: bool = True) -> Tensor:
    """It refuses what has no variance."""
    count = mask.sum()
    if count < 2:
        raise ValueError("too few")
    made = masked_mean((values - masked_mean(values, mask)) ** 2, mask)
    return made * count / (count - 1) if unbiased else made


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """With ε under the root, everywhere."""
    mean = masked_mean(values, mask)
    made = (values - mean) * torch.rsqrt(masked_var(values, mask) + 1e-8)
    return made if shift_mean else made + mean


def agg_loss(loss_mat: Tensor, loss_mask: Tensor, loss_agg_mode: str) -> Tensor:
    """Modes by name."""
    kept = torch.where(loss_mask, loss_mat, 0)
    if loss_agg_mode == "token-mean":
        return kept.sum() / loss_mask.sum().clamp(min=1)
    if loss_agg_mode == "seq-mean-token-sum":
        return kept.sum(-1).mean()
    if loss_agg_mode == "seq-mean-token-mean":
        return (kept.sum(-1) / loss_mask.sum(-1).clamp(min=1)).mean()
    raise ValueError(loss_agg_mode)


def by_count(per_token_loss: Tensor, completion_mask: Tensor, num_items_in_batch: float) -> Tensor:
    """The sum over a global count."""
    return torch.where(completion_mask, per_token_loss, 0).sum() / num_items_in_batch


CODES = {
    "token-mean": (masked_mean, {}),
    "row-mean": (masked_mean, {"fixed": {"axis": 1}}),
    "masked-variance": (masked_var, {}),
    "seq-mean-token-sum": (agg_loss, {}),
    "seq-mean-token-mean": (agg_loss, {}),
    "sum-over-count": (by_count, {}),
}


@pytest.mark.parametrize("loss", CODES)
@pytest.mark.parametrize("theorem", ["reference.value", "reference.gradient"])
def test_honest_code_in_the_usual_idioms_holds(loss: str, theorem: str) -> None:
    """Guards in a divisor included."""
    code, said = CODES[loss]

    assert verdict(theorem, code, loss, **said) is Verdict.HELD


def test_the_mode_is_given_by_the_name_of_the_formula() -> None:
    """And told."""
    made = adapted(agg_loss, "seq_mean_token_mean")

    told = "\n".join(made.assumptions)
    assert "loss_agg_mode is 'seq-mean-token-mean', as the formula" in told
    assert "loss_mat is values: the numbers of the tokens" in told
    assert "follows the convention 'all rows', divided by the number of rows" in told


def test_a_mode_that_is_always_the_token_mean_is_refuted() -> None:
    """Whatever is asked for."""

    def deaf(loss_mat: Tensor, loss_mask: Tensor, loss_agg_mode: str) -> Tensor:
        del loss_agg_mode
        return agg_loss(loss_mat, loss_mask, "token-mean")

    assert verdict("reference.value", deaf, "seq-mean-token-sum") is Verdict.REFUTED
    assert verdict("reference.value", deaf, "token-mean") is Verdict.HELD


@pytest.mark.parametrize("keeps_mean", [True, False])
def test_the_conventions_of_whitening_are_told_apart(keeps_mean: bool) -> None:
    """Ddof, the place of ε, and what stands outside the mask, by the values on a probe."""
    if keeps_mean:
        made = adapted(whiten, "masked_whiten")
        assert made.options == {"shift_mean"}
    else:
        made = adapted(whiten, "whiten", fixed={"shift_mean": True})
        assert made.options == frozenset()
    assert made.variant == "unbiased, eps on the variance, computed outside"


def test_population_variance_is_told_apart() -> None:
    """A keyword that is set."""
    assert adapted(masked_var, "masked-variance").variant == "unbiased"
    assert adapted(masked_var, "masked-variance", fixed={"unbiased": False}).variant == "population"


def test_code_may_refuse_what_is_not_determined() -> None:
    """A ValueError is no infinity."""
    assert verdict("extremes.degenerate", masked_var, "masked-variance") is Verdict.HELD


@pytest.mark.parametrize(
    ("code", "said", "message"),
    [
        (masked_mean, {}, "which aggregate does it compute"),
        (lambda values: values.sum(), {"loss": "token-mean"}, "which of them is mask"),
        (by_count, {"loss": "token-mean"}, "also needs num_items_in_batch"),
        (masked_mean, {"loss": "sum-over-count"}, "takes no count"),
        (masked_mean, {"loss": "row-mean"}, r"has shape \(\) where \(4,\) was expected"),
    ],
)
def test_what_cannot_be_adapted_says_what_to_do(code: Any, said: dict[str, Any], message: str) -> None:
    """What was given, what was expected, and the option."""
    with pytest.raises(InputError, match=message):
        adapt_aggregation(code, Adaptation.of(said))


def test_an_unknown_mode_names_the_nearest() -> None:
    """By a name that is nearly right."""
    with pytest.raises(UnknownNameError, match="token-mean"):
        adapted(masked_mean, "token-meen")
