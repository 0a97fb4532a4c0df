"""The first AdamW step on the head: what is left of the preferences when every gradient is divided by its size (LD-18).

By LD-1 the gradient of the loss at W_0 is G_{y±} = ∓(β/2)z̄, 0 in all other rows. After the bias correction m̂ = G,
v̂ = G²: a coordinate moves by η·G/(|G| + ε), and the decay, decoupled, takes ηω of every weight. 0/0 := 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.linear_algebra import as_exact, norm
from alignprops.dynamics.priorities import Pairs
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AdamProblem:
    """A problem with the head it starts from, W_0 (V, d), the two answer tokens, the decay ω and Adam's ε."""

    problem: HeadProblem
    head: NDArray[Any]
    yes: int
    no: int
    decay: Any
    epsilon: Any

    @classmethod
    def of(
        cls, problem: HeadProblem, *, head: ArrayLike, yes: int, no: int, decay: float = 0.0, epsilon: float = 1e-8
    ) -> AdamProblem:
        """Build one from user input. Raises InputError where it makes no sense."""
        rows = np.ascontiguousarray(head, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != problem.d or not np.isfinite(rows).all():
            raise InputError(f"the head has shape {rows.shape}; expected (tokens, {problem.d}) finite numbers")
        if not (0 <= yes < len(rows) and 0 <= no < len(rows)) or yes == no:
            raise InputError(f"answer tokens {yes} and {no} of {len(rows)}; expected two different rows of the head")
        for name, number in (("decay", decay), ("epsilon", epsilon)):
            if not (np.isfinite(number) and number >= 0):
                raise InputError(f"{name} is {number!r}; expected a number of at least 0")
        return cls(problem, rows, yes, no, float(decay), float(epsilon))

    # --- raw --------------------------------------------------------------------------------------------------------

    @cached_property
    def gradient(self) -> NDArray[Any]:
        """∇_W L(W_0), (V, d): ∓(β/2)z̄ in the rows of the answers."""  # LD-1
        rows = self.head * 0
        rows[self.yes] = -self.problem.beta * self.problem.shift / 2
        rows[self.no] = self.problem.beta * self.problem.shift / 2
        return rows

    @cached_property
    def shift_entries_error(self) -> Floats:
        """Bound on |computed z̄_j − z̄_j|, (d,): n + 20 roundings of sums of moduli, in any order of summation."""
        problem = self.problem
        slips: Floats = (problem.n + 20) * EPS * (problem.counts @ np.abs(problem.features)) / problem.total
        return slips

    @cached_property
    def _direction_error(self) -> Floats:
        """Bound on the error of z/(|z| + e), e = 2ε/β, where z is off by its slip, (d,)."""
        slip, size = self.shift_entries_error, np.abs(self.problem.shift)
        softening = 2 * float(self.epsilon) / float(self.problem.beta)
        if softening == 0:  # the sign is certain, or it may be any
            error = np.where((slip >= size) & (slip > 0), 2.0, 0.0)
        else:  # the slope is e/(|z| + e)²
            error = np.minimum(slip * softening / (np.maximum(size - slip, 0) + softening) ** 2, 2.0)
        return error + 16 * EPS

    # --- measured: the step -----------------------------------------------------------------------------------------

    def entries(self, stepped: NDArray[Any]) -> Any:
        """u_1 per coordinate, (d,): the difference of the two rows after the step, less that before."""
        moved = stepped - self.head
        values = moved[self.yes] - moved[self.no]
        return values if self.problem.exact else bounded(values, self._entries_error)

    @cached_property
    def _entries_error(self) -> Floats:
        sizes = np.abs(self.head[self.yes]) + np.abs(self.head[self.no]) + 2 * float(self.problem.eta)
        errors: Floats = 2 * self.problem.eta * self._direction_error + 8 * EPS * sizes
        return errors

    def row_sum(self, stepped: NDArray[Any]) -> Any:
        """w_{y+} + w_{y−} after the step, per coordinate, (d,)."""
        return self._of_rows(stepped[self.yes] + stepped[self.no])

    @property
    def start_row_sum(self) -> Any:
        """The same before the step."""
        return self._of_rows(self.head[self.yes] + self.head[self.no])

    def _of_rows(self, values: NDArray[Any]) -> Any:
        return values if self.problem.exact else bounded(values, self._entries_error)

    def other_rows(self, stepped: NDArray[Any]) -> Any:
        """The weights of all other tokens' rows, flat, ((V − 2)d,), of the head before or after the step."""
        rows = np.delete(stepped, [self.yes, self.no], axis=0).reshape(-1)
        return rows if self.problem.exact else bounded(rows, 8 * EPS * np.abs(rows))

    def change(self, stepped: NDArray[Any]) -> Any:
        """‖W_1 − W_0‖_F of the whole head."""
        moved = stepped - self.head
        size = norm(moved.reshape(-1))
        if self.problem.exact:
            return size
        error = float(np.linalg.norm(self._entries_error)) + 8 * EPS * float(np.linalg.norm(self.head))
        return bounded(size, error + moved.size * EPS * size)

    def run(self, stepped: NDArray[Any]) -> HeadRun:
        """u_0 = 0 and u_1 as a run of one step."""
        moved = stepped - self.head
        first = moved[self.yes] - moved[self.no]
        errors = None if self.problem.exact else np.array([0.0, float(np.linalg.norm(self._entries_error))])
        return KnownRun(self.problem, np.stack([first * 0, first]), errors)

    # --- measured: the start ----------------------------------------------------------------------------------------

    @property
    def start_difference(self) -> Any:
        """w0 = w0_{y+} − w0_{y−}, per coordinate, (d,)."""
        values = self.head[self.yes] - self.head[self.no]
        return values if self.problem.exact else bounded(values, EPS * np.abs(values))

    @property
    def shift_entries(self) -> Any:
        """z̄_j, (d,)."""
        return self._measured(self.problem.shift)

    @property
    def shift_moduli(self) -> Any:
        """|z̄_j|, (d,)."""
        return self._measured(np.abs(self.problem.shift))

    def _measured(self, values: Any) -> Any:
        return values if self.problem.exact else bounded(values, self.shift_entries_error)

    @cached_property
    def shift_sum(self) -> Any:
        """‖z̄‖₁."""
        value = np.abs(self.problem.shift).sum()
        if self.problem.exact:
            return value
        return bounded(value, self.shift_entries_error.sum() + self.problem.d * EPS * value)

    @cached_property
    def moving(self) -> Any:
        """#{j: z̄_j ≠ 0}, how many coordinates have a preference; what rounding hides counts half ± half."""
        entries = self.problem.shift
        if self.problem.exact:
            nothing = entries[0] * 0
            return sum((_nonzero(entry) for entry in entries), nothing)
        slip = self.shift_entries_error
        certain, open_ = int((np.abs(entries) > slip).sum()), int(((np.abs(entries) <= slip) & (slip > 0)).sum())
        return bounded(certain + open_ / 2, open_ / 2)

    @cached_property
    def signs(self) -> NDArray[Any]:
        """sign z̄, raw, (d,)."""
        entries = self.problem.shift
        if not self.problem.exact:
            return np.asarray(np.sign(entries))
        return np.array([sign_of(entry) for entry in entries], dtype=object)

    @cached_property
    def sign_run(self) -> HeadRun:
        """sign z̄ as a trajectory of one step, for sᵀMs."""
        open_ = (np.abs(self.problem.shift) <= self.shift_entries_error) if not self.problem.exact else None
        errors = None if open_ is None else np.array([0.0, float(np.sqrt(open_.sum()))])
        return KnownRun(self.problem, np.stack([self.signs * 0, self.signs]), errors)

    def sign_gaps(self, pairs: Pairs) -> Any:
        """⟨sign z̄, z̄_j − z̄_k⟩ of every pair of behaviours, (P,)."""  # LD-18b
        values = pairs.gaps @ self.signs
        if self.problem.exact:
            return values
        problem = self.problem
        open_ = np.abs(problem.shift) <= self.shift_entries_error
        slips = np.array([problem.behaviour_shift_rounding(k) for k in range(problem.behaviour_count)]).max()
        errors = np.abs(pairs.gaps) @ open_.astype(np.float64) + np.sqrt(problem.d) * 2 * slips
        return bounded(values, errors + (problem.d + 4) * EPS * np.abs(pairs.gaps).sum(axis=1))


def sign_of(x: Any) -> Any:
    """The sign of a ball: −1, 0 or 1 where certain, else all that it can be."""
    nothing = x * 0
    if x.is_zero():
        return nothing
    return nothing + 1 if x > 0 else nothing - 1 if x < 0 else (nothing - 1).union(nothing + 1)


def _nonzero(x: Any) -> Any:
    nothing = x * 0
    return nothing if x.is_zero() else nothing.union(nothing + 1) if x.contains(0) else nothing + 1


def adamw_step(
    problem: AdamProblem, *, corrected: bool = True, first_moment: int = 10, second_moment: int = 1000
) -> NDArray[Any]:
    """W_1 of AdamW as in Loshchilov & Hutter 2019, Algorithm 2: β₁ = 1 − 1/10, β₂ = 1 − 1/1000 by default.

    `corrected=False` leaves the moments biased towards 0.
    """
    g = problem.gradient
    m, root = g / first_moment, np.abs(g)
    if corrected:
        m = m * first_moment
    else:
        root = root * _root(second_moment, g) / second_moment
    kept = 1 - problem.problem.eta * problem.decay
    stepped: NDArray[Any] = kept * problem.head - problem.problem.eta * _quotient(m, root, problem.epsilon)
    return stepped


def _quotient(top: NDArray[Any], size: NDArray[Any], softening: Any) -> NDArray[Any]:
    """top/(size + ε), and the sign of top where that is 0/0 on a ball."""
    if top.dtype != object:
        bottom = size + softening
        return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0))
    out = np.empty(top.shape, dtype=object)
    for index, entry in np.ndenumerate(top):
        bottom = size[index] + softening
        out[index] = entry / bottom if bottom > 0 else sign_of(entry)
    return out


def _root(number: int, like: NDArray[Any]) -> Any:
    return (as_exact([number])[0] * (like.flat[0] * 0 + 1)).sqrt() if like.dtype == object else np.sqrt(number)
