"""Small heads with pairs of whole responses (LD-20): frozen states, or one-hot ones (a tabular softmax)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignprops.dynamics.remainder import Remainder
from alignprops.dynamics.token_head import TokenHeadProblem
from alignprops.strategies.grids import BETAS, ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: η as a share of what makes x = ηT(a + cR) about 1 at the last step.
SHARES = (1 / 2, 1 / 4, 1.0, 1 / 16, 2.0, 1 / 256)


@st.composite
def token_head_problems(
    draw: Draw, *, max_n: int = 3, max_length: int = 3, max_steps: int = 3, tables: bool = True
) -> TokenHeadProblem:
    """Draw a `TokenHeadProblem`; contexts are shared up to the first token in which the responses differ."""
    choices = Choices(draw(byte_strings(12)))
    n, length, vocabulary = choices.between(1, max_n), choices.between(1, max_length), choices.between(2, 4)
    d, table = choices.between(1, 3), tables and choices.between(0, 2) == 2
    tokens = decode(draw(byte_strings(2 * max_n * max_length)), np.arange(vocabulary), max_n, 2, max_length)
    tokens = np.ascontiguousarray(tokens[:n, :, :length])
    same = (tokens[:, 0] == tokens[:, 1]).all(axis=1)
    tokens[same, 1, 0] = (tokens[same, 0, 0] + 1) % vocabulary
    shared = (tokens[:, 0] != tokens[:, 1]).argmax(axis=1) + 1
    scored = np.ones(tokens.shape, dtype=np.int64)
    scored[:, 1, -1] = (shared >= length) | (choices.between(0, 1) == 0)  # a rejected response may be shorter
    states = _states(draw, tokens, shared, contexts=vocabulary if table else None, d=d)
    shape = (vocabulary, states.shape[-1])
    head, probe = decode(draw(byte_strings(2 * 16)), ENTRIES, 2, 4, 4)[:, : shape[0], : shape[1]] / 2
    beta, steps = float(choices.pick(BETAS)), choices.between(1, max_steps)
    drawn = TokenHeadProblem(
        np.ascontiguousarray(head), states, tokens, scored, shared, np.ascontiguousarray(probe), 1.0, beta, steps
    )
    return _with_rate(drawn, choices.pick(SHARES))


def _states(
    draw: Draw, tokens: NDArray[np.int64], shared: NDArray[np.int64], *, contexts: int | None, d: int
) -> NDArray[np.float64]:
    """(n, 2, R, d); of a table the one-hot context is the token before, and token 0 before the first."""
    n, _, length = tokens.shape
    if contexts is not None:
        before = np.concatenate([np.zeros((n, 2, 1), np.int64), tokens[:, :, :-1]], axis=2)
        one_hot: NDArray[np.float64] = np.eye(contexts)[before]
        return one_hot
    drawn = decode(draw(byte_strings(3 * 2 * 3 * 3)), ENTRIES, 3, 2, 3, 3)[:n, :, :length, :d] / 2
    common = np.arange(length) < shared[:, None]  # (n, R)
    drawn[:, 1] = np.where(common[..., None], drawn[:, 0], drawn[:, 1])
    return np.ascontiguousarray(drawn)


def _with_rate(problem: TokenHeadProblem, share: float) -> TokenHeadProblem:
    """η so that ηTa is about `share`, a power of two."""
    remainder = Remainder(problem, problem.head[None])
    a = problem.beta**2 * float(remainder.curvature.value) / 4 + problem.beta * float(problem.smoothness.mean())
    eta = share * 2.0 ** np.floor(-np.log2(problem.steps * a)) if a > 0 else share
    parts = (problem.head, problem.states, problem.tokens, problem.scored, problem.shared, problem.probe)
    return TokenHeadProblem(*parts, float(eta), problem.beta, problem.steps)
