"""Problems for code that computes log-probabilities of sequences, and the forms in which such code takes its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.conformance.precision import rounded_to

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The main output of the kind.
LOGPS = "logps"
#: What the code starts from: logits, hidden states with the unembedding, the same with a bias.
LOGITS, STATES, STATES_BIAS = "logits", "states", "biased-states"
#: How it is told what to score: labels with an ignored index, ids with a mask, or ids alone (all are scored).
LABELS, MASK, INDEX = "labels", "mask", "index"
SOURCES, TARGETS = (LOGITS, STATES, STATES_BIAS), (LABELS, MASK, INDEX)
FORMS = tuple(f"{source}/{targets}" for source in SOURCES for targets in TARGETS)


@dataclass(frozen=True, slots=True)
class Form:
    """What code of this kind is called with.

    Attributes:
        source: "logits", "states" or "biased-states".
        targets: "labels" (ids, the ignored index where nothing is scored), "mask" (ids and a mask) or "index" (ids).
    """

    source: str
    targets: str

    @classmethod
    def named(cls, name: str) -> Form:
        """The form of that name, `source/targets`.

        Raises:
            InputError: there is none.
        """
        if name not in FORMS:
            raise InputError(f"form is {name!r}; expected one of {', '.join(FORMS)}")
        return cls(*name.split("/"))

    @property
    def fused(self) -> bool:
        """Whether the code computes the logits itself."""
        return self.source != LOGITS

    @property
    def leaves(self) -> tuple[str, ...]:
        """The differentiable inputs."""
        return {LOGITS: ("logits",), STATES: ("states", "weight")}.get(self.source, ("states", "weight", "bias"))


@dataclass(frozen=True, eq=False)
class LogpProblem:
    """Sequences of tokens with the states that they are predicted from.

    Attributes:
        states: (B, T, d) float64; the logits are W x + b of them, whatever form the code takes.
        weight: (V, d) W, and bias: (V,) b.
        tokens: (B, T) int64 ids.
        mask: (B, T) int64, 1 where a token is scored: anything, fully masked rows and holes included.
        choices: (8,) int64, which of its values every option takes, in the formula's order.
        upstream: (B, T) float64, what outputs are multiplied by in the gradient (the first column if they are (B,)).
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    states: Floats
    weight: Floats
    bias: Floats
    tokens: Ints
    mask: Ints
    choices: Ints
    upstream: Floats
    dtype: str

    def rounded(self, name: str) -> Floats:
        """That array, in numbers that the dtype has."""
        return rounded_to(getattr(self, name), self.dtype)

    def logits(self, *, bias: bool = True) -> Floats:
        """(B, T, V) W x + b; for code that is given logits, rounded to the dtype by `as_given`."""
        made: Floats = self.rounded("states") @ self.rounded("weight").T
        return made + self.rounded("bias") if bias else made

    def as_given(self, source: str) -> dict[str, NDArray[Any]]:
        """The float inputs of a form."""
        if source == LOGITS:
            return {"logits": rounded_to(self.logits(), self.dtype)}
        names = ("states", "weight") if source == STATES else ("states", "weight", "bias")
        return {name: self.rounded(name) for name in names}
