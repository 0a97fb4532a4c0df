"""Prompts with two answers each, ragged, with the cases that trip tokenisation and collation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.preference_data import PreferenceDataProblem
from alignprops.strategies.grids import Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: The ids of a–f; `ab` and `cd` merge, and 0 is a word.
LETTERS = np.array([4, 5, 0, 1, 2, 3, 0, 1], dtype=np.int64)


@st.composite
def preference_problems(
    draw: Draw, *, max_b: int = 4, max_t: int = 4, limits: tuple[int, ...] = (0,)
) -> PreferenceDataProblem:
    """Draw a `PreferenceDataProblem`: 2 to 4 examples, prompts longer and shorter than answers, answers of one letter.

    The two answers of an example differ; one may begin with the other. `limits` are the maximal lengths to choose from.
    """
    choices = Choices(draw(byte_strings(14 + 5 * max_b)))
    count = choices.between(2, max_b)
    tables = decode(draw(byte_strings(3 * max_b * max_t)), LETTERS, 3, max_b, max_t)[:, :count]
    lengths = np.array([[choices.between(1, max_t) for _ in range(count)] for _ in range(3)], dtype=np.int64)
    flags = np.array([[choices.pick((0, 0, 1)) for _ in range(count)] for _ in range(2)], dtype=np.int64)
    prompts, chosen, rejected = np.array(tables)
    _made_different(chosen, rejected, lengths[1], lengths[2])
    return PreferenceDataProblem(
        prompts=prompts,
        prompt_lengths=lengths[0],
        chosen=chosen,
        chosen_lengths=lengths[1],
        rejected=rejected,
        rejected_lengths=lengths[2],
        templated=flags[0],
        history=flags[1],
        adds_bos=choices.pick((1, 0)),
        pad_is_eos=choices.pick((0, 1)),
        max_length=choices.pick(limits),
        block=choices.pick((2, count)) if count == max_b and count % 2 == 0 else count,
        choices=np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64),
    )


def _made_different(chosen: Any, rejected: Any, chosen_lengths: Any, rejected_lengths: Any) -> None:
    """Change the last letter of a rejected answer that equals the chosen one."""
    for row, (n, m) in enumerate(zip(chosen_lengths, rejected_lengths, strict=True)):
        if n == m and np.array_equal(chosen[row, :n], rejected[row, :m]):
            rejected[row, m - 1] = (rejected[row, m - 1] + 1) % 6
