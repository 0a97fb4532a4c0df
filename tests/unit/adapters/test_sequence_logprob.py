"""Hosts' log-probabilities behind the interface of their kind: what is inferred, told and refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alignprops import InputError, Settings, Verdict
from alignprops._errors import UnknownNameError
from alignprops.engine import evaluate
from alignprops.registry import find_theorem
from alignprops.subjects import parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.sequence_logprob import adapt_logprob
from alignprops.subjects.sequence_scores import OfTensors


def adapted(code: Any, **said: Any) -> Any:
    """The code as a conformer."""
    return adapt_logprob(code, Adaptation.of(said))


def verdict(theorem: str, code: Any, **said: Any) -> Verdict:
    """What becomes of the code under a theorem."""
    subject = parse_subject(code, "sequence-logprob", adaptation=Adaptation.of(said))
    return evaluate(
        find_theorem(f"log-probabilities.{theorem}"), subject, Settings(max_examples=12, shrink_seconds=0.1)
    ).verdict


def batch_logps(
    logits: Tensor, labels: Tensor, average_log_prob: bool = False, label_pad_token_id: int = -100
) -> Tensor:
    """As the DPO trainers have it: it shifts, and ignores labels by their value."""
    labels, logits = labels[:, 1:].clone(), logits[:, :-1]
    mask = labels != label_pad_token_id
    labels[~mask] = 0
    picked = logits.log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2)
    picked = torch.where(mask, picked, 0)
    return picked.sum(-1) / mask.sum(-1).clamp(min=1) if average_log_prob else picked.sum(-1)


def unshifted_logps(logits: Tensor, labels: Tensor, label_pad_token_id: int = -100) -> Tensor:
    """The same without the shift."""
    mask = labels != label_pad_token_id
    picked = logits.log_softmax(-1).gather(2, labels.masked_fill(~mask, 0).unsqueeze(2)).squeeze(2)
    return torch.where(mask, picked, 0).sum(-1)


def selected(logits: Tensor, index: Tensor) -> Tensor:
    """The gather style: shifted by the caller, log-softmax row by row where halves would not do for a logsumexp."""
    if logits.dtype in (torch.float32, torch.float64):
        return logits.gather(-1, index.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    return functional.log_softmax(logits, -1).gather(-1, index.unsqueeze(-1)).squeeze(-1)


def fused(hidden_states: Tensor, weight: Tensor, target: Tensor, bias: Tensor, ignore_index: int = -100) -> Tensor:
    """Cross-entropy over states and the unembedding: the mean of what is not ignored, as a log-probability."""
    logits = hidden_states @ weight.T + bias
    losses = functional.cross_entropy(
        logits.transpose(1, 2).float(), target, ignore_index=ignore_index, reduction="none"
    )
    return -losses.sum(1) / (target != ignore_index).sum(1).clamp(min=1)


def masked_sums(logits: Tensor, labels: Tensor, loss_mask: Tensor, temperature: float = 1.0) -> Tensor:
    """Sums under a mask; the logits are divided by the temperature."""
    logps = selected(logits[:, :-1] / temperature, labels[:, 1:])
    return torch.where(loss_mask[:, 1:], logps, 0).sum(-1)


def logsumexp_in_halves(logits: Tensor, index: Tensor) -> Tensor:
    """A logsumexp in the dtype of the logits."""
    return logits.gather(-1, index.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)


def scored(inputs: Any) -> Tensor:
    """A function of SequenceTensors."""
    logps = torch.log_softmax(inputs.logits[:, :-1], -1).gather(2, inputs.tokens[:, 1:, None])[:, :, 0]
    return torch.where(inputs.scored[:, 1:], logps, 0.0).sum(1)


@pytest.mark.parametrize(
    ("code", "form", "variant", "reduction"),
    [
        (batch_logps, "logits/labels", "shifting", "sum"),
        (unshifted_logps, "logits/labels", "shifted", "sum"),
        (selected, "logits/index", "shifted", "none"),
        (fused, "biased-states/labels", "shifted", "mean"),
        (masked_sums, "logits/mask", "shifting", "sum"),
    ],
)
def test_form_alignment_and_reduction_are_read_off_names_shapes_and_values(
    code: Any, form: str, variant: str, reduction: str
) -> None:
    """Each of them is told."""
    made = adapted(code)

    assert (made.form, made.variant, made.reduction) == (form, variant, reduction)
    told = "\n".join(made.assumptions)
    assert f"its form is {form!r}" in told
    assert f"judged by the alignment {variant!r}" in told
    assert "what it returns is" in told


@pytest.mark.parametrize("code", [batch_logps, selected, fused, masked_sums])
@pytest.mark.parametrize("theorem", ["reference.value", "reference.gradient", "extremes.confident"])
def test_honest_code_in_the_usual_idioms_holds(code: Any, theorem: str) -> None:
    """In float64, float32 and bfloat16, with the rounding of its own operations."""
    said = {"precision": "float32"} if code is fused else {}
    assert verdict(theorem, code, **said) is Verdict.HELD


def test_a_missing_shift_is_refuted_where_the_code_is_said_to_shift() -> None:
    """Without a word it is judged as code whose caller shifts, and the report says so."""
    assert verdict("alignment.one-hot", unshifted_logps, variant="shifting") is Verdict.REFUTED
    assert "if it is meant otherwise, say --convention shifting" in "\n".join(adapted(unshifted_logps).assumptions)


def test_a_logsumexp_in_half_precision_is_refuted_unless_it_is_said() -> None:
    """It is off by the rounding of the largest logit."""
    assert verdict("extremes.confident", logsumexp_in_halves) is Verdict.REFUTED
    assert verdict("extremes.confident", logsumexp_in_halves, precision="bfloat16") is Verdict.HELD


def test_a_function_of_one_argument_is_called_with_sequence_tensors() -> None:
    """And then the theorems on memory-lean log-probabilities speak of it."""
    made = adapted(scored)

    assert isinstance(made.function, OfTensors)
    assert "it is called with SequenceTensors" in made.assumptions[0]
    assert verdict("lean.value", scored) is Verdict.HELD


def test_a_negative_log_likelihood_can_be_said() -> None:
    """--sign −1."""
    made = adapted(lambda logits, labels: -batch_logps(logits, labels), sign=-1)

    assert (made.variant, made.reduction) == ("shifting", "sum")
    assert "on a small probe" not in "\n".join(made.assumptions)


def test_what_is_not_the_formula_is_told() -> None:
    """It is judged as the first form that it runs in."""
    told = "\n".join(adapted(lambda logits, labels: -batch_logps(logits, labels)).assumptions)

    assert "on a small probe its value is not that of the formula" in told


@pytest.mark.parametrize(
    ("code", "said", "message"),
    [
        (lambda labels, mask: labels, {}, "neither logits nor states with the weight of the unembedding"),
        (lambda logits, ids: logits, {}, "which of them is labels"),
        (lambda logits, labels: logits[0, 0], {}, r"it returned shape \(5,\); expected"),
        (batch_logps, {"form": "logits/mask"}, "does not go with its arguments"),
        (batch_logps, {"form": "words"}, "expected one of logits/labels, "),
        (lambda logits, labels: 1 / 0, {}, "raised ZeroDivisionError"),
    ],
)
def test_what_cannot_be_adapted_says_what_to_do(code: Any, said: dict[str, Any], message: str) -> None:
    """What was given, what was expected, and the option."""
    with pytest.raises(InputError, match=message):
        adapted(code, **said)


def test_another_formula_is_refused() -> None:
    """There is one of this kind."""
    with pytest.raises(UnknownNameError, match="logprob"):
        adapted(batch_logps, loss="dpo")
