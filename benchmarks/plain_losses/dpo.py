"""DPO of token log-probabilities, with label smoothing and detached rewards (Rafailov et al. 2023, Eq. 7)."""

import torch
from torch.nn.functional import logsigmoid


def dpo_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    chosen_mask,
    rejected_mask,
    beta=0.1,
    label_smoothing=0.0,
):
    """(B,) losses and rewards, from tables (B, T) and their masks."""

    def total(logps, mask):
        return torch.where(mask, logps, 0.0).sum(dim=1)

    chosen = beta * (total(policy_chosen_logps, chosen_mask) - total(reference_chosen_logps, chosen_mask))
    rejected = beta * (total(policy_rejected_logps, rejected_mask) - total(reference_rejected_logps, rejected_mask))
    margin = chosen - rejected
    losses = -(1 - label_smoothing) * logsigmoid(margin) - label_smoothing * logsigmoid(-margin)
    return losses, chosen.detach(), rejected.detach()
