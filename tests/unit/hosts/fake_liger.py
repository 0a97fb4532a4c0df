"""Source of a fake liger-kernel: its modules as they are called, in plain torch, with places for mistakes."""

from __future__ import annotations

_PAIRS = """
import torch
import torch.nn.functional as F

class LigerFusedLinear{name}Function:
    @staticmethod
    def preference_loss_fn(chosen_logps, rejected_logps, full_target, {reference}beta=0.1, {more}):
        {losses}
        return losses.sum() / (len(full_target) // 2), beta * chosen_logps, beta * rejected_logps

class LigerFusedLinear{name}Loss:
    def __init__(self, compute_nll_loss=True, compiled=True, **settings):
        assert not compute_nll_loss and not compiled
        self.settings = settings

    def logps(self, weight, hidden, target):
        kept = {kept}
        logps = F.log_softmax((hidden @ weight.T).float(), dim=-1)
        each = logps.gather(-1, torch.where(target == -100, 0, target)[..., None])[..., 0]
        sums = (each * kept).sum(-1)
        return (sums / kept.sum(-1) if {average} else sums).chunk(2)

    def __call__(self, weight, hidden, target, ref_input=None, ref_weight=None):
        logps = [*self.logps(weight, hidden, target)]
        if ref_input is not None:
            reference = self.logps(ref_weight, ref_input, target)
            logps = [a - b.detach() for a, b in zip(logps, reference)]
        made = LigerFusedLinear{name}Function.preference_loss_fn(*logps, target, **self.settings)
        return made[0], (None, None, None, None, None, made[1].detach(), made[2].detach())
"""
_DPO = """
        assert loss_type == "sigmoid"
        losses = -F.logsigmoid(beta * (chosen_logps - ref_chosen_logps - rejected_logps + ref_rejected_logps))
"""
_SMOOTHED = """
        m = beta * (chosen_logps - rejected_logps){margin}
        losses = -F.logsigmoid(m) * (1 - label_smoothing) - F.logsigmoid(-m) * label_smoothing
"""
_ORPO = """
        odds = [x - torch.log1p(-torch.exp(x)) for x in (chosen_logps, rejected_logps)]
        losses = -beta * F.logsigmoid(odds[0] - odds[1])
"""
_KTO = """
import torch
import torch.nn.functional as F

class LigerFusedLinearKTOLoss:
    def __init__(self, beta, use_ref_model, compiled):
        assert use_ref_model and not compiled
        self.beta = beta

    def __call__(self, hidden, weight, target, preference_labels, ref_input, ref_weight, kl):
        def sums(states, weight):
            logps = F.log_softmax((states @ weight.T).float(), dim=-1)
            each = logps.gather(-1, torch.where(target == -100, 0, target)[..., None])[..., 0]
            return (each * (target != -100)).sum(-1)

        h = sums(hidden, weight) - sums(ref_input, ref_weight).detach() - (0 if kl is None else kl)
        sign = torch.where(preference_labels, 1, -1)
        return (1 - torch.sigmoid(self.beta * h * sign)).mean(), ()
"""
_GRPO = """
import torch
import torch.nn.functional as F

class LigerFusedLinearGRPOFunction:
    @staticmethod
    def ppo_loss_fn(per_token_logps, attention_mask, advantages, full_attention_mask, ref_per_token_logps=None,
                    old_per_token_logps=None, epsilon_low=0.2, epsilon_high=0.2, beta=0.04, loss_type="dapo",
                    max_completion_length=None, importance_sampling_level="token", num_items_in_batch=None):
        ratio = torch.exp(per_token_logps - old_per_token_logps)
        cut = ratio.clamp(1 - epsilon_low, 1 + epsilon_high)
        advantages = advantages[:, None]
        losses = -torch.min(ratio * advantages, cut * advantages)
        if beta:
            gap = ref_per_token_logps - per_token_logps
            losses = losses + beta * (torch.exp(gap) - gap - 1)
        return (losses * attention_mask).sum() / full_attention_mask.sum(), ()

class LigerFusedLinearGRPOLoss:
    def __init__(self, compiled, use_ref_model, **settings):
        assert not compiled
        self.settings = settings

    def __call__(self, hidden, weight, ids, mask, advantages, old_per_token_logps, ref_input=None, ref_weight=None,
                 num_items_in_batch=None):
        def tokens(states, weight):
            return F.log_softmax((states @ weight.T).float(), dim=-1).gather(-1, ids[..., None])[..., 0]

        reference = None if ref_input is None else tokens(ref_input, ref_weight).detach()
        return LigerFusedLinearGRPOFunction.ppo_loss_fn(
            tokens(hidden, weight), mask, advantages.float(), mask, reference, old_per_token_logps.float(),
            **self.settings,
        )
"""
_JSD = """
import torch
import torch.nn.functional as F

class LigerFusedLinearJSDLoss:
    def __init__(self, weight_hard_loss, weight_soft_loss, compiled, beta, temperature):
        assert (weight_hard_loss, weight_soft_loss, compiled) == (0.0, 1.0, False)
        self.beta, self.temperature = beta, temperature

    def __call__(self, student, student_weight, teacher, teacher_weight, labels):
        s, t = (F.log_softmax(x @ w.T / self.temperature, -1)
                for x, w in ((student, student_weight), (teacher.detach(), teacher_weight)))
        if self.beta in (0, 1):
            each = t.exp() * (t - s) if self.beta == 0 else s.exp() * (s - t)
        else:
            mean = torch.log(self.beta * t.exp() + (1 - self.beta) * s.exp())
            each = self.beta * t.exp() * (t - mean) + (1 - self.beta) * s.exp() * (s - mean)
        kept = labels != -100
        return torch.where(kept, each.sum(-1), 0).sum() / kept.sum().clamp(min=1)
"""
_REFERENCE = "ref_chosen_logps=0.0, ref_rejected_logps=0.0, "
_SMOOTHING = "label_smoothing=0.0"


def files(kept: str = "(target != -100)") -> dict[str, str]:
    """The package; `kept` is what the fused losses of pairs multiply token log-probabilities with."""
    dpo = _pairs("DPO", _DPO, kept, reference=_REFERENCE, more="loss_type='sigmoid'")
    simpo = _pairs("SimPO", _SMOOTHED, kept, more=f"gamma=0.5, {_SMOOTHING}", margin=" - gamma", average=True)
    modules = {
        "dpo": dpo,
        "simpo": simpo,
        "cpo": _pairs("CPO", _SMOOTHED, kept, more=_SMOOTHING),
        "orpo": _pairs("ORPO", _ORPO, kept, average=True),
        "kto": _KTO,
        "grpo": _GRPO,
        "jsd": _JSD,
    }
    package = "liger_kernel/chunked_loss"
    return {f"{package}/{name}_loss.py": text for name, text in modules.items()}


def _pairs(
    name: str, losses: str, kept: str, *, reference: str = "", more: str = "", margin: str = "", average: bool = False
) -> str:
    body = losses.strip().format(margin=margin)
    return _PAIRS.format(name=name, reference=reference, more=more, losses=body, kept=kept, average=average)
