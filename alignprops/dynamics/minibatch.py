"""Mini-batch runs of the last layer: the steps' own mean shifts and curvature, and an analysis of the rounding (LD-16).

Batch B_s of step s has the mean shift z̄_s and the second moment M_s; λ_B = max_s λ_max(M_s). The run is compared with
a_t = ηβ Σ_{s<t} z̄_s, where it would be if nothing bent it. A batch's step is non-expansive for η ≤ 4/(β²λ_B), so that
rounding errors add up as in rounding.py, with the batch's own moments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.atoms import log_cosh
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.last_layer import descend
from alignprops.dynamics.linear_algebra import norm, norm_rounding, second_moment_eigenvalue
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MiniBatchProblem:
    """A problem whose rows are single samples, and sample indices (steps, B), or (paths, steps, B) for many runs.

    The number of steps is that of the batches; the problem's own is not read.
    """

    problem: HeadProblem
    batches: NDArray[np.int64]

    @classmethod
    def of(cls, problem: HeadProblem, batches: ArrayLike) -> MiniBatchProblem:
        """Build one from user input. Raises InputError where the batches do not fit the problem."""
        rows = np.asarray(batches)
        if rows.ndim not in (2, 3) or 0 in rows.shape or rows.dtype.kind not in "iu":
            raise InputError(f"batches have shape {rows.shape} of {rows.dtype}; expected sample indices (steps, B)")
        if rows.min() < 0 or rows.max() >= problem.n:
            raise InputError(f"batches point at samples {rows.min()} … {rows.max()}; expected 0 … {problem.n - 1}")
        if (problem.counts != 1).any():
            raise InputError("samples have multiplicities; a mini-batch draws samples, so repeat the rows instead")
        return cls(problem, np.ascontiguousarray(rows, dtype=np.int64))

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return int(self.batches.shape[-2])

    @property
    def size(self) -> int:
        """B, the size of a batch."""
        return int(self.batches.shape[-1])

    @property
    def t(self) -> NDArray[np.int64]:
        """Step numbers 1 … T."""
        return np.arange(1, self.steps + 1)

    @property
    def share(self) -> Any:
        """1/B, in the world of the problem."""
        return self.one / self.size

    @property
    def one(self) -> Any:
        """1, in the world of the problem."""
        return self.problem.features[0, 0] * 0 + 1

    def single_steps(self) -> MiniBatchProblem:
        """Every batch as a run of its own, of one step: (paths, 1, B)."""
        return replace(self, batches=np.ascontiguousarray(self.batches.reshape(-1, 1, self.size)))

    # --- the batches ------------------------------------------------------------------------------------------------

    @cached_property
    def shifts(self) -> NDArray[Any]:
        """z̄_s = mean of z_i over the batch, raw, (…, steps, d)."""
        return self.problem.z[self.batches].sum(axis=-2) * self.share  # type: ignore[no-any-return]

    @cached_property
    def _mean_norms(self) -> Floats:
        """The mean of ‖z_i‖ over each batch, (…, steps)."""
        return self.problem.row_norms[self.batches].mean(axis=-1)  # type: ignore[no-any-return]

    @cached_property
    def _mean_squares(self) -> Floats:
        """The mean of ‖z_i‖² over each batch, (…, steps)."""
        return (self.problem.row_norms[self.batches] ** 2).mean(axis=-1)  # type: ignore[no-any-return]

    @cached_property
    def shift_roundings(self) -> Floats:
        """Bounds on ‖computed z̄_s − z̄_s‖: B + 2 roundings at the mean size of the samples, (…, steps)."""
        return (self.size + 2) * EPS * self._mean_norms

    @cached_property
    def curvature(self) -> Any:
        """λ_B = max_s λ_max(M_s)."""
        distinct = np.unique(np.sort(self.batches.reshape(-1, self.size), axis=1), axis=0)
        return largest_curvature(self.problem, distinct)

    @cached_property
    def curvature_upper(self) -> float:
        """A float that λ_B does not exceed."""
        return float(self.curvature.value + self.curvature.error)

    @cached_property
    def path_length(self) -> Any:
        """Σ_{s<t} ‖z̄_s‖ at t = 1 … steps, (…, steps)."""  # LD-16a
        sizes = norm(self.shifts)
        sums = np.cumsum(sizes, axis=-1)
        if self.problem.exact:
            return sums
        errors = np.cumsum(self.shift_roundings + norm_rounding(self.problem.d) * sizes, axis=-1)
        return bounded(sums, errors + self.steps * EPS * sums)

    @cached_property
    def path(self) -> NDArray[Any]:
        """a_t = ηβ Σ_{s<t} z̄_s, raw, t = 0 … steps: (…, steps+1, d)."""  # LD-16b
        moved = self.problem.eta * self.problem.beta * np.cumsum(self.shifts, axis=-2)
        return np.concatenate([moved[..., :1, :] * 0, moved], axis=-2)

    @cached_property
    def path_roundings(self) -> Floats:
        """Bounds on ‖computed a_t − a_t‖, t = 0 … steps: (…, steps+1)."""
        sizes = np.cumsum(norm(self.shifts), axis=-1)
        errors = np.cumsum(self.shift_roundings, axis=-1) + (self.steps + 3) * EPS * sizes
        return np.concatenate([errors[..., :1] * 0, self.problem.eta * self.problem.beta * errors], axis=-1)

    @cached_property
    def measured_path(self) -> Any:
        """The coordinates of a_t, t = 1 … steps, (…, steps, d)."""  # LD-16b
        path = self.path[..., 1:, :]
        return path if self.problem.exact else bounded(path, self.path_roundings[..., 1:, None])

    @cached_property
    def path_energy(self) -> Any:
        """Σ_{s<t} mean_{i∈B_s} log cosh(β⟨a_s, z_i⟩/2) of one path, t = 1 … steps: (steps,)."""  # LD-16b
        problem = self.problem
        rows = problem.z[self.batches]  # (steps, B, d)
        halves = problem.beta * (rows @ self.path[:-1, :, None])[..., 0] / 2  # (steps, B)
        sums = np.cumsum(log_cosh.numeric(halves).sum(axis=-1) * self.share)
        if problem.exact:
            return sums
        # log cosh is 1-Lipschitz; the margins are off by the path's error and d + 4 roundings.
        slips = self.path_roundings[:-1] + (problem.d + 4) * EPS * norm(self.path[:-1])
        errors = np.cumsum(problem.beta / 2 * slips * self._mean_norms)
        return bounded(sums, errors + (self.size + self.steps + 10) * EPS * sums)

    @cached_property
    def visit_spread(self) -> NDArray[np.int64]:
        """How many times more often the most visited sample was seen than the least, of one path: (steps,)."""
        seen = np.stack([np.bincount(rows, minlength=self.problem.n) for rows in self.batches])
        visits = np.cumsum(seen, axis=0)
        spread: NDArray[np.int64] = visits.max(axis=1) - visits.min(axis=1)
        return spread

    # --- the runs ---------------------------------------------------------------------------------------------------

    def errors(self, updates: NDArray[Any]) -> Floats:
        """Bounds on ‖computed u_t − u_t‖, (…, steps+1), of a trajectory (…, steps+1, d) by mini-batch descent."""
        problem = self.problem
        strength = float(problem.eta * problem.beta**2 * self.curvature_upper / 2)
        stretch, sizes = max(1.0, strength - 1), norm(updates)
        turned = problem.beta / 4 * (problem.d + 2) * sizes[..., :-1] * self._mean_squares
        local = 2 * problem.eta * problem.beta * EPS * (turned + (self.size + 12) * self._mean_norms)
        errors = [sizes[..., 0] * 0]
        for step in range(self.steps):
            errors.append(stretch * errors[-1] + local[..., step] + EPS * sizes[..., step + 1])
        return np.stack(errors, axis=-1)

    def run(self, updates: NDArray[Any]) -> KnownRun:
        """One trajectory (steps+1, d) as a run, with its rounding."""
        return KnownRun(self.problem, updates, None if self.problem.exact else self.errors(updates))

    def first_steps(self, updates: NDArray[Any]) -> Any:
        """The coordinates of u_1 of trajectories (paths, steps+1, d): (paths, d)."""
        first = updates[:, 1]
        return first if self.problem.exact else bounded(first, self.errors(updates)[:, 1, None])

    def path_deviation(self, updates: NDArray[Any]) -> Any:
        """‖u_t − a_t‖, t = 1 … steps, (…, steps)."""  # LD-16b
        sizes = norm((updates - self.path)[..., 1:, :])
        if self.problem.exact:
            return sizes
        errors = (self.errors(updates) + self.path_roundings + EPS * norm(updates))[..., 1:]
        return bounded(sizes, errors + norm_rounding(self.problem.d) * sizes)


def largest_curvature(problem: HeadProblem, batches: NDArray[np.int64]) -> Any:
    """The largest λ_max of the second moments of batches (k, B)."""
    ones = np.ones(batches.shape[1], dtype=np.int64)
    pairs = [second_moment_eigenvalue(problem.z[rows], ones) for rows in batches]
    if problem.exact:
        largest = pairs[0][0]
        for value, _ in pairs[1:]:
            largest = largest.max(value)
        return largest
    values, errors = np.array(pairs).T
    return bounded(values.max(), errors.max())


def train(problem: MiniBatchProblem) -> NDArray[Any]:
    """Mini-batch gradient descent on W, seen in u: the trajectory (…, steps+1, d); the reference engine."""
    head, rows = problem.problem, problem.batches
    updates = [head.z[rows[..., 0, 0]] * 0]
    for step in range(problem.steps):
        batch = head.z[rows[..., step, :]]  # (…, B, d)
        updates.append(descend(updates[-1], batch, problem.share, eta=head.eta, beta=head.beta))
    return np.stack(updates, axis=-2)
