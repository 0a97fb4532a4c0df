"""Hosts' advantages behind the interface of their kind: what is inferred, told and refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from alignprops import InputError, Settings, Verdict
from alignprops.engine import evaluate
from alignprops.registry import find_theorems
from alignprops.subjects import parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.advantages import adapt_advantages
from alignprops.subjects.advantages import honest_twin


def get_advantages_and_returns(
    values: Tensor, rewards: Tensor, action_mask: Tensor, gamma: float, lambd: float
) -> tuple[Tensor, Tensor]:
    """As a trainer has it: masked steps skipped, from the end to the start."""
    values, rewards = (torch.where(action_mask, table, 0) for table in (values, rewards))
    after = following = torch.zeros_like(values[:, 0])
    made = []
    for t in range(values.shape[1] - 1, -1, -1):
        here = rewards[:, t] + gamma * following - values[:, t] + gamma * lambd * after
        after = torch.where(action_mask[:, t], here, after)
        following = torch.where(action_mask[:, t], values[:, t], following)
        made.append(here)
    advantages = torch.stack(made[::-1], dim=1)
    return advantages, advantages + values


def group_advantages(rewards: Tensor, num_generations: int, scale_rewards: str | bool = "group") -> Tensor:
    """Sample deviation, 1e-4 built in; bools and names."""
    grouped = rewards.view(-1, num_generations)
    gaps = grouped - grouped.mean(dim=1, keepdim=True)
    if scale_rewards in ("none", False):
        return gaps.view(-1)
    if scale_rewards == "batch":
        grouped = rewards.view(1, -1)
    alone = grouped.shape[1] == 1
    deviation = torch.zeros_like(grouped[:, :1]) if alone else grouped.std(dim=1, keepdim=True)
    return (gaps / (deviation + 1e-4)).view(-1)


def leave_one_out(rewards: Tensor, num_generations: int) -> Tensor:
    """The baseline is the mean of the others."""
    if num_generations < 2:
        raise ValueError("at least two")
    grouped = rewards.view(-1, num_generations)
    return (grouped - (grouped.sum(dim=1, keepdim=True) - grouped) / (num_generations - 1)).view(-1)


def adapted(code: Any, loss: str, **said: Any) -> Any:
    """The code as a conformer."""
    return adapt_advantages(code, Adaptation.of({"loss": loss, **said}))


def test_the_usual_names_need_no_more_than_what_it_computes() -> None:
    """Every reading of a name is told."""
    made = adapted(get_advantages_and_returns, "gae")

    assert (made.form, made.options, made.outputs) == ("masked", {"gamma", "lam"}, {"returns"})
    told = "\n".join(made.assumptions)
    assert "judged as gae: generalised advantage estimation" in told
    assert "lambd is lam: weight of longer look-aheads" in told
    assert "masked steps are skipped, also in the middle of a row, and 0 stands behind the last" in told


def gae_of_responses(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float = 1.0, lam: float = 0.95) -> Tensor:
    """As trainers of language models have it, for masks that only end a row: a hole would cut the recursion."""
    rewards, values = (torch.where(mask, table, 0) for table in (rewards, values))
    after = torch.zeros_like(values[:, 0])
    made = []
    for t in reversed(range(values.shape[1])):
        following = values[:, t + 1] if t + 1 < values.shape[1] else torch.zeros_like(after)
        after = torch.where(mask[:, t], rewards[:, t] + gamma * following - values[:, t] + gamma * lam * after, 0)
        made.append(after)
    return torch.stack(made[::-1], dim=1)


@pytest.mark.parametrize(("form", "verdict"), [("", Verdict.REFUTED), ("padded", Verdict.HELD)])
def test_code_for_masks_without_holes_is_judged_on_such(form: str, verdict: Verdict) -> None:
    """What it makes of a hole is only asked where nobody said that there are none."""
    subject = parse_subject(
        gae_of_responses, "advantages", adaptation=Adaptation.of({"loss": "gae", **({"form": form} if form else {})})
    )
    theorem = next(t for t in find_theorems() if t.id == "advantages.reference")

    assert evaluate(theorem, subject, Settings(max_examples=40)).verdict is verdict


def test_the_convention_of_the_deviation_is_seen_on_a_probe() -> None:
    """Sample or population; what is built in is said."""
    made = adapted(group_advantages, "grpo", assume={"epsilon": 1e-4})

    assert (made.variant, made.form, made.constants) == ("sample", "neighbours", {"epsilon": 1e-4})
    assert "follows the convention 'sample'" in "\n".join(made.assumptions)


@pytest.mark.parametrize(
    ("code", "loss", "assume"),
    [
        (get_advantages_and_returns, "gae", {}),
        (group_advantages, "grpo", {"epsilon": 1e-4}),
        (leave_one_out, "rloo", {}),
    ],
)
def test_honest_code_is_not_accused(code: Any, loss: str, assume: dict[str, float]) -> None:
    """By any theorem that speaks of it."""
    subject = parse_subject(code, "advantages", adaptation=Adaptation(loss=loss, assume=assume))
    asked = [t for t in find_theorems() if t.kind == "advantages" and subject.silence(t) is None]
    verdicts = {t.id: evaluate(t, subject, Settings(max_examples=40)) for t in asked}

    assert len(asked) >= 5
    assert {key: told.reason for key, told in verdicts.items() if told.verdict is not Verdict.HELD} == {}


def test_a_recursion_through_masked_steps_is_refuted() -> None:
    """The mask as a factor of rewards and values is right at the end of a row, and wrong in its middle."""

    def gae(rewards: Tensor, values: Tensor, response_mask: Tensor, gamma: float, lam: float) -> Tensor:
        rewards, values = rewards * response_mask, values * response_mask
        after = following = torch.zeros_like(rewards[:, 0])
        made = []
        for t in reversed(range(rewards.shape[1])):
            after = rewards[:, t] + gamma * following - values[:, t] + gamma * lam * after
            following = values[:, t]
            made.append(after)
        return torch.stack(made[::-1], dim=1)

    subject = parse_subject(gae, "advantages", adaptation=Adaptation(loss="gae"))
    (theorem,) = (t for t in find_theorems() if t.id == "advantages.reference")

    assert evaluate(theorem, subject, Settings(max_examples=8)).verdict is Verdict.REFUTED


def test_the_twin_of_a_host_is_the_reference_of_its_form() -> None:
    """With the host's constants."""
    twin = honest_twin(adapted(group_advantages, "grpo", assume={"epsilon": 1e-4}))

    assert (twin.variant, twin.form, twin.constants) == ("sample", "neighbours", {"epsilon": 1e-4})


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (leave_one_out, {}, "what does it compute\\? Say so with --loss, one of: gae, returns, rloo"),
        (group_advantages, {"loss": "grpo"}, "takes no epsilon .*--assume epsilon=VALUE"),
        (lambda rewards: rewards, {"loss": "rloo"}, "nothing says what a group is: --map group_size=ARGUMENT"),
        (leave_one_out, {"loss": "rloo", "form": "ids"}, "form is 'ids', but no argument of the code fits it"),
        (
            leave_one_out,
            {"loss": "rloo", "form": "rows"},
            "form is 'rows'; of rloo expected one of 'ids', 'neighbours'",
        ),
        (leave_one_out, {"loss": "rloo", "reduction": "mean"}, "advantages are one a step or a response"),
        (lambda rewards, values, mask, dones: rewards, {"loss": "gae"}, "it takes a mask and episode ends"),
        (lambda rewards, group_size: rewards.sum(), {"loss": "rloo"}, "shape \\(\\) where \\(6,\\) was expected"),
    ],
)
def test_what_cannot_be_known_is_asked_for(code: Any, said: dict[str, Any], told: str) -> None:
    """The message says what to give."""
    with pytest.raises(InputError, match=told):
        adapt_advantages(code, Adaptation.of(said))
