"""Pairs of behaviours in one joint problem: who leads, and what the theory says of it (LD-10, LD-11).

Everything is an array over the pairs j < k, in the order of `np.triu_indices`; P = K(K − 1)/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.linear_algebra import norm, norm_rounding
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, Bounded, bounded


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of behaviours of a joint problem."""

    problem: HeadProblem

    @cached_property
    def indices(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first and the second behaviour of every pair, (P,) each."""
        first, second = np.triu_indices(self.problem.behaviour_count, k=1)
        return first, second

    def of_first(self, measured: Any) -> Any:
        """A quantity (K,) of the behaviours, for the first of every pair: (P,)."""
        return measured[self.indices[0]]

    def of_second(self, measured: Any) -> Any:
        """A quantity (K,) of the behaviours, for the second of every pair: (P,)."""
        return measured[self.indices[1]]

    def leads(self, run: HeadRun) -> Any:
        """The mean margin of the first less that of the second, at t = 1 … steps: (steps, P)."""
        margins = run.behaviour_margins
        first, second = self.indices
        if not isinstance(margins, Bounded):
            return margins[:, first] - margins[:, second]
        values = margins.value[:, first] - margins.value[:, second]
        return bounded(values, margins.error[:, first] + margins.error[:, second] + EPS * np.abs(values))

    @cached_property
    def gaps(self) -> NDArray[Any]:
        """z̄_j − z̄_k, raw, (P, d)."""
        first, second = self.indices
        return self.problem.behaviour_shifts[first] - self.problem.behaviour_shifts[second]  # type: ignore[no-any-return]

    @cached_property
    def _gap_slips(self) -> NDArray[np.float64]:
        """Bounds on ‖computed gap − gap‖, (P,)."""
        first, second = self.indices
        slips = self.problem.behaviour_shift_roundings
        return slips[first] + slips[second] + EPS * norm(self.gaps)  # type: ignore[no-any-return]

    @cached_property
    def alignment_gap(self) -> Any:
        """⟨z̄, z̄_j − z̄_k⟩, (P,)."""  # LD-10
        problem = self.problem
        values = self.gaps @ problem.shift
        if problem.exact:
            return values
        size, slip = float(norm(problem.shift)), problem.shift_rounding
        lengths = norm(self.gaps)
        errors = lengths * slip + self._gap_slips * (size + slip) + (problem.d + 2) * EPS * lengths * size
        return bounded(values, errors)

    @cached_property
    def gap_curvature_norm(self) -> Any:
        """|z̄_j − z̄_k|_M, (P,)."""
        values = self.problem.curvature_norms(self.gaps)
        if self.problem.exact:
            return values
        return bounded(values.value, values.error + np.sqrt(self.problem.curvature_upper) * self._gap_slips)

    @cached_property
    def gap_norm(self) -> Any:
        """‖z̄_j − z̄_k‖, (P,)."""
        values = norm(self.gaps)
        if self.problem.exact:
            return values
        return bounded(values, self._gap_slips + norm_rounding(self.problem.d) * values)

    @cached_property
    def cross(self) -> Any:
        """⟨z̄_j, z̄_k⟩, (P,)."""
        first, second = self.indices
        shifts = self.problem.behaviour_shifts
        values = (shifts[first] * shifts[second]).sum(axis=1)
        if self.problem.exact:
            return values
        sizes, slips = norm(shifts), self.problem.behaviour_shift_roundings
        errors = sizes[first] * slips[second] + sizes[second] * slips[first] + slips[first] * slips[second]
        return bounded(values, errors + (self.problem.d + 2) * EPS * sizes[first] * sizes[second])

    @cached_property
    def largest_cross(self) -> Any:
        """Max over all pairs of |⟨z̄_j, z̄_k⟩|: 0 if the behaviours' mean shifts are orthogonal."""
        cross = self.cross
        if not isinstance(cross, Bounded):
            sizes = np.abs(cross)
            top = sizes[0]
            for size in sizes[1:]:
                top = top.max(size)
            return top
        return bounded(np.abs(cross.value).max(), cross.error.max())

    # --- the classes within a behaviour ---------------------------------------------------------------------------

    @cached_property
    def class_gaps(self) -> NDArray[Any]:
        """Δ_k = μ_+ − μ_- of every behaviour, raw, (K, d); 0 where a class is empty (see `defined`)."""
        return np.stack([self._class_gap(k) for k in range(self.problem.behaviour_count)])

    def _class_gap(self, k: int) -> NDArray[Any]:
        means = [self._class_mean(k, sign) for sign in (1, -1)]
        if means[0] is None or means[1] is None:
            return self.problem.shift * 0
        return means[0] - means[1]  # type: ignore[no-any-return]

    def _class_mean(self, k: int, sign: int) -> NDArray[Any] | None:
        where = (self.problem.behaviours == k) & (self.problem.signs == sign)
        return self.problem.mean(self.problem.features, where) if where.any() else None

    @cached_property
    def _class_gap_slips(self) -> NDArray[np.float64]:
        """Bounds on ‖computed Δ_k − Δ_k‖, (K,): each class mean rounds n + 3 times at the size of its samples."""
        problem = self.problem
        largest = np.array([problem.row_norms[problem.behaviours == k].max() for k in range(problem.behaviour_count)])
        slips: NDArray[np.float64] = 2 * (problem.n + 3) * np.sqrt(problem.d) * EPS * largest
        return slips

    @cached_property
    def distinguishability(self) -> Any:
        """δ_k, (K,); 0 where a class is empty."""
        values = norm(self.class_gaps)
        if self.problem.exact:
            return values
        return bounded(values, self._class_gap_slips + norm_rounding(self.problem.d) * values)

    @cached_property
    def imbalance(self) -> NDArray[np.int64]:
        """Max over the two behaviours of |samples of sign + less samples of sign −|, (P,): exact integers."""
        problem = self.problem
        signed = problem.signs * problem.counts
        sums = np.array([abs(int(signed[problem.behaviours == k].sum())) for k in range(problem.behaviour_count)])
        larger: NDArray[np.int64] = np.maximum(sums[self.indices[0]], sums[self.indices[1]])
        return larger

    @cached_property
    def _middles(self) -> NDArray[Any]:
        first, second = self.indices
        return (self.class_gaps[first] + self.class_gaps[second]) / 2  # type: ignore[no-any-return]

    @cached_property
    def defined(self) -> NDArray[np.int64]:
        """1 where the normalised gap is defined: d̄ ≠ 0, (P,)."""
        if self.problem.exact:
            sizes = norm(self._middles)
            return np.array([int(size > 0) for size in sizes])
        first, second = self.indices
        clear = norm(self._middles) > 4 * (self._class_gap_slips[first] + self._class_gap_slips[second])
        return np.asarray(clear, dtype=np.int64)

    @cached_property
    def normalised_gap(self) -> Any:
        """(⟨d̄, d_j⟩ − ⟨d̄, d_k⟩)/(‖d̄‖·max(‖d_j‖, ‖d_k‖)), d = Δ, d̄ their mean, (P,); 0 if not defined."""  # LD-10
        first, second = self.indices
        one, other, middle = self.class_gaps[first], self.class_gaps[second], self._middles
        top = (middle * (one - other)).sum(axis=1)
        sizes, longest = norm(middle), _larger(norm(one), norm(other))
        safe = np.where(self.defined == 1, sizes * longest, longest * 0 + 1)
        values = np.where(self.defined == 1, top / safe, top * 0)
        if self.problem.exact:
            return values
        # Moving d̄ or a d by a changes the ratio by at most 4a over the length moved; d̄ is the shorter one.
        slips = self._class_gap_slips[first] + self._class_gap_slips[second]
        moved = np.where(self.defined == 1, 8 * slips / np.where(sizes > 0, sizes, 1), 0)
        return bounded(values, moved + (2 * self.problem.d + 12) * EPS)


def _larger(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    if a.dtype != object:
        return np.asarray(np.maximum(a, b))
    out = np.empty(a.shape, dtype=object)
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        out[index] = x.max(y)
    return out
