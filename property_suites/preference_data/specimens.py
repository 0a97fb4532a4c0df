"""Examples on which every mistake shows: ragged, with merges at the boundary, the id 0, an end token for padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alignprops.conformance.preference_data import PreferenceDataProblem

#: a = 0, b = 1, c = 2, d = 3, e = 4, f = 5; "ab" and "cd" merge.
RAGGED = PreferenceDataProblem(
    prompts=np.array([[4, 5, 0, 2], [0, 4, 0, 0], [2, 0, 0, 0]]),
    prompt_lengths=np.array([4, 2, 1]),
    chosen=np.array([[0, 4, 5], [4, 0, 0], [5, 4, 0]]),
    chosen_lengths=np.array([2, 1, 3]),
    rejected=np.array([[4, 0, 0], [5, 5, 4], [5, 4, 0]]),
    rejected_lengths=np.array([1, 3, 2]),
    templated=np.array([0, 1, 0]),
    history=np.array([0, 0, 1]),
    adds_bos=1,
    pad_is_eos=0,
    max_length=0,
    block=3,
    choices=np.zeros(8, dtype=np.int64),
)
#: The end token is padding too, nothing stands in front of the prompt, and answers begin with what merges.
MERGING = replace(
    RAGGED,
    prompts=np.array([[4, 0, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0]]),
    chosen=np.array([[1, 4, 5], [3, 0, 0], [1, 4, 0]]),
    rejected=np.array([[4, 0, 0], [5, 5, 4], [4, 1, 0]]),
    prompt_lengths=np.array([2, 2, 1]),
    history=np.array([1, 0, 0]),
    adds_bos=0,
    pad_is_eos=1,
)
#: Four rows in steps of two, three in one step.
PAIRS = replace(
    RAGGED,
    **{  # type: ignore[arg-type]
        name: np.concatenate([getattr(RAGGED, name), getattr(RAGGED, name)[:1]])
        for name in ("prompts", "chosen", "rejected", "prompt_lengths", "chosen_lengths", "rejected_lengths")
    },
    templated=np.array([0, 1, 0, 0]),
    history=np.array([0, 0, 1, 0]),
    block=2,
)
#: Limits that cut answers, and differences between answers, away; the third answer begins with the second.
TIGHT_LIMIT = replace(RAGGED, max_length=3)
NO_ROOM = replace(RAGGED, max_length=2, choices=np.ones(8, dtype=np.int64))
SAME_START = replace(
    RAGGED,
    chosen=np.array([[0, 4, 5], [4, 5, 0], [5, 4, 0]]),
    rejected=np.array([[0, 4, 4], [4, 5, 4], [5, 4, 0]]),
    chosen_lengths=np.array([3, 2, 3]),
    rejected_lengths=np.array([3, 3, 2]),
    max_length=6,
    choices=np.ones(8, dtype=np.int64),
)
EXAMPLES = {"ragged": RAGGED, "merges across the boundary, the end token for padding": MERGING}
LIMITED = {"a tight limit": TIGHT_LIMIT, "no room for answers": NO_ROOM, "answers that begin alike": SAME_START}
