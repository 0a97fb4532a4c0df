"""The two classes within a mini-batch: how a common offset enters its mean shift, and how it does not (LD-16).

The identity z̄ = (p_+ − p_-)x̄ + 2p_+p_-Δ of the Setting holds batch by batch. With equal class counts the offset is
gone; drawn from all samples it stays in the noise as 4p_+p_-‖(μ_+ + μ_-)/2‖².
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.linear_algebra import as_exact, norm
from alignprops.dynamics.minibatch import MiniBatchProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class BatchClasses:
    """The classes of the batches (steps, B) of one path; what is measured is (steps,) or (steps, d)."""

    batches: MiniBatchProblem

    @cached_property
    def _positive(self) -> NDArray[np.bool_]:
        return self.batches.problem.signs[self.batches.batches] > 0  # (steps, B)

    @cached_property
    def imbalance(self) -> NDArray[np.int64]:
        """|n_+ − n_-| of every batch, (steps,)."""
        many: NDArray[np.int64] = self._positive.sum(axis=1)
        return np.abs(2 * many - self.batches.size)

    def share(self, sign: int) -> Any:
        """p_± of every batch, (steps,)."""
        many = (self._positive if sign > 0 else ~self._positive).sum(axis=1)
        if self.batches.problem.exact:
            return as_exact(many) * self.batches.share
        return bounded(many / self.batches.size, EPS * many / self.batches.size)

    @cached_property
    def offsets(self) -> Any:
        """x̄_s, the mean of x_i over the batch, (steps, d)."""
        means = self._rows.sum(axis=1) * self.batches.share
        return self._within(means, np.ones_like(means[:, 0]))

    @cached_property
    def differences(self) -> Any:
        """Δ_s = μ_+ − μ_- of the batch, (steps, d); 0 if a class does not occur in it."""
        differences = self._class_means(self._positive) - self._class_means(~self._positive)
        least = np.minimum(self._positive.sum(axis=1), (~self._positive).sum(axis=1))
        both = as_exact(least > 0) if self.batches.problem.exact else (least > 0).astype(np.float64)
        differences = differences * both[:, None]
        return self._within(differences, 2 * self.batches.size / np.maximum(least, 1))

    @cached_property
    def _rows(self) -> NDArray[Any]:
        return self.batches.problem.features[self.batches.batches]  # (steps, B, d)

    def _class_means(self, where: NDArray[np.bool_]) -> NDArray[Any]:
        many = np.maximum(where.sum(axis=1), 1)[:, None]
        if self.batches.problem.exact:
            return (as_exact(where)[..., None] * self._rows).sum(axis=1) / as_exact(many)  # type: ignore[no-any-return]
        means: NDArray[Any] = (where[..., None] * self._rows).sum(axis=1) / many
        return means

    def _within(self, values: NDArray[Any], factors: Any) -> Any:
        """Vectors of means, with `factors` times the B + 4 roundings at the mean size of the samples."""
        if self.batches.problem.exact:
            return values
        sizes = self.batches.problem.row_norms[self.batches.batches].mean(axis=1)
        errors = np.asarray(factors, dtype=np.float64) * (self.batches.size + 4) * EPS * sizes
        return bounded(values, errors[:, None])


def class_spread(problem: HeadProblem, sign: int) -> Any:
    """mean‖x_i − μ_±‖² over the class (with 1/n_class); 0 if it is empty."""
    where = problem.signs == sign
    if not where.any():
        return problem.shift[0] * 0 if problem.exact else bounded(0.0, 0.0)
    rows, many = problem.features[where], int(where.sum())
    apart = rows - problem.class_mean(sign)
    spread = (apart * apart).sum(axis=-1).sum() / many
    if problem.exact:
        return spread
    slip = problem.class_mean_rounding(sign) + EPS * float(norm(rows).max())
    error = slip * (2 * float(np.sqrt(spread)) + slip)
    return bounded(spread, error + (many + problem.d + 4) * EPS * spread)


def midpoint_norm(problem: HeadProblem) -> Any:
    """‖(μ_+ + μ_-)/2‖, the offset that the classes share; both must occur."""
    middle = (problem.class_mean(1) + problem.class_mean(-1)) / 2
    slip = (
        problem.class_mean_rounding(1) + problem.class_mean_rounding(-1) + EPS * float(norm(middle))
        if (not problem.exact)
        else 0.0
    )
    return problem.norm_of(middle, slip)


def offset_norm(problem: HeadProblem) -> Any:
    """‖x̄‖, the size of the mean of all samples."""
    offset = problem.mean(problem.features)
    return problem.norm_of(offset, problem.mean_rounding(problem.features))
