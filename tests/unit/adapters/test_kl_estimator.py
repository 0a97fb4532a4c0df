"""Hosts' KL estimators behind the interface of their kind: what is inferred, told and refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from alignprops import InputError, Settings, Verdict
from alignprops.engine import evaluate
from alignprops.registry import find_theorems
from alignprops.subjects import parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.kl_estimator import adapt_kl_estimator
from alignprops.subjects.kl_estimator import honest_twin


def adapted(code: Any, loss: str, **said: Any) -> Any:
    """The code as a conformer."""
    return adapt_kl_estimator(code, Adaptation.of({"loss": loss, **said}))


def by_name(logprob: Tensor, ref_logprob: Tensor, kl_penalty: str) -> Tensor:
    """As several trainers have it: the name of the estimator is an argument."""
    ratio = ref_logprob - logprob
    if kl_penalty == "kl":
        return -ratio
    if kl_penalty == "mse":
        return ratio**2 / 2
    if kl_penalty == "low_var_kl":
        return (torch.expm1(ratio.clamp(-20, 20)) - ratio.clamp(-20, 20)).clamp(-10, 10)
    raise NotImplementedError(kl_penalty)


def distilled(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    beta: float = 0.5,
    temperature: float = 1,
) -> Tensor:
    """The generalised Jensen–Shannon divergence as a mean over labelled positions."""
    if labels is not None:  # before any arithmetic: what is masked may be anything
        student_logits, teacher_logits = student_logits[labels != -100], teacher_logits[labels != -100]
    s, t = (log_softmax(z / temperature, dim=-1) for z in (student_logits, teacher_logits))
    if beta == 0:
        terms = t.exp() * (t - s)
    elif beta == 1:
        terms = s.exp() * (s - t)
    else:
        m = torch.logsumexp(torch.stack([t + math.log(beta), s + math.log(1 - beta)]), dim=0)
        terms = beta * t.exp() * (t - m) + (1 - beta) * s.exp() * (s - m)
    return terms.sum(dim=-1).mean()


def masked_k3(logps: Tensor, ref_logps: Tensor, completion_mask: Tensor) -> tuple[Tensor, Tensor]:
    """The sum as the loss, and the mean beside it to be logged."""
    ratio = torch.where(completion_mask, ref_logps - logps, 0)
    total = (torch.expm1(ratio) - ratio).sum()
    return total, (total / completion_mask.sum()).detach()


def test_a_function_with_the_usual_names_needs_no_more_than_what_it_computes() -> None:
    """The name, the clamping, and that nothing is reduced: all told."""
    made = adapted(by_name, "k3")

    assert (made.form, made.reduction, made.variant) == ("tokens", "none", "clamped")
    assert made.constants == {"estimator": "low_var_kl"}
    told = "\n".join(made.assumptions)
    assert "judged as k3: k3, the estimator of low variance" in told
    assert "kl_penalty is 'low_var_kl': of the names in use the first that it takes" in told
    assert "follows the convention 'clamped'" in told
    assert "logprob is logprobs: the policy's log-probabilities of the sampled tokens" in told
    assert "without a mask: every one counts" in told


def test_a_masked_sum_with_a_logged_mean_is_recognised() -> None:
    """By its value on a probe."""
    made = adapted(masked_k3, "k3")

    assert (made.form, made.reduction, made.variant) == ("masked-tokens", "sum", "plain")
    assert made.outputs == {"mean_kl"}


def test_labels_serve_as_a_mask_and_beta_shows_its_ends() -> None:
    """−100 where masked."""
    made = adapted(distilled, "jsd")

    assert (made.form, made.reduction, made.variant) == ("masked-logits", "mean", "special ends")
    assert made.options == {"beta", "temperature"}
    assert "masked by labels" in "\n".join(made.assumptions)


@pytest.mark.parametrize(
    ("code", "loss"), [(by_name, "k1"), (by_name, "k2"), (by_name, "k3"), (masked_k3, "k3"), (distilled, "jsd")]
)
def test_honest_code_is_not_accused(code: Any, loss: str) -> None:
    """By any theorem that speaks of it."""
    subject = parse_subject(code, "kl-estimator", adaptation=Adaptation(loss=loss))
    asked = [t for t in find_theorems() if t.kind == "kl-estimator" and subject.silence(t) is None]
    verdicts = {t.id: evaluate(t, subject, Settings(max_examples=12)) for t in asked}

    assert len(asked) >= 5
    assert {key: told.reason for key, told in verdicts.items() if told.verdict is not Verdict.HELD} == {}


def test_the_gradient_tells_conventions_of_the_same_value_apart() -> None:
    """k1 with the gradient of k2."""

    def k1_plus(logps: Tensor, ref_logps: Tensor) -> Tensor:
        ratio = logps - ref_logps
        return ratio.detach() + ratio**2 / 2 - (ratio**2 / 2).detach()

    assert adapted(k1_plus, "k1").variant == "straight-through"
    assert adapted(lambda logps, ref_logps: logps - ref_logps, "k1").variant == "plain"


def test_a_wrong_gradient_does_not_spoil_what_the_value_says() -> None:
    """The reduction and the clamping are still read off the value; the theorems then refute the gradient."""

    def detached(logps: Tensor, ref_logps: Tensor) -> Tensor:
        ratio = (ref_logps - logps).detach()
        return (torch.expm1(ratio) - ratio).sum()

    made = adapted(detached, "k3")

    assert (made.reduction, made.variant) == ("sum", "plain")


def test_the_twin_of_a_host_is_the_reference_of_its_form() -> None:
    """Told the name that the host is told."""
    twin = honest_twin(adapted(by_name, "k3"))

    assert (twin.variant, twin.form, twin.reduction, twin.constants) == (
        "clamped",
        "tokens",
        "none",
        {"estimator": "low_var_kl"},
    )


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (by_name, {}, "what does it compute\\? Say so with --loss, one of: k3, k1"),
        (by_name, {"loss": "k4"}, "it raised with kl_penalty = 'k4'; give the name that it has for k4"),
        (
            by_name,
            {"loss": "k3", "form": "logits"},
            "form is 'logits'; of k3 expected one of 'tokens', 'masked-tokens'",
        ),
        (by_name, {"loss": "k3", "form": "masked-tokens"}, "nothing says which argument is the mask"),
        (lambda p, q: p - q, {"loss": "k1"}, "which of them is logprobs and which is ref_logprobs"),
        (distilled, {"loss": "jsd", "reduction": "none"}, "reduction is 'none', but its kl is one number"),
        (lambda student_logits, teacher_logits: 0, {"loss": "jsd"}, "takes no beta .*--assume beta=VALUE"),
    ],
)
def test_what_cannot_be_known_is_asked_for(code: Any, said: dict[str, Any], told: str) -> None:
    """The message says what to give."""
    with pytest.raises(InputError, match=told):
        adapt_kl_estimator(code, Adaptation.of(said))
