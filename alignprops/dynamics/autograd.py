"""Plain autograd DPO training of the full V × d head: what the reduction LD-1 is compared with.

All V rows, the real log-softmax, the real DPO loss with W_0 as the reference, torch in float64. Nothing here knows
that two rows suffice. torch is imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def train_head(
    features: NDArray[np.float64],
    signs: NDArray[np.int64],
    *,
    head: NDArray[np.float64],
    yes: int,
    no: int,
    eta: float,
    beta: float,
    steps: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """W_0 … W_steps, (steps+1, V, d), by full-batch gradient descent from `head` = W_0 (V, d).

    The preferred token of a sample is `yes` where its sign is +1 and `no` where it is −1; `weights` (n,) add up to 1.
    """
    import torch

    x = torch.as_tensor(features, dtype=torch.float64)
    chosen, rejected = answer_tokens(signs, yes=yes, no=no)
    share = torch.full((len(x),), 1 / len(x), dtype=torch.float64) if weights is None else torch.as_tensor(weights)
    parameter = torch.tensor(head, dtype=torch.float64, requires_grad=True)
    reference = log_ratio(parameter.detach(), x, chosen, rejected)
    trajectory = [np.array(head, dtype=np.float64)]
    for _ in range(steps):
        dpo_step(parameter, x, chosen, rejected, reference, share, eta=eta, beta=beta)
        trajectory.append(parameter.detach().numpy().copy())
    return np.stack(trajectory)


def answer_tokens(signs: NDArray[np.int64], *, yes: int, no: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of the chosen and of the rejected responses, (n,) each."""
    import torch

    positive = torch.as_tensor(np.asarray(signs) > 0)
    return torch.where(positive, yes, no), torch.where(positive, no, yes)


def log_ratio(head: torch.Tensor, x: torch.Tensor, chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """log π(chosen|x) − log π(rejected|x), (n,)."""
    log_policy = (x @ head.T).log_softmax(dim=-1)  # (n, V)
    of_chosen, of_rejected = (log_policy.gather(1, tokens[:, None])[:, 0] for tokens in (chosen, rejected))
    return of_chosen - of_rejected


def dpo_step(
    head: torch.Tensor,
    x: torch.Tensor,
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference: torch.Tensor,
    weights: torch.Tensor,
    *,
    eta: float,
    beta: float,
) -> None:
    """One step of gradient descent on `head`, in place."""
    import torch
    from torch.nn.functional import logsigmoid

    margins = beta * (log_ratio(head, x, chosen, rejected) - reference)
    loss = -(weights * logsigmoid(margins)).sum()  # Rafailov et al. 2023, Eq. 7
    (gradient,) = torch.autograd.grad(loss, head)
    with torch.no_grad():
        head -= eta * gradient
