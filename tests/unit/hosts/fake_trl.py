"""Source of fake trl packages: just enough of each generation of DPOTrainer, with a place for a mistake."""

from __future__ import annotations

_METHOD = """
import torch
import torch.nn.functional as F

class DPOTrainer:
    def dpo_loss(self, chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, loss_type="sigmoid"):
        chosen, rejected = chosen_logps - ref_chosen_logps, rejected_logps - ref_rejected_logps
        logits = {logits}
        if loss_type == "sigmoid":
            losses = -F.logsigmoid(self.beta * logits) * (1 - self.label_smoothing)
            losses = losses - F.logsigmoid(-self.beta * logits) * self.label_smoothing
        elif loss_type == "hinge":
            losses = torch.relu(1 - self.beta * logits)
        return losses, self.beta * chosen.detach(), self.beta * rejected.detach()
"""
_INLINE = """
import torch
import torch.nn.functional as F

class DPOTrainer:
    def _compute_loss(self, model, inputs, return_outputs):
        mask = inputs["completion_mask"]
        logps = model(**inputs).log_probs.sum(1).chunk(2)
        ref = self.ref_model(**inputs).log_probs.sum(1).chunk(2)
        ratios = [a - b for a, b in zip(logps, ref)]
        for loss_type in self.loss_types:
            if loss_type == "sigmoid":
                losses = -F.logsigmoid(self.beta * (ratios[0] - ratios[1]))
            elif loss_type == "ipo":
                lengths = {counted}.sum(1).chunk(2)
                delta = ratios[0] / lengths[0] - ratios[1] / lengths[1]
                losses = (delta - 1 / (2 * self.beta)) ** 2
        rewards = [self.accelerator.gather(self.beta * ratio.detach()) for ratio in ratios]
        self._metrics["train"]["rewards/chosen"].append(rewards[0].mean().item())
        self._metrics["train"]["rewards/rejected"].append(rewards[1].mean().item())
        return losses.mean()
"""
_GRPO = """
class GRPOTrainer:
    def _compute_loss(self, model, inputs):
        raise NotImplementedError
"""


def method(logits: str = "chosen - rejected") -> dict[str, str]:
    """Up to 0.28: `dpo_loss`, with that difference of log-ratios."""
    return _files(_METHOD.format(logits=logits))


def inline(counted: str = "mask[:, 1:]") -> dict[str, str]:
    """Since 0.29: `_compute_loss`, whose lengths are those of that mask."""
    return _files(_INLINE.format(counted=counted)) | {"trl/trainer/grpo_trainer.py": _GRPO}


def _files(trainer: str) -> dict[str, str]:
    return {"trl/__init__.py": "", "trl/trainer/dpo_trainer.py": trainer, "trl/trainer/utils.py": ""}
