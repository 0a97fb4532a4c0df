"""The kind `token-head`: something that trains a head by DPO on whole responses with frozen states.

It is called with a `TokenHeadProblem` and returns W_0 … W_T, shape (steps + 1, V, d).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops.atoms import sigmoid
from alignprops.dynamics.token_head import TokenHeadProblem, train_tokens
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Train = Callable[[TokenHeadProblem], Any]


def _with_gradient(gradient: Callable[[TokenHeadProblem, Any], Any]) -> Train:
    """The reference engine with another gradient of the loss."""

    def trained(problem: TokenHeadProblem) -> Any:
        heads = [problem.head]
        for _ in range(problem.steps):
            heads.append(heads[-1] - problem.eta * gradient(problem, heads[-1]))
        return np.stack(heads)

    return trained


def _mean_over_tokens(problem: TokenHeadProblem, head: Any) -> Any:
    """Divides log-ratios by the length of the chosen response, as length-normalised losses do."""
    lengths = problem.scored[:, 0].sum(axis=1)
    lengths = lengths.astype(object) if problem.exact else lengths.astype(np.float64)
    pulls = -problem.beta * sigmoid.numeric(-problem.beta * problem.differences(head) / lengths) / lengths / problem.n
    return (pulls[:, None, None] * problem.gradients(head)).sum(axis=0)


def _first_token_only(problem: TokenHeadProblem, head: Any) -> Any:
    """Scores the first token of each response and forgets the rest."""
    scored = problem.scored.copy()
    scored[..., 1:] = 0
    return replace(problem, scored=scored).loss_gradient(head)


COUNTERFEITS: dict[str, Train] = {
    "climbs": _with_gradient(lambda problem, head: -problem.loss_gradient(head)),
    "summed-loss": _with_gradient(lambda problem, head: (problem.n + 1) * problem.loss_gradient(head)),
    "mean-over-tokens": _with_gradient(_mean_over_tokens),
    "first-token-only": _with_gradient(_first_token_only),
}


def _subject(subject_id: str, trainer: Train) -> Subject:
    return Subject(subject_id, "token-head", lambda: trainer, exact=True)


register_kind(
    Kind(
        name="token-head",
        protocol="called with a TokenHeadProblem; returns the heads W_0 … W_T, shape (steps + 1, V, d)",
        references=(_subject("toy", train_tokens),),
        counterfeits={name: _subject(f"counterfeit/{name}", trainer) for name, trainer in COUNTERFEITS.items()},
    )
)
