"""KTO's mismatched answers: each prompt with an answer to another prompt of the same step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.preference_data import MISMATCH, PreferenceDataProblem
from alignprops.strategies.preference_data import preference_problems
from property_suites.preference_data.notation import (
    KIND,
    NO_PROOF,
    PAIRING,
    ROUNDING,
    foreign,
    modified,
    moved,
    of,
    own,
    paired,
    unused,
)
from property_suites.preference_data.specimens import PAIRS, RAGGED

Values = Mapping[Symbol, Any]


@theorem(
    "preference-data.pairing.derangement",
    states={
        "no prompt keeps its own answer": Eq(own, 0),
        "each answer is used once": Eq(unused, 0),
        "prompts stay": Eq(moved, 0),
        "inputs stay": Eq(modified, 0),
    },
    kind=KIND,
    codes=("DAT", "EXT"),
    about=of(MISMATCH),
    source=PAIRING,
    on=preference_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples={"three in a step": RAGGED, "two steps of two": PAIRS},
    counterfeits=True,
    mutants={"nothing is paired": {"no prompt keeps its own answer": Eq(paired, 0)}},
    no_proof=NO_PROOF,
)
def derangement(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Every prompt keeps its place and gets the answer of another, and every answer is used once."""
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    outcome = PreferenceDataCase(subject, problem).outcome
    prompts, sources = outcome["prompt_rows"], outcome["sources"]
    places = np.arange(problem.count)
    return {
        own: int(np.sum(sources == prompts)),
        unused: len(set(places.tolist()) - set(sources.tolist())),
        moved: int(np.sum(prompts != places)) if prompts.size == places.size else problem.count,
        modified: outcome["modified"],
        paired: sources.size,
    }


@theorem(
    "preference-data.pairing.in-step",
    states=Eq(foreign, 0),
    kind=KIND,
    codes=("DAT", "PART"),
    about=of(MISMATCH, needs="batch_size"),
    source=PAIRING,
    on=preference_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples={"two steps of two": PAIRS},
    counterfeits=True,
    mutants={"nothing is paired": Eq(paired, 0)},
    no_proof=NO_PROOF,
)
def in_step(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Answers come from the batch of the same step, which is what the KL is averaged over."""
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    block = problem.block if problem.count % problem.block == 0 else problem.count
    outcome = PreferenceDataCase(subject, replace(problem, block=block)).outcome
    sources = outcome["sources"]
    return {foreign: int(np.sum(sources // block != np.arange(sources.size) // block)), paired: sources.size}
