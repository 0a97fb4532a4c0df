"""`TraceRecorder`: the trace of a training run that is not ours, also as a callback of `transformers.Trainer`.

In a loop of one's own (docs/trace.md has it whole):

    recorder = TraceRecorder("my-trace", train=pairs, evaluation=held_out, beta=0.1)
    recorder.begin(network, settings={"optimizer": "sgd", "learning_rate": 0.1})
    for batch in batches:
        ...  # one update
        recorder.step(loss=loss, gradient_norm=gradient_norm, learning_rate=0.1)
    recorder.finish()

With a trainer: `Trainer(..., callbacks=[TraceRecorder("my-trace", train=pairs)])`. What a trainer does not tell (its
loss, where it does not log every step) is NaN. Recording reads the network and changes nothing: not its mode, its
gradients or the random numbers.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import TrainerCallback

from alignprops._errors import InputError
from alignprops.losses import training_loss
from alignprops.models.silence import silence
from alignprops.trace.format import Split, When
from alignprops.trace.given import number, require_network, require_pairs
from alignprops.trace.writer import TraceWriter, require_empty
from alignprops.training.evaluation import figures, prefixed
from alignprops.training.fingerprints import fingerprint_of_network, fingerprint_of_pairs
from alignprops.training.logps import features_of_prompts
from alignprops.training.output_head import output_head, unwrapped
from alignprops.training.pairs import TokenPairs
from alignprops.training.policy import norm
from alignprops.training.references import NotFiniteError, reference_columns, reference_logps
from alignprops.training.shown import shown_rows

#: Optional settings of a `TrainingArguments` that a trace keeps.
_ARGUMENTS = ("learning_rate", "max_steps", "num_train_epochs", "per_device_train_batch_size", "seed", "weight_decay")
_UNKNOWN = math.nan


class TraceRecorder(TrainerCallback):
    """Writes a trace beside a training loop.

    Args:
        folder: where the trace goes; new or empty.
        train: pairs to evaluate as training pairs, if any; without them only the steps are recorded.
        evaluation: pairs to evaluate as held-out pairs.
        beta: of the margins.
        loss: the loss that evaluations tell, a name of `alignprops.losses`.
        evaluate_every: steps between evaluations; there is one before the first step and one at the end anyway.
        batch_size: pairs that an evaluation reads at once.
        reference: (n, 2) log-probabilities by split under another reference than the network at the start.
        source: `model` and `preferences`, what they are called, for the metadata.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        train: TokenPairs | None = None,
        evaluation: TokenPairs | None = None,
        beta: float = 0.1,
        loss: str = "sigmoid",
        evaluate_every: int | None = None,
        batch_size: int = 16,
        reference: Mapping[Split, NDArray[np.float64]] | None = None,
        source: Mapping[str, Any] | None = None,
    ) -> None:
        for name, pairs in (("train", train), ("evaluation", evaluation)):
            require_pairs(name, pairs)
        if evaluate_every is not None and evaluate_every < 1:
            raise InputError(f"evaluate every is {evaluate_every}; expected at least 1 step")
        if evaluation is not None and (train is None or train.names != evaluation.names):
            raise InputError("training and evaluation pairs must be of the same behaviours; give both, of one split")
        self.folder = Path(folder)
        require_empty(self.folder)  # told now, and not when training is about to begin
        self._loss, self._scale = training_loss(loss, beta=beta)
        self._beta, self._loss_name = beta, loss
        given: dict[Split, TokenPairs | None] = {"train": train, "evaluation": evaluation}
        self._pairs: dict[Split, TokenPairs] = {split: p for split, p in given.items() if p is not None and len(p)}
        self._every, self._batch_size = evaluate_every, batch_size
        self._reference = dict(reference or {})
        self._source = dict(source or {})
        self._begun: _Begun | None = None
        self._pending: dict[str, Any] | None = None
        self._rate = _UNKNOWN
        self._logged = 0
        """The step of the trainer's last log of its loss."""
        self._diverged = ""
        """What was not finite first."""
        self._finished = False

    # --- a loop of one's own ------------------------------------------------------------------------------------------

    def begin(self, network: Any, *, settings: Mapping[str, Any] | None = None) -> None:
        """Before the first step: the reference, the hidden states, the first evaluation.

        Raises:
            InputError: the folder is not empty, or the network is no torch module.
        """
        require_network(network)
        if self._begun is not None:
            raise InputError("begin was called before; a recorder records one run, make another for another folder")
        trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        writer = TraceWriter.create(
            self.folder,
            behaviours=self._names,
            counts={
                split: np.bincount(pairs.behaviours, minlength=len(self._names)).tolist()
                for split, pairs in self._pairs.items()
            },
            settings={"method": None, "loss": self._loss_name, "beta": self._beta, **(settings or {})},
            model=_described(network, trained, self._source),
            preferences={
                "sources": [str(item) for item in self._source.get("preferences", [])],
                "format": self._source.get("format"),
                "fingerprint": fingerprint_of_pairs(self._pairs.values()),
            },
            threads=torch.get_num_threads(),
        )
        self._begun = _Begun(network, trained, writer)
        for split, pairs in self._pairs.items():
            if split not in self._reference:
                self._reference[split] = self._read(network, pairs)
        if self._pairs:
            writer.reference(reference_columns(self._pairs, self._reference))
            self._states("start")
            self.evaluate(0)
        writer.flush()

    def step(
        self,
        *,
        loss: float,
        gradient_norm: float = _UNKNOWN,
        learning_rate: float = _UNKNOWN,
        tokens: int = 0,
    ) -> None:
        """After an update: its loss and gradient norm (before the update); what moved is read from the network.

        Numbers may be tensors. After a loss that is not finite nothing is evaluated, and the run ends as diverged.

        Raises:
            InputError: something is no number, or the run is not going on.
        """
        begun = self._require_begun()
        step = begun.writer.last_step + 1
        given = {"loss": loss, "gradient_norm": gradient_norm, "learning_rate": learning_rate, "tokens": tokens}
        row: dict[str, Any] = {name: number(name, value) for name, value in given.items()}
        self._write(step, **{**row, "tokens": int(row["tokens"])}, **begun.moved(), told_loss=True)
        if self._due(step):
            self.evaluate(step)
            begun.writer.flush()

    def evaluate(self, step: int) -> None:
        """Record an evaluation of the network as it is, after `step` steps; nothing without pairs, or once diverged."""
        begun = self._require_begun()
        columns: dict[str, NDArray[np.float64]] = {}
        if self._diverged:
            return
        for split, pairs in self._pairs.items():
            try:
                logps = self._read(begun.network, pairs)
            except NotFiniteError as error:
                self._diverged = error.of_policy(step)
                return
            columns |= prefixed(
                split,
                figures(pairs, logps, self._reference[split], loss=self._loss, scale=self._scale, beta=self._beta),
            )
        if columns:
            begun.writer.evaluation(step, columns)
            begun.evaluated = step

    def flush(self) -> None:
        """Put what was recorded on disk."""
        self._require_begun().writer.flush()

    def finish(self) -> None:
        """After the last step: the last evaluation, the hidden states, the end."""
        begun = self._require_begun()
        last = begun.writer.last_step
        if self._pairs and begun.evaluated < last:
            self.evaluate(last)
        if self._diverged:
            begun.writer.finish(status="diverged", message=self._diverged)
        else:
            if self._pairs:
                self._states("end")
            begun.writer.finish()
        self._finished = True

    # --- transformers.Trainer -----------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Begin, in the process that writes."""
        if not state.is_world_process_zero:
            return
        if state.global_step:
            raise InputError(
                f"the trainer goes on from step {state.global_step}, and a trace begins with step 1; "
                f"train from the start, or without the recorder"
            )
        told = {name: getattr(args, name) for name in _ARGUMENTS if hasattr(args, name)}
        self.begin(model, settings={**told, "optimizer": str(getattr(args.optim, "value", args.optim))})

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
        """The learning rate that the update will use; the scheduler moves it right after."""
        if optimizer is not None:
            self._rate = float(optimizer.param_groups[0]["lr"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """What moved; the loss comes with the log of this step, if there is one."""
        if self._begun is None:
            return
        self._record_pending()
        moved = self._begun.moved()
        known = {"learning_rate": self._rate, "tokens": 0, **moved}
        self._pending = {"loss": _UNKNOWN, "told_loss": False, "gradient_norm": _UNKNOWN, **known}
        if self._due(state.global_step):
            self.evaluate(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Gradient norm of the step that has just ended, and its loss, if the log before was one step earlier."""
        if "loss" not in (logs or {}):
            return
        steps, self._logged = state.global_step - self._logged, state.global_step
        if self._pending is not None:
            self._pending["loss"] = float(logs["loss"]) if steps == 1 else _UNKNOWN  # else a mean over several steps
            self._pending["told_loss"] = steps == 1
            self._pending["gradient_norm"] = float(logs.get("grad_norm", _UNKNOWN))
            self._record_pending()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The end."""
        if self._begun is not None:
            self._record_pending()
            self.finish()

    def _record_pending(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        begun = self._require_begun()
        self._write(begun.writer.last_step + 1, **pending)
        if self._due(begun.writer.last_step):
            begun.writer.flush()

    # --- what is read of the network ----------------------------------------------------------------------------------

    @property
    def _names(self) -> tuple[str, ...]:
        return self._pairs["train"].names if "train" in self._pairs else ()

    def _require_begun(self) -> _Begun:
        if self._begun is None:
            raise InputError("nothing can be recorded before begin(network)")
        if self._finished:
            raise InputError(f"{self.folder}: the run is finished; nothing can be recorded after finish()")
        return self._begun

    def _write(self, step: int, *, told_loss: bool, **row: Any) -> None:
        """Record a step; `told_loss`: its loss was told, so that NaN is what it is."""
        assert self._begun is not None
        self._begun.writer.step(step, **row)
        moved = {name: row[name] for name in ("head_change", "parameter_change")}
        for name, value in (({"loss": row["loss"]} if told_loss else {}) | moved).items():
            if not math.isfinite(value):
                self._diverged = self._diverged or f"the {name.replace('_', ' ')} of step {step} is {value:g}"

    def _due(self, step: int) -> bool:
        return self._every is not None and step % self._every == 0

    def _read(self, network: Any, pairs: TokenPairs) -> NDArray[np.float64]:
        return reference_logps(network, pairs, batch_size=self._batch_size)

    def _states(self, when: When) -> None:
        begun, pairs = self._require_begun(), self._pairs["train"]
        rows = shown_rows(pairs)
        with evaluating(begun.network):
            features = features_of_prompts(begun.network, pairs, rows.tolist(), batch_size=self._batch_size)
        begun.writer.states(
            when,
            features=features,
            signs=pairs.signs[rows],
            behaviours=pairs.behaviours[rows],
            rows=rows,
        )


class _Begun:
    """The network that is trained, as it was at the start, and the trace."""

    def __init__(self, network: Any, trained: Mapping[str, Tensor], writer: TraceWriter) -> None:
        self.network, self.writer = network, writer
        self.evaluated = -1
        self._trained = trained
        self._initial = {name: weight.detach().clone() for name, weight in trained.items()}
        with silence():
            head = output_head(network).weight
        self._head = next((name for name, weight in trained.items() if weight is head), None)
        self._ended = time.perf_counter()

    def moved(self) -> dict[str, float]:
        """How far head and parameters are from the start, and the seconds since this was last asked."""
        changes = {name: weight.detach() - self._initial[name] for name, weight in self._trained.items()}
        now = time.perf_counter()
        seconds, self._ended = now - self._ended, now
        return {
            "head_change": 0.0 if self._head is None else norm([changes[self._head]]),
            "parameter_change": norm(list(changes.values())),
            "seconds": seconds,
        }


@contextmanager
def evaluating(network: Any) -> Iterator[None]:
    """The network in evaluation mode, and as before afterwards."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def _described(network: Any, trained: Mapping[str, Tensor], source: Mapping[str, Any]) -> dict[str, Any]:
    first = next(iter(network.parameters()))
    config = getattr(unwrapped(network), "config", None)
    name = str(source.get("model") or getattr(config, "_name_or_path", "") or type(network).__name__)
    return {
        "name": name,
        "source": name,
        "dtype": str(first.dtype).removeprefix("torch."),
        "device": str(first.device),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "trainable": sum(weight.numel() for weight in trained.values()),
        "fingerprint": fingerprint_of_network(network),
    }
