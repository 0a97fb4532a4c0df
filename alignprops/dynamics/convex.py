"""The last layer trained with another loss f of the margin than DPO's: convex, f'(0) < 0 (LD-23).

L(u) = mean f(m_i), E(u) = mean [f(m_i) − f(0) + a₀m_i] with a₀ = −f'(0); c₂ is the Lipschitz constant of f'. Everything
that a `HeadProblem` and a `HeadRun` tell of features and updates is told here too; what they tell of the logistic
loss is told of f.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, reduce
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from alignprops.atoms import log_cosh
from alignprops.dynamics.last_layer import descend
from alignprops.dynamics.linear_algebra import norm
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.rounding import Floats, TrajectoryRounding
from alignprops.dynamics.run import HeadRun
from alignprops.expressions import Rounded, exact, follow
from alignprops.losses import PAIRWISE_LOSSES, PairwiseLoss, margin
from alignprops.measured import EPS, bounded, is_exact

#: What a loss without a c₂ is given in its place: the exponential must not outgrow float64 on one wrong sample.
STEEPNESS = {"hinge": 1 / 4, "exponential": 2.0**18}


@dataclass(frozen=True, eq=False)
class ConvexProblem(HeadProblem):
    """A last-layer problem and the loss that it is trained with, by name; its hyper-parameter, if it has one (> 0)."""

    loss_name: str = "sigmoid"
    parameter: Any = 0.0

    #: The loss that a theorem about such instances speaks of; None: of every one.
    only: ClassVar[str | None] = None

    @classmethod
    def with_loss(cls, problem: HeadProblem, loss_name: str, parameter: float | None = None) -> ConvexProblem:
        """The same data and settings, with a loss at this hyper-parameter or at its default."""
        default = next(iter(PAIRWISE_LOSSES[loss_name].parameters.values()), 0.0)
        given = {field.name: getattr(problem, field.name) for field in fields(HeadProblem)}
        return cls(**given, loss_name=loss_name, parameter=default if parameter is None else parameter)

    @cached_property
    def loss(self) -> PairwiseLoss:
        """f, at the hyper-parameter of the problem (a float or a ball)."""
        known = PAIRWISE_LOSSES[self.loss_name]
        return replace(known, parameters=dict.fromkeys(known.parameters, self.parameter))

    def pull(self, margins: Any) -> Any:
        """−f'(m) of every margin."""
        return -self.loss.slope(margins)

    def of_margins(self, expression: sp.Expr, margins: Any, error: Any = 0.0) -> tuple[Any, Any]:
        """An expression in the margin and the hyper-parameter, raw, and a bound on its rounding (0 for balls).

        `error` bounds that of the margins.
        """
        if self.exact or is_exact(margins):
            return exact(expression, {margin: margins, **self._symbols}), 0.0
        values = {symbol: Rounded(value, 0.0) for symbol, value in self._symbols.items()}
        with np.errstate(all="ignore"):
            found = follow(expression, {margin: Rounded(margins, error), **values})
        shape = np.shape(margins)
        return np.broadcast_to(found.value, shape), np.broadcast_to(found.error, shape)

    def constant(self, expression: sp.Expr) -> Any:
        """A constant of the loss, measured: `loss.slope_at_zero`, `loss.value_at_zero` …; NaN if it is infinite."""
        if isinstance(expression, sp.Piecewise):  # the case of a hyper-parameter above 0
            expression = expression.args[-1][0]
        if expression.is_infinite:
            return self.undefined()
        nothing = self.features[0, 0] * 0
        value, error = self.of_margins(expression, nothing)
        return value + nothing if self.exact else bounded(value, error)

    @cached_property
    def furthest(self) -> Any:
        """The largest ⟨z̄, z_i⟩."""
        heights = self.z @ self.shift
        if self.exact:
            return reduce(lambda a, b: a.max(b), heights)
        slips = self.shift_rounding + (self.d + 4) * EPS * float(norm(self.shift))
        return bounded(heights.max(), slips * float(self.row_norms.max()))

    @property
    def _symbols(self) -> Mapping[sp.Symbol, Any]:
        return dict.fromkeys(self.loss.symbols.values(), self.parameter)

    def gains_at(self, vs: NDArray[Any]) -> Any:
        """f(0) − L(v) for every row of vs (k, d), taken as exact: (k,)."""
        margins = self.beta * (vs @ self.z.T)  # (k, n)
        # d + 4 roundings at β‖v‖‖z_i‖ each.
        slips = 0.0 if self.exact else (self.d + 4) * EPS * self.beta * np.outer(norm(vs), self.row_norms)
        return mean_of(self, *self.of_margins(self.loss.value_at_zero - self.loss.expression, margins, slips))

    # --- the constants of the table ------------------------------------------------------------------------

    @cached_property
    def slope_at_zero(self) -> Any:
        """a₀ = −f'(0)."""
        return self.constant(self.loss.slope_at_zero)

    @cached_property
    def smoothness(self) -> Any:
        """c₂, NaN if f' is not Lipschitz."""
        return self.constant(self.loss.smoothness)

    @property
    def smooth(self) -> bool:
        """Whether f' is Lipschitz."""
        return not self.loss.smoothness.is_infinite

    @cached_property
    def value_at_zero(self) -> Any:
        """f(0)."""
        return self.constant(self.loss.value_at_zero)

    @cached_property
    def infimum(self) -> Any:
        """inf f, NaN if f is unbounded below."""
        return self.constant(self.loss.infimum)

    @property
    def bounded_below(self) -> bool:
        """Whether inf f > −∞."""
        infimum = self.loss.infimum
        return not (infimum.args[-1][0] if isinstance(infimum, sp.Piecewise) else infimum).is_infinite


def at_the_share_of_the_limit(problem: HeadProblem, loss_name: str, parameter: float | None = None) -> ConvexProblem:
    """The problem with that loss, η at the same share of the limit: 2/(β²λ) becomes 1/(2c₂β²λ)."""
    steepness = PAIRWISE_LOSSES[loss_name].smoothness
    factor = 1 / (4 * float(steepness if steepness.is_finite else STEEPNESS[loss_name]))
    made = ConvexProblem.with_loss(problem, loss_name, parameter)
    return replace(made, eta=problem.eta * factor)


class IpoProblem(ConvexProblem):
    """A problem with the loss of IPO."""

    only = "ipo"


class SmoothedProblem(ConvexProblem):
    """A problem with the loss of cDPO."""

    only = "label-smoothed"


class HingeProblem(ConvexProblem):
    """A problem with the hinge loss."""

    only = "hinge"


class HingeOnAxes(ConvexProblem):
    """A problem with the hinge loss whose samples lie on the axes: no real features do."""

    only = ""


@dataclass(frozen=True, eq=False)
class ConvexRounding(TrajectoryRounding):
    """As for the logistic loss, with the slopes of f: c₂ in place of ¼, |f'| in place of σ.

    A kink has no c₂. There a margin that rounding may carry across it makes the slope uncertain by the jump.
    """

    problem: ConvexProblem

    @cached_property
    def _smoothness(self) -> float:
        found = self.problem.smoothness.value
        return float(found) if np.isfinite(found) else 0.0

    @cached_property
    def strength(self) -> float:
        """2ηβ²c₂λ, the Lipschitz constant of u ↦ 2ηg(u)."""
        eta, beta = self.problem.eta, self.problem.beta
        return float(2 * eta * beta**2 * self._smoothness * self.problem.curvature_upper)

    @cached_property
    def updates_error(self) -> Floats:
        """Bound on ‖computed u_t − u_t‖, t = 0 … steps: step by step, with the slopes' own error analysis."""
        problem = self.problem
        weights, reach = problem.weights * problem.row_norms, (problem.d + 2) * EPS
        smooth = problem.smooth
        stretch = max(1.0, self.strength - 1) if smooth else 1.0
        errors = [0.0]
        for step in range(len(self.updates) - 1):
            # A smooth loss hands on the error of u_t by `stretch`; a kink needs it in the margins.
            slip = reach * self.sizes[step] + (0.0 if smooth else errors[-1])
            moved = problem.beta * problem.row_norms * slip + 2 * EPS * np.abs(self.margins[step])
            slopes, own = problem.of_margins(problem.loss.derivative, self.margins[step], moved)
            pull = own @ weights + (problem.n + 12) * EPS * (np.abs(slopes) @ weights)
            local = 2 * problem.eta * problem.beta * pull + EPS * self.sizes[step + 1]
            errors.append(stretch * errors[-1] + float(local))
        return np.array(errors)


@dataclass(frozen=True, eq=False)
class ConvexRun(HeadRun):
    """The trajectory of a convex problem."""

    problem: ConvexProblem

    @cached_property
    def rounding(self) -> TrajectoryRounding | None:
        """The error analysis; None for balls, which carry their radius."""
        return None if self.problem.exact else ConvexRounding(self.problem, self.updates, self.raw_margins)

    @cached_property
    def loss(self) -> Any:
        """L(u_t) = mean f(m_i)."""
        return self._mean_of(self.problem.loss.expression)

    @cached_property
    def loss_drop(self) -> Any:
        """f(0) − L(u_t)."""
        f = self.problem.loss
        return self._mean_of(f.value_at_zero - f.expression)

    @cached_property
    def energy(self) -> Any:
        """E(u_t) = mean [f(m_i) − f(0) + a₀m_i]."""
        f = self.problem.loss
        return self._mean_of(f.expression - f.value_at_zero + f.slope_at_zero * margin)

    def _mean_of(self, expression: sp.Expr) -> Any:
        slips = 0.0 if self.rounding is None else self.rounding.margins_error[1:]
        values, errors = self.problem.of_margins(expression, self.raw_margins[1:], slips)
        return mean_of(self.problem, values, errors)

    @cached_property
    def logistic_energy(self) -> Any:
        """The energy of DPO at u_t: mean log cosh(m_i/2)."""
        return self._mean_of(log_cosh(margin / 2))

    @cached_property
    def line(self) -> Any:
        """2ηβa₀t, the straight line's multiple of z̄, raw: (steps,)."""
        problem = self.problem
        rate = problem.slope_at_zero if problem.exact else problem.slope_at_zero.value
        return 2 * problem.eta * problem.beta * rate * self.t

    @cached_property
    def deviation_vectors(self) -> NDArray[Any]:
        """D_t = u_t − 2ηβa₀tz̄, raw, t = 1 … steps: (steps, d)."""
        return self.updates[1:] - self.line[:, None] * self.problem.shift  # type: ignore[no-any-return]

    @cached_property
    def deviation(self) -> Any:
        """‖D_t‖."""
        sizes = norm(self.deviation_vectors)
        return sizes if self.rounding is None else bounded(sizes, self._deviation_errors + self.problem.d * EPS * sizes)

    @property
    def _deviation_errors(self) -> Floats:
        """Of u_t, of z̄, and eight roundings at the size of either."""
        assert self.rounding is not None
        size = float(np.linalg.norm(self.problem.shift))
        slips = np.abs(self.line) * (self.problem.shift_rounding + 8 * EPS * size)
        return self.rounding.updates_error[1:] + slips + 4 * EPS * self.rounding.sizes[1:]  # type: ignore[no-any-return]

    def deviation_along_each(self, vs: NDArray[Any]) -> Any:
        """⟨D_t, v⟩ for every row of vs (k, d), taken as exact: (steps, k)."""
        values = self.deviation_vectors @ vs.T
        if self.rounding is None:
            return values
        slips = self._deviation_errors + (self.problem.d + 2) * EPS * norm(self.deviation_vectors)
        return bounded(values, np.outer(slips, norm(vs)))


def mean_of(problem: HeadProblem, values: Any, errors: Any) -> Any:
    """The mean over the samples of values (…, n) with these errors; n + 3 roundings of the sum."""
    means = values @ problem.weights
    if is_exact(means):
        return means
    return bounded(means, (errors + (problem.n + 3) * EPS * np.abs(values)) @ problem.weights)


def train_convex(problem: ConvexProblem) -> ConvexRun:
    """Run `problem.steps` steps of gradient descent on mean f(m_i) from u_0 = 0."""
    updates = [problem.z[0] * 0]
    for _ in range(problem.steps):
        settings = {"eta": problem.eta, "beta": problem.beta, "pull": problem.pull}
        updates.append(descend(updates[-1], problem.z, problem.weights, **settings))
    return ConvexRun(problem, np.stack(updates))
