"""The kind `policy`: a differentiable policy with its derivatives at the reference parameters.

It is called with a `PolicyProblem` and returns a `Policy`. The references are three policies of different make;
torch is imported when one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

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


def _subject(subject_id: str, build: Build) -> Subject:
    return Subject(subject_id, "policy", lambda: build)


register_kind(
    Kind(
        name="policy",
        protocol="called with a PolicyProblem; returns an object like alignprops.dynamics.policies.Policy",
        references=(
            _subject("tabular-softmax", _builder("table")),
            _subject("two-layer-network", _builder("network")),
            _subject("tiny-transformer", _builder("transformer")),
        ),
    )
)
