"""Hosts' losses of a policy behind the interface of their kind: what is inferred, told and refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from alignprops import InputError, Settings, Verdict
from alignprops.engine import evaluate
from alignprops.registry import find_theorem
from alignprops.subjects import parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.policy_loss import adapt_policy
from alignprops.subjects.diagnosis import diagnose
from alignprops.subjects.policy_loss import honest_twin

FEW = Settings(max_examples=10, seed=1)


def adapted(code: Any, loss: str, **said: Any) -> Any:
    """The code as a conformer."""
    return adapt_policy(code, Adaptation.of({"loss": loss, **said}))


def verdict(code: Any, loss: str, theorem: str, **said: Any) -> Verdict:
    """What one theorem says of it."""
    subject = parse_subject(code, "policy-loss", adaptation=Adaptation.of({"loss": loss, **said}))
    return evaluate(find_theorem(f"policy-losses.{theorem}"), subject, FEW).verdict


def mean(x: Tensor, mask: Tensor) -> Tensor:
    """Over unmasked tokens."""
    return torch.where(mask != 0, x, 0).sum() / (mask != 0).sum()


def with_mode(
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    cliprange: float | None = None,
    cliprange_low: float | None = None,
    cliprange_high: float | None = None,
    clip_ratio_c: float = 3.0,
    loss_agg_mode: str = "token-mean",
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The dual clip with a mode by name, and metrics in an order of its own."""
    low = cliprange if cliprange_low is None else cliprange_low
    high = cliprange if cliprange_high is None else cliprange_high
    assert low is not None
    assert high is not None
    gap = (log_prob - old_log_prob).clamp(-20, 20)
    ratio, clipped = gap.exp(), gap.exp().clamp(1 - low, 1 + high)
    plain = torch.maximum(-advantages * ratio, -advantages * clipped)
    losses = torch.where(advantages < 0, torch.minimum(plain, -advantages * clip_ratio_c), plain)
    capped = ((plain > -advantages * clip_ratio_c) & (advantages < 0)).float()
    cut = (-advantages * clipped > -advantages * ratio).float()
    if loss_agg_mode == "token-mean":
        loss = mean(losses, response_mask)
    elif loss_agg_mode == "seq-mean-token-mean":
        kept = torch.where(response_mask != 0, losses, 0)
        loss = (kept.sum(1) / response_mask.sum(1).clamp(min=1)).mean()
    else:
        raise ValueError(loss_agg_mode)
    return loss, mean(cut, response_mask), mean(-gap, response_mask), mean(capped, response_mask)


def by_response(
    per_token_logps: Tensor,
    ref_per_token_logps: Tensor,
    advantages: Tensor,
    completion_mask: Tensor,
    beta: float = 0.04,
) -> tuple[Tensor, dict[str, Tensor]]:
    """GRPO on policy, one advantage a response, with a mapping of metrics."""
    ratio = (per_token_logps - per_token_logps.detach()).exp()
    gap = ref_per_token_logps - per_token_logps
    kl = gap.exp() - gap - 1
    losses = torch.where(completion_mask, -ratio * advantages[:, None] + beta * kl, 0)
    counts = completion_mask.sum(1).clamp(min=1)
    return (losses.sum(1) / counts).mean(), {"mean_kl": mean(kl, completion_mask).detach()}


class Clip(nn.Module):
    """A module whose options are its constructor's."""

    def __init__(self, clip_eps_low: float = 0.2, clip_eps_high: float = 0.2) -> None:
        super().__init__()
        self.low, self.high = clip_eps_low, clip_eps_high

    def forward(self, log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, action_mask: Tensor) -> Tensor:
        """The clipped surrogate."""
        ratio = (log_probs - old_log_probs).exp()
        losses = -torch.min(ratio * advantages, ratio.clamp(1 - self.low, 1 + self.high) * advantages)
        return mean(losses, action_mask)


def of_values(vpreds: Tensor, returns: Tensor, values: Tensor, response_mask: Tensor, cliprange_value: float) -> Tensor:
    """New values have a name of their own, `values` are the old ones."""
    clipped = torch.minimum(torch.maximum(vpreds, values - cliprange_value), values + cliprange_value)
    return 0.5 * mean(torch.maximum((vpreds - returns) ** 2, (clipped - returns) ** 2), response_mask)


def matrix(logps: Tensor, old_logps: Tensor, advantages: Tensor, eps: float) -> Tensor:
    """The loss of each token, one range on both sides, no mask."""
    ratio = (logps - old_logps).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - eps, 1 + eps) * advantages)


def objective(logprobs: Tensor, adv: Tensor, mask: Tensor) -> Tensor:
    """REINFORCE as it is maximised."""
    return mean(logprobs * adv, mask)


class Parts(NamedTuple):
    """A named tuple, the loss not first."""

    clipfrac: Tensor
    pg_loss: Tensor


def named(logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor, cliprange: float) -> Parts:
    """By name."""
    losses = matrix(logps, old_logps, advantages, cliprange)
    ratio = (logps - old_logps).exp()
    cut = ((ratio > 1 + cliprange) & (advantages > 0)) | ((ratio < 1 - cliprange) & (advantages < 0))
    return Parts(mean(cut.to(losses.dtype), mask), mean(losses, mask))


def test_a_mode_and_both_ranges_are_found() -> None:
    """The one range for both sides is a fallback, which is not varied; of a plain tuple only the loss is read."""
    made = adapted(with_mode, "dual-clip")

    assert made.options == {"eps_low", "eps_high", "dual_clip"}
    assert (made.form, made.variant, made.reduction) == ("tokens", "token-mean", "mean")
    assert made.extras == {"loss_agg_mode": "token-mean"}
    assert made.outputs == frozenset()
    assert any("cliprange is left at None" in line for line in made.assumptions)
    for theorem in ("reference.value", "reference.gradient", "options.live", "options.modes", "surrogate.dual-bound"):
        assert verdict(with_mode, "dual-clip", theorem) is Verdict.HELD


def test_metrics_of_a_tuple_are_read_by_the_users_names() -> None:
    """The clip fractions are right, and the KL is of a clamped log-ratio: known bug 57."""
    returns = "loss,clip_fraction,approx_kl,dual_clip_fraction"

    assert verdict(with_mode, "dual-clip", "metrics.clip-fraction", returns=returns) is Verdict.HELD
    assert verdict(with_mode, "dual-clip", "metrics.policy-kl", returns=returns) is Verdict.REFUTED


def test_another_mode_is_recognised_as_a_convention() -> None:
    """Its value on a probe says which."""
    made = adapted(with_mode, "dual-clip", fixed={"loss_agg_mode": "seq-mean-token-mean"})

    assert made.variant == "seq-mean-token-mean"
    assert any("follows the convention 'seq-mean-token-mean'" in line for line in made.assumptions)


def test_one_advantage_a_response_and_no_old_policy() -> None:
    """Both are told; the metric comes by its name."""
    made = adapted(by_response, "grpo")

    assert made.form == "responses, on-policy"
    assert made.options == {"beta"}
    assert made.outputs == {"kl"}
    told = "\n".join(made.assumptions)
    assert "advantages are one a response (its value on a probe says so)" in told
    assert "the policy that sampled is the current one, held fixed" in told
    for theorem in ("reference.gradient", "on-policy", "metrics.reference-kl", "batches.partition"):
        assert verdict(by_response, "grpo", theorem) is Verdict.HELD


def test_a_module_is_made_anew_with_its_options() -> None:
    """They go to the constructor; where a ratio overflows its gradient is NaN, which is a finding."""
    made = adapted(Clip, "ppo")

    assert made.options == {"eps_low", "eps_high"}
    assert verdict(Clip, "ppo", "reference.gradient") is Verdict.HELD
    assert verdict(Clip, "ppo", "extremes") is Verdict.REFUTED


def test_values_beside_new_ones_are_the_old_ones() -> None:
    """Told, with the convention of the factor ½."""
    made = adapted(of_values, "value")

    assert made.binding.roles["values"] == "vpreds"
    assert made.binding.roles["old_values"] == "values"
    assert made.variant == "half"
    assert any("values are the old ones" in line for line in made.assumptions)
    assert verdict(of_values, "value", "value-clip") is Verdict.HELD


def test_a_matrix_without_a_mask_and_with_one_range() -> None:
    """Every token counts, and the range is that of both sides."""
    made = adapted(matrix, "ppo")

    assert (made.form, made.reduction) == ("tokens, unmasked", "none")
    assert {"every token counts: it takes no mask", "eps is the range on both sides"} <= set(made.assumptions)
    assert verdict(matrix, "ppo", "reference.gradient") is Verdict.HELD


def test_an_objective_is_a_loss_with_the_other_sign() -> None:
    """Refuted until it is said."""
    assert verdict(objective, "reinforce", "reference.value") is Verdict.REFUTED
    assert verdict(objective, "reinforce", "reference.value", sign=-1) is Verdict.HELD


def test_a_named_tuple_is_read_by_its_names() -> None:
    """In whatever order."""
    assert adapted(named, "ppo").outputs == {"clip_fraction"}
    assert verdict(named, "ppo", "metrics.clip-fraction") is Verdict.HELD


def test_the_twin_of_a_subject_follows_it() -> None:
    """Same convention, form, reduction and options."""
    made = adapted(by_response, "grpo")
    twin = honest_twin(made)

    assert (twin.form, twin.variant, twin.reduction, twin.options) == (
        made.form,
        made.variant,
        made.reduction,
        made.options,
    )


def test_what_is_not_said_and_cannot_be_told_is_asked_for() -> None:
    """Each with the option that says it."""
    with pytest.raises(InputError, match=r"which loss does it compute\? Say so with --loss, one of: ppo, dual-clip"):
        adapt_policy(matrix, Adaptation())
    with pytest.raises(InputError, match=r"form is 'sequence'; expected 'tokens' or 'responses'"):
        adapted(matrix, "ppo", form="sequence")
    with pytest.raises(InputError, match=r"takes no dual_clip .*--map dual_clip=ARGUMENT.*--assume dual_clip=VALUE"):
        adapted(matrix, "dual-clip")
    with pytest.raises(InputError, match=r"which of them is rollout_logps\?"):
        adapted(matrix, "tis")
    with pytest.raises(InputError, match=r"it takes kl_coef, and no log-probabilities of the reference"):
        adapted(lambda logps, old_logps, advantages, mask, eps, kl_coef: logps.mean(), "grpo")


def test_code_that_raises_or_returns_another_shape_is_told() -> None:
    """On the probe, before any theorem."""

    def fails(logps: Tensor, advantages: Tensor) -> Tensor:
        raise RuntimeError("no kernel")

    def one_a_response(logps: Tensor, advantages: Tensor) -> Tensor:
        return -(logps * advantages).sum(1)

    with pytest.raises(InputError, match=r"it raised on a small float64 input: RuntimeError: no kernel"):
        adapted(fails, "reinforce")
    with pytest.raises(InputError, match=r"its loss has shape \(3,\) where \(3, 4\) or \(\) was expected"):
        adapted(one_a_response, "reinforce", form="tokens")


def optimistic(
    logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor, eps_low: float, eps_high: float
) -> Tensor:
    """The larger surrogate for the smaller."""
    ratio = torch.where(mask, logps - old_logps, 0).exp()
    return mean(-torch.max(ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high) * advantages), mask)


def averaged(
    logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor, eps_low: float, eps_high: float
) -> Tensor:
    """Masked tokens count in the normaliser."""
    ratio = torch.where(mask, logps - old_logps, 0).exp()
    losses = -torch.min(ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high) * advantages)
    return torch.where(mask, losses, 0).mean()


@pytest.mark.parametrize(
    ("code", "told"),
    [(optimistic, "takes the larger surrogate for the smaller"), (averaged, "counts masked tokens in the normaliser")],
)
def test_a_mistake_is_named(code: Any, told: str) -> None:
    """Code that gives the numbers of a mistake on every generic batch is said to behave like it."""
    found = diagnose(
        find_theorem("policy-losses.reference.value"), adapted(code, "ppo", variant="token-mean"), [], subject="x:y"
    )

    assert [part["told"].partition(",")[0] for part in found["behaves_like"]] == [told]


def guarded(logps: Tensor, old_logps: Tensor, advantages: Tensor, mask: Tensor, cliprange: float) -> Tensor:
    """PPO whose mean cannot be 0/0."""
    ratio = (logps - old_logps).exp()
    losses = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - cliprange, 1 + cliprange))
    return torch.where(mask != 0, losses, 0).sum() / ((mask != 0).sum() + 1e-8)


@pytest.mark.parametrize("theorem", ["reference.value", "reference.gradient", "batches.partition"])
def test_a_guard_in_the_count_is_no_mistake(theorem: str) -> None:
    """1e-8 beside a number of tokens is in wide use."""
    assert verdict(guarded, "ppo", theorem) is Verdict.HELD
