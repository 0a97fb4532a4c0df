"""Rewards and preferences over finitely many responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.finite_choices import PreferencesProblem
from alignprops.conformance.optima import RewardsProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, FILLINGS, Choices, byte_strings, decode
from alignprops.strategies.votes import SHARES

Draw = Callable[[st.SearchStrategy[Any]], Any]
WEIGHTS = np.array([1, 2, 3, 4, 8, 16, 64], dtype=np.int64)


@st.composite
def rewards_problems(draw: Draw, *, max_n: int = 4) -> RewardsProblem:
    """Draw a `RewardsProblem`: two to four responses, rewards within ±4, a reference that may be peaked."""
    choices = Choices(draw(byte_strings(10)))
    n, dtype = choices.between(2, max_n), choices.pick(DTYPES)
    rewards = decode(draw(byte_strings(max_n)), ENTRIES, max_n)[:n].copy()
    weights = decode(draw(byte_strings(max_n)), WEIGHTS, max_n)[:n].copy()
    return RewardsProblem(rewards, weights, _options(choices), dtype)


@st.composite
def preferences_problems(draw: Draw, *, max_n: int = 3) -> PreferencesProblem:
    """Draw a `PreferencesProblem`: up to three responses, preferences in sixteenths, seldom transitive."""
    choices = Choices(draw(byte_strings(10)))
    n, dtype = choices.between(1, max_n), choices.pick(DTYPES)
    shares = decode(draw(byte_strings(max_n * max_n)), SHARES, max_n, max_n)[:n, :n]
    upper = np.triu(shares, 1)
    preferences = upper + np.tril(1 - upper.T, -1) + np.eye(n) / 2
    weights = decode(draw(byte_strings(max_n)), WEIGHTS[:5], max_n)[:n].copy()
    tables = decode(draw(byte_strings(2 * max_n)), FILLINGS, 2, max_n)[:, :n] - 4.0
    policy, reference = np.ascontiguousarray(tables)
    return PreferencesProblem(preferences, weights, policy, reference, _options(choices), dtype)


def _options(choices: Choices) -> Any:
    return np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
