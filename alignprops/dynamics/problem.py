"""A last-layer preference problem: signed features, a step size, and the statistics that theorems read.

Setting (Im & Li 2024, Section 3). A sample i has a final hidden state x_i and a sign s_i: +1 if the preferred
response is the token y+ ("Yes"), −1 if it is y− ("No"). z_i = s_i·x_i; a mean runs over the samples with
their multiplicities; M = mean x xᵀ = mean z zᵀ.

Two families of attributes, never mixed:

- **raw** arrays for further mathematics: `z`, `weights`, `row_norms`, `shift` (z̄), `shift_rounding`,
  `behaviour_shift(k)`, `class_mean(sign)`; floats or balls;
- **measured** quantities, spelled out in words: `mean_shift` (‖z̄‖), `curvature` (λ) …; floats come as
  `Bounded` (with a derived error bound), balls as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops.dynamics import class_statistics
from alignprops.dynamics.checks import checked_arrays, checked_settings
from alignprops.dynamics.linear_algebra import (
    Pair,
    as_exact,
    mean_squared_norm,
    norm,
    norm_rounding,
    second_moment_eigenvalue,
    square_root,
)
from alignprops.measured import EPS, bounded, is_exact


@dataclass(frozen=True, eq=False)
class HeadProblem:
    """Features (n, d), signs ±1 (n,), multiplicities (n,), behaviour labels 0 … K−1 (n,), η, β, step count.

    The constructor checks nothing (the engine rebuilds problems with balls in the float fields);
    `HeadProblem.of` checks what a user gives.
    """

    features: NDArray[Any]
    signs: NDArray[np.int64]
    counts: NDArray[np.int64]
    behaviours: NDArray[np.int64]
    eta: Any
    beta: Any
    steps: int

    @classmethod
    def of(
        cls,
        features: ArrayLike,
        signs: ArrayLike,
        *,
        eta: float,
        beta: float,
        steps: int = 1,
        counts: ArrayLike | None = None,
        behaviours: ArrayLike | None = None,
    ) -> HeadProblem:
        """Build a problem from user input. Raises InputError where it makes no sense."""
        arrays = checked_arrays(features, signs, counts=counts, behaviours=behaviours)
        return cls(*arrays, *checked_settings(eta, beta, steps))

    def with_steps(self, steps: int) -> HeadProblem:
        """The same problem, run for another number of steps; statistics that are known already are kept."""
        made = replace(self, steps=steps)
        given = {field.name for field in fields(self)}
        vars(made).update({name: value for name, value in vars(self).items() if name not in given})
        return made

    # --- raw ----------------------------------------------------------------------------------------------

    @property
    def exact(self) -> bool:
        """Whether the numbers are balls."""
        return is_exact(self.features)

    @property
    def n(self) -> int:
        """Number of rows (a row counts `counts` times)."""
        return int(self.features.shape[0])

    @property
    def d(self) -> int:
        """Dimension of the features."""
        return int(self.features.shape[1])

    @property
    def t(self) -> NDArray[np.int64]:
        """Step numbers 1 … steps."""
        return np.arange(1, self.steps + 1)

    @cached_property
    def total(self) -> int:
        """Number of samples, multiplicities included."""
        return int(self.counts.sum())

    @cached_property
    def weights(self) -> NDArray[Any]:
        """Share of each row among the samples, (n,)."""
        if self.exact:
            one = self.features[0, 0] * 0 + 1
            return as_exact(self.counts) * one / self.total  # type: ignore[no-any-return]
        return self.counts / self.total

    @cached_property
    def z(self) -> NDArray[Any]:
        """Signed features z_i = s_i·x_i, (n, d)."""
        signs = as_exact(self.signs) if self.exact else self.signs
        return signs[:, None] * self.features  # type: ignore[no-any-return]

    @cached_property
    def row_norms(self) -> NDArray[Any]:
        """‖x_i‖, (n,)."""
        return norm(self.features)  # type: ignore[no-any-return]

    @cached_property
    def shift(self) -> NDArray[Any]:
        """z̄ = mean z_i, (d,)."""
        return self.mean(self.z)

    @cached_property
    def shift_rounding(self) -> float:
        """Bound on ‖computed z̄ − z̄‖."""
        return self.mean_rounding(self.z, None)

    def mean(self, rows: NDArray[Any], where: NDArray[np.bool_] | None = None) -> NDArray[Any]:
        """Mean over the samples (of the rows in `where` if given) of rows (n, d), multiplicities included.

        Balls are summed with integer multiplicities and divided once, so that exact sums stay exact.
        """
        many, chosen = (self.counts, rows) if where is None else (self.counts[where], rows[where])
        if self.exact:
            return (as_exact(many)[:, None] * chosen).sum(axis=0) / int(many.sum())  # type: ignore[no-any-return]
        return many.astype(np.float64) @ chosen / float(many.sum())  # type: ignore[no-any-return]

    def behaviour_shift(self, k: int) -> NDArray[Any]:
        """z̄_k = mean of z_i over behaviour k, (d,)."""
        return self.mean(self.z, self.behaviours == k)

    def behaviour_shift_rounding(self, k: int) -> float:
        """Bound on ‖computed z̄_k − z̄_k‖."""
        return self.mean_rounding(self.z, self.behaviours == k)

    def class_mean(self, sign: int) -> NDArray[Any]:
        """μ_± = mean of x_i over the samples of that sign, (d,); the class must not be empty."""
        return self.mean(self.features, self.signs == sign)

    def class_mean_rounding(self, sign: int) -> float:
        """Bound on ‖computed μ_± − μ_±‖."""
        return self.mean_rounding(self.features, self.signs == sign)

    def mean_rounding(self, rows: NDArray[Any], where: NDArray[np.bool_] | None = None) -> float:
        """Bound on ‖computed mean − mean‖ for `mean(rows, where)`."""
        if self.exact:
            return 0.0
        many = self.counts if where is None else self.counts[where]
        moduli = np.abs(rows if where is None else rows[where])
        # A dot product of m terms, a conversion, a division: (m + 2) roundings of sums of moduli.
        return float((len(many) + 2) * EPS * np.linalg.norm(many @ moduli / many.sum()))

    # --- measured: the mean shift and the curvature -------------------------------------------------------

    @cached_property
    def mean_shift_vector(self) -> Any:
        """z̄, (d,)."""
        return bounded(self.shift, self.shift_rounding)

    @cached_property
    def mean_shift(self) -> Any:
        """‖z̄‖, which sets the initial update rate."""
        return self.norm_of(self.shift, self.shift_rounding)

    @cached_property
    def curvature(self) -> Any:
        """λ = λ_max(M)."""
        return bounded(*self._curvature)

    @cached_property
    def _curvature(self) -> Pair:
        return second_moment_eigenvalue(self.z, self.counts)

    @cached_property
    def curvature_upper(self) -> float:
        """A float that λ does not exceed (the constant of the rounding analysis)."""
        value, error = self._curvature
        return float(value.upper()) if self.exact else value + error

    @cached_property
    def curvature_along_shift(self) -> Any:
        """ρ = z̄ᵀMz̄/‖z̄‖², and 0 if z̄ = 0."""
        if self.exact:
            return self._curvature_along_shift_ball()
        size, slip = float(norm(self.shift)), self.shift_rounding
        if size == 0:
            return bounded(0.0, 0.0 if slip == 0 else self.curvature_upper)
        value, error = self._second_moment_norm(self.shift / size, EPS)
        # Two unit vectors at distance a change |·|_M by at most √λ·a; then square.
        wander = error + np.sqrt(self.curvature_upper) * min(2 * slip / size, 2.0)
        return bounded(value**2, wander * (2 * value + wander) + 2 * EPS * value**2)

    def _curvature_along_shift_ball(self) -> Any:
        squared = (self.shift * self.shift).sum()
        if all(entry.is_zero() for entry in self.shift):
            return squared
        if squared > 0:
            heights = self.z @ self.shift
            return (self.weights * heights * heights).sum() / squared
        return squared.union(self._curvature[0]).union(squared * 0)  # 0 ≤ ρ ≤ λ whatever z̄ is

    def curvature_norm(self, v: NDArray[Any], rounding: float = 0.0) -> Any:
        """|v|_M = √(vᵀMv) for v (d,); `rounding` bounds ‖v − the vector meant‖."""
        value, error = self._second_moment_norm(v, 0.0)
        if self.exact:
            return value
        return bounded(value, error + np.sqrt(self.curvature_upper) * rounding)

    @cached_property
    def separation(self) -> Any:
        """min_i ⟨z̄, z_i⟩/‖z̄‖, the margin with which z̄ separates the samples (0 if z̄ = 0)."""  # LD-8
        heights, size = self.z @ self.shift, norm(self.shift)
        if self.exact:
            smallest = heights[0]
            for height in heights[1:]:
                smallest = smallest.min(height)
            return smallest / size if size > 0 else size * 0
        if size == 0:
            return bounded(0.0, 0.0)
        slip = 2 * self.shift_rounding / float(size) + (self.d + 6) * EPS
        return bounded(heights.min() / size, slip * float(self.row_norms.max()))

    @cached_property
    def drift_ratio(self) -> Any:
        """‖Mz̄‖/‖z̄‖ (0 if z̄ = 0): what bends the run of a quadratic loss."""
        heights = self.z @ self.shift
        pushed = norm((self.weights * heights) @ self.z)
        size = norm(self.shift)
        if self.exact:
            return pushed / size if size > 0 else size * 0
        if size == 0:
            return bounded(0.0, 0.0)
        # Mz̄/‖z̄‖ moves by at most λ·2‖slip‖/‖z̄‖; its sums round n + d + 6 times at size mean‖z_i‖².
        spread = float(self.weights @ self.row_norms**2)
        wander = 2 * self.curvature_upper * self.shift_rounding / float(size)
        return bounded(pushed / size, wander + (self.n + self.d + 6) * EPS * spread)

    @cached_property
    def probes(self) -> NDArray[Any]:
        """Directions in which a run is observed: the samples z_i and the axes, raw, (n + d, d)."""
        axes = np.eye(self.d, dtype=np.int64)
        if self.exact:
            return np.concatenate([self.z, as_exact(axes) * (self.features[0, 0] * 0 + 1)])
        return np.concatenate([self.z, axes])

    def curvature_norms(self, vs: NDArray[Any]) -> Any:
        """|v|_M of every row of vs (k, d), taken as exact: (k,)."""
        heights = vs @ self.z.T  # (k, n)
        values = square_root((heights * heights) @ self.weights)
        if self.exact:
            return values
        spread = np.sqrt(self.weights @ self.row_norms**2) * norm(vs)
        return bounded(values, (self.d + 2) * EPS * spread + (self.n + 4) * EPS * values)

    def shift_along(self, vs: NDArray[Any]) -> Any:
        """⟨z̄, v⟩ for every row of vs (k, d), taken as exact: (k,)."""
        values = vs @ self.shift
        if self.exact:
            return values
        sizes = norm(vs)
        return bounded(values, sizes * (self.shift_rounding + (self.d + 2) * EPS * float(norm(self.shift))))

    @cached_property
    def mean_shift_curvature_norm(self) -> Any:
        """|z̄|_M = ‖z̄‖·√ρ."""
        return self.curvature_norm(self.shift, self.shift_rounding)

    def _second_moment_norm(self, v: NDArray[Any], slip: float) -> Pair:
        heights = self.z @ v
        value = square_root((self.weights * heights * heights).sum())
        if self.exact:
            return value, 0.0
        # Heights round d + 2 times at size ‖z_i‖‖v‖, the weighted sum of squares n + 4 times.
        spread = np.sqrt(self.weights @ self.row_norms**2) * np.linalg.norm(v)
        return float(value), float((self.d + 2) * EPS * spread + slip * spread + (self.n + 4) * EPS * value)

    def norm_of(self, v: NDArray[Any], rounding: float) -> Any:
        """‖v‖, measured, for v within `rounding` of the vector meant."""
        value = norm(v)
        if self.exact:
            return value
        return bounded(value, rounding + norm_rounding(self.d) * value)

    # --- measured: the two classes ------------------------------------------------------------------------

    @cached_property
    def distinguishability(self) -> Any:
        """δ = ‖μ_+ − μ_-‖; NaN if a class is empty."""
        return class_statistics.distinguishability(self)

    @property
    def both_classes(self) -> bool:
        """Whether both signs occur."""
        return bool((self.signs == 1).any() and (self.signs == -1).any())

    @property
    def balanced(self) -> bool:
        """Whether the two classes have exactly equally many samples."""
        return int((self.signs * self.counts).sum()) == 0

    @cached_property
    def concentration(self) -> Any:
        """The larger covariance spectral norm of the two classes, with 1/(n_class − 1); NaN below two samples."""
        return class_statistics.larger_covariance(self, second_moment_eigenvalue)

    @cached_property
    def covariance_trace(self) -> Any:
        """The larger covariance trace of the two classes, with 1/(n_class − 1); NaN below two samples."""
        return class_statistics.larger_covariance(self, mean_squared_norm)

    @cached_property
    def common_offset_share(self) -> Any:
        """‖x̄‖²/mean‖x_i‖²: how much of the features is one common offset; 0 if all features are 0."""
        return class_statistics.common_offset_share(self)

    def undefined(self) -> Any:
        """NaN, in the world of this problem."""
        return self.features[0, 0] * float("nan") if self.exact else bounded(float("nan"), 0.0)

    @cached_property
    def offset_vector(self) -> Any:
        """x̄, the common offset, (d,)."""
        return self._vector(self.mean(self.features), self.mean_rounding(self.features, None))

    @cached_property
    def class_difference_vector(self) -> Any:
        """Δ = μ_+ − μ_-, (d,); 0 if a class is empty, where it does not enter z̄."""
        if not self.both_classes:
            return self._vector(self.shift * 0, 0.0)
        rounding = self.class_mean_rounding(1) + self.class_mean_rounding(-1)
        difference = self.class_mean(1) - self.class_mean(-1)
        return self._vector(difference, rounding if self.exact else rounding + EPS * float(norm(difference)))

    @cached_property
    def class_difference_norm(self) -> Any:
        """δ, but 0 if a class is empty."""
        return self.distinguishability if self.both_classes else self._vector(self.shift[0] * 0, 0.0)

    def class_share(self, sign: int) -> Any:
        """p_±, the share of the samples of that sign."""
        size = int(self.counts[self.signs == sign].sum())
        if self.exact:
            return (self.features[0, 0] * 0 + size) / self.total
        return bounded(size / self.total, EPS * size / self.total)

    def _vector(self, values: Any, rounding: float) -> Any:
        return values if self.exact else bounded(values, rounding)

    # --- measured: behaviours -----------------------------------------------------------------------------

    @cached_property
    def behaviour_count(self) -> int:
        """K, the number of behaviours."""
        return int(self.behaviours.max()) + 1

    @cached_property
    def shares(self) -> Any:
        """q_k, the share of each behaviour among the samples, (K,)."""
        many = np.bincount(self.behaviours, weights=self.counts).astype(np.int64)
        if self.exact:
            return as_exact(many) * (self.features[0, 0] * 0 + 1) / self.total
        return bounded(many / self.total, EPS * many / self.total)

    @cached_property
    def behaviour_mean_shifts(self) -> Any:
        """‖z̄_k‖, (K,)."""
        shifts = self.behaviour_shifts
        if self.exact:
            return norm(shifts)
        sizes = norm(shifts)
        return bounded(sizes, self.behaviour_shift_roundings + norm_rounding(self.d) * sizes)

    @cached_property
    def alignments(self) -> Any:
        """⟨z̄, z̄_k⟩, (K,): after one step the mean margin of behaviour k is ηβ² times it."""  # LD-10
        values = self.behaviour_shifts @ self.shift
        if self.exact:
            return values
        sizes, slips = norm(self.behaviour_shifts), self.behaviour_shift_roundings
        size, slip = float(norm(self.shift)), self.shift_rounding
        return bounded(values, sizes * slip + slips * size + slips * slip + (self.d + 2) * EPS * sizes * size)

    @cached_property
    def behaviour_shifts(self) -> NDArray[Any]:
        """z̄_k of every behaviour, raw, (K, d)."""
        return np.stack([self.behaviour_shift(k) for k in range(self.behaviour_count)])

    @cached_property
    def behaviour_shift_roundings(self) -> NDArray[np.float64]:
        """Bounds on ‖computed z̄_k − z̄_k‖, (K,)."""
        return np.array([self.behaviour_shift_rounding(k) for k in range(self.behaviour_count)])
