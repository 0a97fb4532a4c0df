"""How large the experiments are: one value, so that a report can say with what it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alignprops._errors import InputError, UnknownNameError
from alignprops.training.settings import METHODS, Method

#: Learning rates of the fine-tuning runs; the head's follows from the data (half of the limit of premise (S)).
LEARNING_RATES: Mapping[Method, float] = {"lora": 2e-3, "full": 2e-4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run, and how often.

    Attributes:
        methods: of training, from `head`, `lora`, `full`.
        behaviours: only these, or the first `most_behaviours`.
        most_behaviours: how many behaviours at most, if none are named.
        max_statements: of each behaviour, at most.
        max_pairs: pairs of whole responses, at most.
        max_duos: pairs of behaviours that are fine-tuned jointly, at most (head runs take them all).
        steps: updates of every fine-tuning run.
        evaluations: how often such a run is evaluated on the way.
        head_steps: updates of every head run.
        batch_size: pairs of an update of a fine-tuning run.
        response_batch_size: the same for whole responses.
        beta: DPO's β.
        evaluation_share: of the statements, held out.
        first_step_pairs: on how many pairs the first step is followed in float64.
        seed: of splits, orders and adapters.
    """

    methods: tuple[Method, ...] = METHODS
    behaviours: tuple[str, ...] | None = None
    most_behaviours: int = 8
    max_statements: int = 200
    max_pairs: int = 200
    max_duos: int = 8
    steps: int = 40
    evaluations: int = 8
    head_steps: int = 100
    batch_size: int = 16
    response_batch_size: int = 8
    beta: float = 0.1
    evaluation_share: float = 0.2
    first_step_pairs: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for method in self.methods:
            if method not in METHODS:
                raise UnknownNameError("method", method, METHODS)
        if not self.methods:
            raise InputError(f"no method was given; expected some of {', '.join(METHODS)}")
        if not (math.isfinite(self.beta) and self.beta > 0):
            raise InputError(f"beta is {self.beta}; expected a positive number")
        for name in (
            "steps",
            "head_steps",
            "evaluations",
            "max_pairs",
            "batch_size",
            "response_batch_size",
            "first_step_pairs",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} is {getattr(self, name)}; expected at least 1")

    @property
    def tuned(self) -> tuple[Method, ...]:
        """The methods that move more than the head."""
        return tuple(method for method in self.methods if method != "head")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def methods_of(names: Sequence[str]) -> tuple[Method, ...]:
        """Methods by their names."""
        chosen = []
        for name in names:
            if name not in METHODS:
                raise UnknownNameError("method", name, METHODS)
            chosen.append(next(method for method in METHODS if method == name))
        return tuple(dict.fromkeys(chosen))
