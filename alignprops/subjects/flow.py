"""The kind `gradient-flow`: something that integrates the gradient flow of a last layer.

It is called with a `HeadProblem` and returns a `KnownRun`: u(τ) at τ = ηt, t = 0 … steps, shape (steps + 1, d), with a
bound on the error of each. Of a bare trajectory the error is taken to be that of the reference integrator. The
counterfeits integrate another field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.dynamics.flow import flow
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.problem import HeadProblem
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Flow = Callable[[HeadProblem], KnownRun]


def _adapt(integrator: Callable[[HeadProblem], Any]) -> Flow:
    """Accept an integrator that returns the bare trajectory."""

    def integrate(problem: HeadProblem) -> KnownRun:
        made = integrator(problem)
        if isinstance(made, KnownRun) and made.problem is problem:
            return made
        updates = np.asarray(getattr(made, "updates", made), dtype=np.float64)
        expected = (problem.steps + 1, problem.d)
        if updates.shape != expected:
            raise TheoremError(f"the integrator returned shape {updates.shape}, expected (steps + 1, d) = {expected}")
        if not np.isfinite(updates).all():
            raise TheoremError("the integrator returned NaN or infinity")
        return KnownRun(problem, updates, flow(problem).errors)

    return integrate


def half_as_fast(problem: HeadProblem) -> KnownRun:
    """Forgets that both rows move: u' = −g(u)."""
    return _as_if_for(problem, flow(replace(problem, eta=problem.eta / 2)))


def frozen_margins(problem: HeadProblem) -> KnownRun:
    """Never updates the margins: the straight line."""
    line = problem.eta * problem.beta * np.arange(problem.steps + 1)[:, None] * problem.shift
    return KnownRun(problem, line, flow(problem).errors)


def uphill(problem: HeadProblem) -> KnownRun:
    """Climbs the loss."""
    honest = flow(problem)
    return KnownRun(problem, -honest.updates, honest.errors)


def summed_loss(problem: HeadProblem) -> KnownRun:
    """Flows along the summed loss: the 1/n is lost."""
    return _as_if_for(problem, flow(replace(problem, eta=problem.eta * (problem.total + 1))))


def large_euler_steps(problem: HeadProblem) -> KnownRun:
    """Gradient descent taken for the flow, with the error of an honest integrator."""
    from alignprops.dynamics.last_layer import train

    return KnownRun(problem, train(problem).updates, flow(problem).errors)


def _as_if_for(problem: HeadProblem, run: KnownRun) -> KnownRun:
    return KnownRun(problem, run.updates, run.errors)


COUNTERFEITS: dict[str, Flow] = {
    "half-as-fast": half_as_fast,
    "frozen-margins": frozen_margins,
    "uphill": uphill,
    "summed-loss": summed_loss,
    "large-euler-steps": large_euler_steps,
}


def _subject(subject_id: str, integrator: Flow) -> Subject:
    return Subject(subject_id, "gradient-flow", lambda: integrator)


register_kind(
    Kind(
        name="gradient-flow",
        protocol="called with a HeadProblem; returns a KnownRun of u(τ) at τ = ηt, shape (steps + 1, d), or that alone",
        references=(_subject("toy", flow),),
        counterfeits={name: _subject(f"counterfeit/{name}", integrator) for name, integrator in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
