"""The kind `policy`: a differentiable policy with its derivatives at the reference parameters.

It is called with a `PolicyProblem` and returns a `Policy`. The references are three policies of different make, the
counterfeits take wrong steps; torch is imported when one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alignprops.dynamics.policy_problem import Kind as Make
from alignprops.dynamics.policy_problem import PolicyProblem
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

if TYPE_CHECKING:
    from alignprops.dynamics.policies import Policy

Build = Callable[[PolicyProblem], "Policy"]


def _builder(make: Make) -> Build:
    def build(problem: PolicyProblem) -> Policy:
        from alignprops.dynamics.policies import Policy

        return Policy(replace(problem, kind=make))

    return build


def _with_gradient(change: Callable[[Any, PolicyProblem], Any]) -> Build:
    """A policy whose gradient of the loss, and so its SGD step, is changed."""

    def build(problem: PolicyProblem) -> Policy:
        from alignprops.dynamics.policies import Policy

        class Wrong(Policy):
            def loss_gradient(self, theta: Any) -> Any:
                return change(super().loss_gradient(theta), problem)

        return Wrong(problem)

    return build


def _first_half_frozen(gradient: Any, _: PolicyProblem) -> Any:
    kept = gradient.clone()
    kept[: len(kept) // 2] = 0
    return kept


def _subject(subject_id: str, build: Build) -> Subject:
    return Subject(subject_id, "policy", lambda: build)


#: Steps that are no plain SGD on the DPO loss: uphill, of the summed loss, clipped, on some of the parameters.
COUNTERFEITS: dict[str, Build] = {
    "climbing-step": _with_gradient(lambda gradient, problem: -gradient),
    "summed-loss": _with_gradient(lambda gradient, problem: len(problem.prompts) * gradient),
    "clipped-gradient": _with_gradient(lambda gradient, problem: gradient.clamp(-1 / 64, 1 / 64)),
    "half-frozen": _with_gradient(_first_half_frozen),
}


register_kind(
    Kind(
        name="policy",
        protocol="called with a PolicyProblem; returns an object like alignprops.dynamics.policies.Policy",
        references=(
            _subject("tabular-softmax", _builder("table")),
            _subject("two-layer-network", _builder("network")),
            _subject("tiny-transformer", _builder("transformer")),
        ),
        counterfeits={name: _subject(f"counterfeit/{name}", build) for name, build in COUNTERFEITS.items()},
    )
)
