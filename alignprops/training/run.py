"""`train_model`: set a run up, or find it where it was cut short, and bring it to its end."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.models.loading import LanguageModel
from alignprops.models.progress import Progress, no_progress
from alignprops.trace.format import CHECKPOINT, REFERENCE, SPLITS, Split, When, states_name
from alignprops.trace.reader import Trace
from alignprops.trace.writer import TraceWriter
from alignprops.training.checkpoint import load_checkpoint
from alignprops.training.final import save_final, trained_network
from alignprops.training.fingerprints import fingerprint_of_network, fingerprint_of_pairs
from alignprops.training.loop import DivergedError, Job, run_steps
from alignprops.training.optimisers import make_optimizer
from alignprops.training.pairs import TokenPairs
from alignprops.training.policy import Pairs, Policy, make_policy
from alignprops.training.processes import Processes, launched_processes
from alignprops.training.references import reference_columns
from alignprops.training.resume import FoundRun, clear_parts, decisive_versions, find_run, require_same, threads_of
from alignprops.training.settings import TrainSettings
from alignprops.training.shown import shown_rows

References = dict[Split, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A run that came to its last step."""

    folder: Path
    model: LanguageModel
    """The model that training began with, as it was."""

    @cached_property
    def trace(self) -> Trace:
        """What was recorded."""
        return Trace.open(self.folder)

    @cached_property
    def network(self) -> Any:
        """The trained network, read from the run's folder; the model that training began with is left alone."""
        return trained_network(self.model, self.folder)


def train_model(
    model: LanguageModel,
    train: TokenPairs,
    evaluation: TokenPairs | None,
    settings: TrainSettings,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    progress: Progress = no_progress,
    reference: ArrayLike | None = None,
    source: Mapping[str, Any] | None = None,
) -> TrainedRun:
    """Train a model on preference pairs and leave a trace in `folder`.

    The model itself is not changed. With `settings.flip` chosen and rejected are swapped, of both splits.
    Training ends bit for bit alike however often it was cut short and resumed, on a CPU.

    Args:
        model: as `load_model` gives it.
        train: the pairs to train on.
        evaluation: pairs that are only evaluated.
        settings: what to do.
        folder: where the trace goes; a new or empty folder, or with `resume` one of the same run.
        resume: go on with a run that was cut short; begin one if there is none; nothing is done if it is finished.
        progress: called after every step.
        reference: (n, 2) log-probabilities of the chosen and of the rejected response of every pair as given (those of
            `train`, then those of `evaluation`) under a reference other than the model.
        source: `model` and `preferences`, what the user calls them, and `format`, for the metadata.

    Raises:
        InputError: settings, folder or pairs that do not fit; a loss that is not finite.
        ModelError: the method does not apply to the model.
    """
    path = Path(folder)
    pairs, given = _oriented(train, evaluation, reference, flip=settings.flip)
    settings = settings.resolved(len(pairs["train"]))
    processes = launched_processes(model.device)
    found = find_run(path, resume=resume)
    processes.wait()  # no one may begin to write before all have looked
    described = _described(model, pairs, given, source or {})
    if found is not None:
        settings = _as_recorded(settings, found)
        same = {"settings": settings.to_json(), "versions": decisive_versions()}
        require_same(path, found.metadata, same | {group: _decisive(values) for group, values in described.items()})
        if found.finished:
            return TrainedRun(path, model)
    with threads_of(None if found is None else found.metadata) as threads, _seeded(settings.seed, model.device):
        policy = make_policy(model, pairs, settings)
        settings = replace(settings, learning_rate=settings.learning_rate or policy.default_learning_rate(settings))
        run = _Run(path, pairs, settings, policy, processes, progress)
        run.carry_out(run.writer(found, described, threads), given, found)
    processes.wait()
    return TrainedRun(path, model)


@dataclass(frozen=True, eq=False)
class _Run:
    """A run that is being carried out."""

    folder: Path
    pairs: Pairs
    settings: TrainSettings
    policy: Policy
    processes: Processes
    progress: Progress

    def writer(self, found: FoundRun | None, described: dict[str, dict[str, Any]], threads: int) -> TraceWriter | None:
        """The trace, begun or found; None in all processes but the first."""
        if not self.processes.main:
            return None
        clear_parts(self.folder)
        if found is not None:
            return TraceWriter(self.folder, found.metadata)
        trainable = sum(weight.numel() for weight in self.policy.weights.values())
        names = self.pairs["train"].names
        return TraceWriter.create(
            self.folder,
            behaviours=names,
            counts={split: np.bincount(p.behaviours, minlength=len(names)).tolist() for split, p in self.pairs.items()},
            settings=self.settings.to_json(),
            model=described["model"] | {"trainable": trainable},
            preferences=described["preferences"],
            threads=threads,
        )

    def carry_out(self, writer: TraceWriter | None, given: References | None, found: FoundRun | None) -> None:
        """Everything from the reference to the final weights; what is on disk already is used."""
        reference = self._reference(writer, given, found)
        self._keep_states(writer, "start")
        optimizer = make_optimizer(self.policy.weights, self.settings)
        done = None
        if found is not None:
            done = load_checkpoint(
                self.folder, run=found.metadata["run"], policy=self.policy, optimizer=optimizer
            )  # every process reads it
        if writer is not None:
            writer.truncate(-1 if done is None else done)
        loss, scale = self.settings.loss_and_scale()
        job = Job(
            settings=self.settings,
            pairs=self.pairs,
            reference=reference,
            loss=loss,
            scale=scale,
            policy=self.policy,
            optimizer=optimizer,
            writer=writer,
            folder=self.folder,
            processes=self.processes,
            progress=self.progress,
        )
        self._train(job, done or 0)
        self._keep_states(writer, "end")
        if writer is not None:
            save_final(self.policy, self.folder)
            writer.finish()
            shutil.rmtree(self.folder / CHECKPOINT, ignore_errors=True)  # final/ has the weights

    @staticmethod
    def _train(job: Job, done: int) -> None:
        try:
            run_steps(job, done)
        except DivergedError as error:
            if job.writer is not None:
                job.writer.finish(status="diverged", message=error.what)
            raise
        except KeyboardInterrupt:
            if job.writer is not None:
                job.writer.flush()
            raise

    def _reference(self, writer: TraceWriter | None, given: References | None, run: FoundRun | None) -> References:
        """The reference log-probabilities: those on disk, those given, or those of the policy as it is now.

        All processes train against those that the first one has put on disk, then as in every run that goes on from it.
        """
        stored = run is not None and (self.folder / REFERENCE).exists()
        self.processes.wait()  # no one may begin to write before all have looked
        if not stored:
            self._begin_reference(writer, given)
            self.processes.wait()  # until it is written
        kept = Trace.open(self.folder).reference
        assert kept is not None
        self.processes.wait()  # the first one cuts the trace next
        return {split: np.stack([kept[f"{split}.chosen"], kept[f"{split}.rejected"]], 1) for split in self.pairs}

    def _begin_reference(self, writer: TraceWriter | None, given: References | None) -> None:
        """Find the reference, and let the first process write it."""
        found = given or {split: self.policy.all_logps(split) for split in self.pairs}
        for split, pairs in self.pairs.items():
            bad = np.flatnonzero(~np.isfinite(found[split]).all(axis=1))
            if len(bad):
                raise InputError(
                    f"{pairs.where[bad[0]]}: the reference log-probabilities are not finite"
                    + (", as they were given" if given else "; the weights of the model may be damaged")
                )
        if writer is not None:
            writer.reference(reference_columns(self.pairs, found))

    def _keep_states(self, writer: TraceWriter | None, when: When) -> None:
        if writer is None or (when == "start" and (self.folder / states_name(when)).exists()):
            return
        pairs = self.pairs["train"]
        rows = shown_rows(pairs)
        writer.states(
            when,
            features=self.policy.states(rows.tolist()),
            signs=pairs.signs[rows],
            behaviours=pairs.behaviours[rows],
            rows=rows,
        )


def _oriented(
    train: TokenPairs, evaluation: TokenPairs | None, reference: ArrayLike | None, *, flip: bool
) -> tuple[dict[Split, TokenPairs], References | None]:
    """The pairs by split, an empty evaluation left out, and the reference given for them; all flipped if asked for."""
    given: dict[Split, TokenPairs] = {"train": train}
    if not len(train):
        raise InputError("there is no pair to train on")
    if evaluation is not None and len(evaluation):
        given["evaluation"] = evaluation
    references: References | None = None
    if reference is not None:
        whole = np.asarray(reference, dtype=np.float64)
        expected = (sum(map(len, given.values())), 2)
        if whole.shape != expected:
            raise InputError(f"the reference is of shape {whole.shape}; expected {expected}, a row for each pair")
        parts = np.split(whole, [len(train)])
        references = {split: part[:, ::-1] if flip else part for split, part in zip(SPLITS, parts, strict=True)}
    return {split: pairs.flipped() if flip else pairs for split, pairs in given.items()}, references


def _as_recorded(settings: TrainSettings, found: FoundRun) -> TrainSettings:
    """A learning rate that was left to the run stays what it was found to be."""
    if settings.learning_rate is not None:
        return settings
    return replace(settings, learning_rate=found.metadata["settings"].get("learning_rate"))


def _described(
    model: LanguageModel, pairs: Pairs, reference: References | None, source: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What the metadata says of the model and of the pairs."""
    return {
        "model": {
            "name": model.name,
            "source": str(source.get("model", model.name)),
            "dtype": model.dtype,
            "device": model.device.partition(":")[0],
            "parameters": sum(weight.numel() for weight in model.network.parameters()),
            "fingerprint": fingerprint_of_network(model.network),
        },
        "preferences": {
            "sources": [str(item) for item in source.get("preferences", [])],
            "format": source.get("format"),
            "fingerprint": fingerprint_of_pairs(pairs.values()),
            "reference": "the model" if reference is None else _fingerprint_of_numbers(reference),
        },
    }


def _decisive(described: Mapping[str, Any]) -> dict[str, Any]:
    """What must stay the same of the model and the pairs; their places may change."""
    return {key: described[key] for key in ("fingerprint", "dtype", "device", "reference") if key in described}


def _fingerprint_of_numbers(reference: References) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in reference.values())).hexdigest()


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Random numbers from the seed, as before afterwards."""
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(seed)
        yield
