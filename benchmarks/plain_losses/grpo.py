"""GRPO: clipped surrogate, β times k3, mean of the responses' means (Shao et al. 2024, Eq. 3)."""

import torch


def grpo_loss(logps, old_logps, ref_logps, advantages, mask, epsilon=0.2, beta=0.04):
    """() loss, from tables (B, T), advantages (B,) and a mask."""
    counted = mask.to(logps.dtype)
    difference = torch.where(mask, logps - old_logps, 0.0)
    ratio = torch.exp(difference.clamp(max=60.0))  # beyond it the gradient of what is clipped would be 0 · inf
    clipped = torch.clamp(ratio, 1 - epsilon, 1 + epsilon)
    surrogate = torch.min(ratio * advantages[:, None], clipped * advantages[:, None])
    to_reference = torch.where(mask, ref_logps - logps, 0.0)
    penalty = torch.expm1(to_reference) - to_reference
    per_token = torch.where(mask, beta * penalty - surrogate, 0.0)
    lengths = counted.sum(dim=1).clamp(min=1)
    return (per_token.sum(dim=1) / lengths).mean()
