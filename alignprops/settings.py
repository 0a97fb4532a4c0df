"""How hard a theorem is attacked: numbers of examples, seed, strictness, limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one evaluation; every one is part of the report.

    Attributes:
        max_examples: generated instances per claim.
        mutant_examples: generated instances per set of mutants, at most.
        seed: the inputs depend on (seed, claim id, versions) only.
        strict: an inconclusive claim fails.
        alpha: false-alarm rate of a probabilistic refutation, per claim.
        max_seconds: a claim that takes longer is inconclusive, with what was done; None: no cap.
        shrink_seconds: time given to the search for the simplest witness.
    """

    max_examples: int = 100
    mutant_examples: int = 2000
    seed: int = 0
    strict: bool = False
    alpha: float = 1e-9
    max_seconds: float | None = None
    shrink_seconds: float = 5.0
