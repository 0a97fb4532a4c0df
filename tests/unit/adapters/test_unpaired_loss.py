"""Host functions in the forms that the field writes KTO and BCO in, and what the adapter says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from alignprops._errors import InputError
from alignprops.engine import evaluate
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject, kind_named, parse_subject
from alignprops.subjects.adapters import Adaptation

KIND = "unpaired-loss"
FEW = Settings(max_examples=8)


def kto_loss(
    self: Any,
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    policy_KL_logps: Tensor,
    reference_chosen_logps: Tensor,
    reference_rejected_logps: Tensor,
    reference_KL_logps: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A trainer's method: chosen and rejected apart, hyper-parameters on `self`."""
    kl = (policy_KL_logps - reference_KL_logps).mean().detach().clamp(min=0)
    chosen = policy_chosen_logps - reference_chosen_logps
    rejected = policy_rejected_logps - reference_rejected_logps
    losses = torch.cat(
        (
            self.desirable_weight * (1 - torch.sigmoid(self.beta * (chosen - kl))),
            self.undesirable_weight * (1 - torch.sigmoid(self.beta * (kl - rejected))),
        )
    )
    return losses, self.beta * chosen.detach(), self.beta * rejected.detach(), kl


def kto_of_a_stream(logps: Tensor, ref_logps: Tensor, labels: Tensor, kl: Tensor, beta: float = 0.1) -> Tensor:
    """One stream with labels, the reference point given, no class weights, the mean returned."""
    margin = beta * (logps - ref_logps - kl)
    return torch.sigmoid(torch.where(labels, -margin, margin)).mean()


def bco_loss(
    policy_logps: Tensor, reference_logps: Tensor, labels: Tensor, beta: float, delta: Tensor
) -> dict[str, Tensor]:
    """A stream with labels and the shift given; a mapping returned."""
    rewards = beta * (policy_logps - reference_logps)
    losses = torch.where(labels, -logsigmoid(rewards - delta), -logsigmoid(delta - rewards))
    return {
        "loss": losses,
        "rewards/chosen": rewards[labels].detach().mean(),
        "rewards/rejected": rewards[~labels].detach().mean(),
    }


def kto_without_abs(policy_logps: Tensor, reference_logps: Tensor, labels: Tensor, kl: Tensor, beta: float) -> Tensor:
    """The undesirable answers are pushed the wrong way."""
    return 1 - torch.sigmoid(beta * (policy_logps - reference_logps - kl)) + 0 * labels.to(policy_logps.dtype)


def nothing_known(a: Tensor, b: Tensor) -> Tensor:
    """Arguments that mean nothing."""
    return a - b


def judge(subject: Subject) -> dict[str, Verdict]:
    """The verdict of every theorem that speaks of it."""
    theorems = [theorem for theorem in find_theorems() if theorem.kind == KIND and subject.silence(theorem) is None]
    return {theorem.id.rpartition(".")[2]: evaluate(theorem, subject, FEW).verdict for theorem in theorems}


def made(code: Any, **parameters: Any) -> Subject:
    """The code as a subject."""
    return parse_subject(code, KIND, adaptation=Adaptation.of(parameters))


ON_SELF = {name: f"self.{name}" for name in ("beta", "desirable_weight", "undesirable_weight")}


def test_a_method_with_the_classes_apart_is_right() -> None:
    """In every theorem, with its rewards and its reference point."""
    subject = made(kto_loss, loss="kto", map=ON_SELF, returns="loss,chosen_rewards,rejected_rewards,kl")

    verdicts = judge(subject)

    assert set(verdicts.values()) == {Verdict.HELD}
    assert {"value", "rewards", "point-reported", "reference-point", "saturation", "threshold"} <= set(verdicts)


def test_a_stream_with_a_given_point_is_right() -> None:
    """Reduced; what was assumed is told."""
    subject = made(kto_of_a_stream, loss="kto")
    told = subject.get().assumptions

    assert set(judge(subject).values()) == {Verdict.HELD}
    assert any("one stream of answers with labels" in line for line in told)
    assert any("the mean over the batch" in line for line in told)


def test_the_shift_that_is_given_decides_the_convention() -> None:
    """Class means of rewards are as good as the rewards, also of an empty class."""
    subject = made(bco_loss, loss="bco")

    assert subject.get().variant == "given"
    verdicts = judge(subject)
    # A mean of nothing is NaN, which a log may show: rewards are judged where they are finite.
    assert set(verdicts.values()) == {Verdict.HELD}


def test_code_that_pushes_all_answers_up_is_refuted() -> None:
    """By value, gradient and the direction of the push."""
    verdicts = judge(made(kto_without_abs, loss="kto", assume={"desirable_weight": 1.0}))

    refuted = {name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED}
    assert {"value", "gradient", "saturation"} <= refuted


def test_what_is_missing_is_asked_for() -> None:
    """The loss, the form, the reference point, an argument without a meaning."""
    with pytest.raises(InputError, match="which loss does it compute"):
        made(kto_of_a_stream)
    with pytest.raises(InputError, match="nothing says what they are"):
        made(nothing_known, loss="kto", assume={"beta": 0.125})

    def pointless(policy_logps: Tensor, reference_logps: Tensor, labels: Tensor, beta: float) -> Tensor:
        return policy_logps - reference_logps * beta * labels

    with pytest.raises(InputError, match="where does its reference point come from"):
        made(pointless, loss="kto")

    def formless(kl: Tensor, beta: float) -> Tensor:
        return kl * beta

    with pytest.raises(InputError, match="come neither apart"):
        made(formless, loss="kto")
    with pytest.raises(InputError, match="form is 'pairs'; expected 'split'"):
        made(kto_of_a_stream, loss="kto", form="pairs")
    with pytest.raises(InputError, match="the form 'split' needs policy_chosen_logps"):
        made(kto_of_a_stream, loss="kto", form="split")


def test_the_twin_of_a_subject_computes_the_same() -> None:
    """For the diagnosis: form, reduction and inputs are the subject's."""
    subject = made(kto_of_a_stream, loss="kto").get()
    conformance = kind_named(KIND).conformance
    assert conformance is not None

    twin = conformance.twin(subject)

    assert (twin.form, twin.reduction, twin.options) == ("labels", "mean", frozenset({"beta"}))
    with pytest.raises(InputError, match="expected code of the kind 'unpaired-loss'"):
        conformance.twin(SimpleNamespace())  # type: ignore[arg-type]
