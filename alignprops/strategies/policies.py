"""Small policies with multi-token preferences (LD-15). Describes them only: torch is not imported here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.policy_problem import KINDS, Kind, PolicyProblem
from alignprops.strategies.grids import BETAS, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: SGD step sizes: the first order must be visible, and the linearised model stable, for features of size about 1 to 10.
RATES = tuple(2.0**-k for k in (6, 4, 8, 10, 14, 20))


@st.composite
def policy_problems(
    draw: Draw, *, kinds: tuple[Kind, ...] = KINDS, max_n: int = 4, max_steps: int = 6
) -> PolicyProblem:
    """Draw a `PolicyProblem`: n prompts of 1 to 3 tokens, responses of 1 to 3 tokens out of a vocabulary of 4 to 9."""
    choices = Choices(draw(byte_strings(10)))
    kind = choices.pick(kinds)
    n, prompt, response = choices.between(1, max_n), choices.between(1, 3), choices.between(1, 3)
    vocabulary = choices.between(4, 9)
    tokens = decode(draw(byte_strings(max_n * 9)), np.arange(vocabulary), max_n, 3, 3)[:n]
    prompts = np.ascontiguousarray(tokens[:, 0, :prompt])
    chosen, rejected = (np.ascontiguousarray(tokens[:, part, :response]) for part in (1, 2))
    # Responses that coincide teach nothing: let the first token tell them apart, if need be.
    same = (chosen == rejected).all(axis=1)
    rejected[same, 0] = (chosen[same, 0] + 1) % vocabulary
    eta, beta, steps = choices.pick(RATES), float(choices.pick(BETAS)), choices.between(1, max_steps)
    seed = draw(st.integers(0, 2**16 - 1))
    return PolicyProblem(kind, prompts, chosen, rejected, vocabulary, seed, eta, beta, steps)
