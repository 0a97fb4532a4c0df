"""One step on a layer below a frozen head, with any convex loss of the margin, by autograd (LD-13 in LD-23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.convex import ConvexProblem
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class LayerBelow:
    """Inputs, signs and loss as in a `ConvexProblem`; the frozen head difference w (k,)."""

    problem: ConvexProblem
    head: NDArray[np.float64]

    def step(self) -> Any:
        """B_1 − B_0 of one step of gradient descent on mean f(β s_i⟨w, (B − B_0)x_i⟩), measured: (k, d)."""
        import torch

        problem = self.problem
        z, weights, head = (torch.as_tensor(part) for part in (problem.z, problem.weights, self.head))
        layer = torch.zeros((len(head), problem.d), dtype=torch.float64, requires_grad=True)
        margins = problem.beta * ((z @ layer.T) @ head)
        (gradient,) = torch.autograd.grad(weights @ problem.loss.value(margins), layer)
        size = float(problem.weights @ problem.row_norms) * float(problem.slope_at_zero.value)
        errors = problem.eta * problem.beta * np.abs(self.head)[:, None] * (problem.n + 24) * EPS * size
        return bounded(-problem.eta * gradient.numpy(), np.broadcast_to(errors, gradient.shape))
