"""The whole V × d head trained by plain autograd, with a bound on its rounding: what LD-1 is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, Bounded, bounded


@dataclass(frozen=True, eq=False)
class FullHeadProblem:
    """A last-layer problem with the head it starts from, W_0 (V, d), and the two answer tokens."""

    problem: HeadProblem
    head: NDArray[np.float64]
    yes: int
    no: int

    @property
    def vocabulary(self) -> int:
        """V, the number of rows."""
        return len(self.head)

    @cached_property
    def autograd_changes(self) -> NDArray[np.float64]:
        """W_t − W_0 by autograd on all V rows, raw, t = 1 … steps: (steps, V, d)."""
        from alignprops.dynamics.autograd import train_head

        p = self.problem
        heads = train_head(
            p.features,
            p.signs,
            head=self.head,
            yes=self.yes,
            no=self.no,
            eta=p.eta,
            beta=p.beta,
            steps=p.steps,
            weights=p.weights,
        )
        return heads[1:] - heads[0]  # type: ignore[no-any-return]

    def changes(self, run: HeadRun) -> Bounded:
        """W_t − W_0 by autograd, (steps, V, d)."""
        errors = self._errors(run)[:, None, None]
        return bounded(self.autograd_changes, errors)  # type: ignore[no-any-return]

    def row_sum(self, run: HeadRun) -> Bounded:
        """What autograd adds to w_{y+} + w_{y−}, (steps, d): 0, up to the rounding of the two rows."""
        changes = self.autograd_changes
        sums = changes[:, self.yes] + changes[:, self.no]
        return bounded(sums, 2 * self._errors(run)[:, None])  # type: ignore[no-any-return]

    @property
    def other_rows_change(self) -> Bounded:
        """The largest movement of any other row by autograd, (steps,): exactly 0, the softmax cancels to the bit."""
        others = np.delete(np.abs(self.autograd_changes), [self.yes, self.no], axis=1)
        return bounded(others.max(axis=(1, 2), initial=0.0), 0.0)  # type: ignore[no-any-return]

    def change_norm(self, run: HeadRun) -> Bounded:
        """‖W_t − W_0‖_F by autograd, (steps,)."""
        values = np.linalg.norm(self.autograd_changes, axis=(1, 2))
        entries = np.sqrt(self.head.size)
        return bounded(values, entries * self._errors(run) + entries * EPS * values)  # type: ignore[no-any-return]

    def _errors(self, run: HeadRun) -> NDArray[np.float64]:
        """Bound on the error of an entry at t = 1 … steps.

        As for u_t (rounding.py), and beside it what the full computation adds each step: a log-probability rounds
        d + V + 12 times at the size of the largest logit plus log V, four of them make a margin, σ is ¼-Lipschitz;
        and every entry of W rounds at its own size, twice where W_0 is subtracted.
        """
        p = self.problem
        assert run.rounding is not None
        rows = np.linalg.norm(self.head, axis=1).max() + np.linalg.norm(run.updates, axis=1).max()
        logits = rows * p.row_norms + np.log(self.vocabulary)
        slips = 4 * (p.d + self.vocabulary + 12) * EPS * logits  # (n,)
        pull = 2 * p.eta * p.beta * p.beta / 4 * float(p.weights @ (p.row_norms * slips))
        own = 2 * EPS * np.sqrt(p.d) * (np.abs(self.head).max() + np.abs(run.updates).max())
        errors: NDArray[np.float64] = run.rounding.updates_error[1:] + p.t * (pull + own) + own
        return errors


def head_entries(run: Any, problem: FullHeadProblem) -> Any:
    """W_t − W_0 as the run has it, (steps, V, d)."""
    values = run.heads(problem.vocabulary, problem.yes, problem.no)[1:]
    return bounded(values, run.rounding.updates_error[1:, None, None])
