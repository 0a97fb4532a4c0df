"""What a training run is asked to do: one frozen value, compared word for word when a run is resumed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from alignprops._errors import InputError, UnknownNameError
from alignprops.losses import training_loss
from alignprops.losses.pairwise import PairwiseLoss
from alignprops.training.truncation import Truncation

Method = Literal["head", "lora", "full"]
OptimizerName = Literal["sgd", "adamw"]
METHODS: tuple[Method, ...] = get_args(Method)
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)

STEPS = 100
DEFAULT_RANK = 8
#: Learning rates that fit most models; head-only gradient descent takes its own from the data (`head_rows.py`).
LEARNING_RATES: Mapping[tuple[Method, OptimizerName], float] = {
    ("head", "sgd"): 0.1,
    ("head", "adamw"): 1e-3,
    ("lora", "sgd"): 1e-2,
    ("lora", "adamw"): 2e-4,
    ("full", "sgd"): 1e-2,
    ("full", "adamw"): 2e-5,
}
#: How many evaluations and checkpoints a run has where it does not say.
EVALUATIONS, CHECKPOINTS = 20, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Everything that decides what a run does, beside its model and its pairs.

    None stands for a default that follows from the rest; `resolved` puts numbers in their place.

    Attributes:
        method: `head` trains the unembedding on hidden states that are read once, `lora` low-rank adapters, `full`
            every weight.
        loss: a name of `alignprops.losses`; `ipo` takes `beta` as its τ.
        beta: of the margin, β × log-ratio difference.
        label_smoothing: ε of `label-smoothed` and `robust`.
        learning_rate: constant over the run.
        optimizer: `sgd` is plain gradient descent (no momentum), `adamw` is `torch.optim.AdamW`. By default `sgd` for
            `head`, else `adamw`.
        weight_decay: of `torch.optim`: added to the gradient by `sgd`, decoupled in `adamw`.
        steps: updates; or
        epochs: passes over the training pairs.
        batch_size: pairs that are read at once; None is all of them.
        gradient_accumulation: batches that make one update. The loss of the update is the mean over all their pairs.
        seed: of the order of the pairs, the split and the adapters.
        flip: swap chosen and rejected.
        behaviours: only these, if given.
        max_statements: only the first of each behaviour, if given.
        evaluation_share: the share of pairs that is held out, for callers that split.
        evaluate_every: steps between evaluations (there is one before the first step and one after the last).
        checkpoint_every: steps between checkpoints.
        lora_rank: r of the adapters.
        lora_alpha: α of the adapters, whose scale is α/r; 2r by default.
        max_length: longer sequences are truncated or refused, as `truncate` says.
        truncate: `refuse`, `prompt-start`, `response-end` or `both`.
    """

    method: Method = "head"
    loss: str = "sigmoid"
    beta: float = 0.1
    label_smoothing: float | None = None
    learning_rate: float | None = None
    optimizer: OptimizerName | None = None
    weight_decay: float = 0.0
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    gradient_accumulation: int = 1
    seed: int = 0
    flip: bool = False
    behaviours: tuple[str, ...] | None = None
    max_statements: int | None = None
    evaluation_share: float = 0.2
    evaluate_every: int | None = None
    checkpoint_every: int | None = None
    lora_rank: int = DEFAULT_RANK
    lora_alpha: float | None = None
    max_length: int | None = None
    truncate: Truncation = "refuse"

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        _one_of("method", self.method, METHODS)
        if self.optimizer is not None:
            _one_of("optimizer", self.optimizer, OPTIMIZERS)
        self.loss_and_scale()
        if self.steps is not None and self.epochs is not None:
            raise InputError("steps and epochs were both given; give one of the two")
        if self.behaviours is not None and len(set(self.behaviours)) < len(self.behaviours):
            twice = next(name for name in self.behaviours if self.behaviours.count(name) > 1)
            raise InputError(f"--behaviours names {twice!r} twice; give each once")
        if self.method != "lora" and (self.lora_alpha is not None or self.lora_rank != DEFAULT_RANK):
            raise InputError(
                f"--lora-rank and --lora-alpha are of the adapters, and method {self.method} has none; "
                f"leave them out, or give --method lora"
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{_option(name)} is {value}; expected at least {least}")
        for name in ("learning_rate", "epochs", "lora_alpha"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{_option(name)} is {value}; expected a positive number")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(f"--weight-decay is {self.weight_decay}; expected a number that is not negative")
        if not 0 <= self.evaluation_share < 1:
            raise InputError(f"--evaluation-share is {self.evaluation_share}; expected at least 0 and below 1")

    def loss_and_scale(self) -> tuple[PairwiseLoss, float]:
        """The loss, and what a log-ratio difference is multiplied with to be its margin (β; 1 for `ipo`)."""
        given = {} if self.label_smoothing is None else {"label_smoothing": self.label_smoothing}
        return training_loss(self.loss, beta=self.beta, **given)

    def resolved(self, pairs: int) -> TrainSettings:
        """The same with every default in place, for a run over `pairs` training pairs; `learning_rate` may stay None.

        Raises:
            InputError: a step would take more pairs than there are.
        """
        size = pairs if self.batch_size is None else self.batch_size * self.gradient_accumulation
        if size > pairs or self.gradient_accumulation > pairs:
            raise InputError(
                f"a step takes {size} pairs (batch size {self.batch_size} × gradient accumulation "
                f"{self.gradient_accumulation}), and there are {pairs} to train on; lower one of them"
            )
        steps = self.steps
        if steps is None:
            steps = STEPS if self.epochs is None else math.ceil(self.epochs * pairs / size)
        optimizer = self.optimizer or ("sgd" if self.method == "head" else "adamw")
        return replace(
            self,
            optimizer=optimizer,
            steps=steps,
            epochs=None,
            evaluate_every=self.evaluate_every or max(1, steps // EVALUATIONS),
            checkpoint_every=self.checkpoint_every or max(1, steps // CHECKPOINTS),
            lora_alpha=2.0 * self.lora_rank if self.lora_alpha is None and self.method == "lora" else self.lora_alpha,
        )

    def to_json(self) -> dict[str, Any]:
        """As the trace keeps them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def usual_learning_rate(settings: TrainSettings) -> float:
    """The rate of `LEARNING_RATES` for these (resolved) settings."""
    assert settings.optimizer is not None
    return LEARNING_RATES[settings.method, settings.optimizer]


_LEAST = {
    "steps": 1,
    "batch_size": 1,
    "gradient_accumulation": 1,
    "seed": 0,
    "max_statements": 2,
    "evaluate_every": 1,
    "checkpoint_every": 1,
    "lora_rank": 1,
    "max_length": 2,
}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(name, value, known)
