"""All experiments by name, and what a reproduction leaves behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from alignprops._errors import InputError, UnknownNameError
from alignprops.data.loading import load_preferences
from alignprops.data.preferences import PreferenceSet
from alignprops.experiments import extensions, geometry, learning_speed, misalignment, prioritisation
from alignprops.experiments import responses as responses_experiment
from alignprops.experiments.document import Experiment
from alignprops.experiments.folder import claim_folder
from alignprops.experiments.lab import Lab, Say
from alignprops.experiments.plan import Plan
from alignprops.measurement import Source, read_statements
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.progress import Progress, no_progress
from alignprops.models.tiny import load_tiny_model
from alignprops.report.json_report import versions

ALL = "all"
EXPERIMENTS: Mapping[str, Callable[[Lab], Experiment]] = {
    module.NAME: module.run
    for module in (learning_speed, prioritisation, misalignment, geometry, responses_experiment, extensions)
}
#: Parameters below which a model is trained on one thread.
SMALL_MODEL = 1_000_000
#: Statements of each generated behaviour, and generated pairs of responses.
GENERATED_STATEMENTS, GENERATED_RESPONSES = 120, 30


@dataclass(frozen=True, slots=True)
class Reproduced:
    """One experiment that was run, and the file that keeps it."""

    experiment: Experiment
    path: Path


def reproduce(
    names: Sequence[str],
    *,
    model: Source | None = None,
    preferences: Source | Sequence[Source] | None = None,
    responses: Source | None = None,
    plan: Plan = Plan(),  # noqa: B008  # frozen
    folder: Path,
    dtype: str = "float32",
    device: str = "cpu",
    command: str = "",
    say: Say = lambda text: None,
    progress: Progress = no_progress,
) -> list[Reproduced]:
    """Run experiments and write `folder/NAME.json` after each; runs that are there are used again.

    Args:
        names: of `EXPERIMENTS`, or `all`.
        model: a local folder or a hub id; the built-in model if not given.
        preferences: persona statements; generated ones for the built-in model.
        responses: pairs of whole responses; generated ones if not given.
        plan: how large the experiments are.
        folder: where everything is kept.
        dtype: what the model computes in.
        device: where it runs.
        command: told in the results.
        say: told what is being done.
        progress: told how far the present run is.

    Raises:
        InputError: an unknown experiment; the model, the data or the plan cannot be used.
    """
    chosen = _chosen(names)
    made_with = {"model": model, "preferences": preferences, "responses": responses, "dtype": dtype, "device": device}
    claim_folder(folder, {**plan.to_json(), **{key: _text(value) for key, value in made_with.items()}})
    lab = open_lab(
        model,
        preferences,
        responses,
        plan=plan,
        folder=folder,
        dtype=dtype,
        device=device,
        say=say,
        progress=progress,
        statements_needed=chosen != [responses_experiment.NAME],
    )
    made = []
    for name in chosen:
        started = time.perf_counter()
        with _threads_for(lab.model):
            experiment = EXPERIMENTS[name](lab)
        described = _run(lab, preferences, responses, command=command, seconds=time.perf_counter() - started)
        made.append(Reproduced(experiment, experiment.save(folder, described)))
    return made


@contextmanager
def _threads_for(model: LanguageModel) -> Iterator[None]:
    """One thread for a small model on a CPU: its operations are too short to be shared."""
    before = torch.get_num_threads()
    if sum(weight.numel() for weight in model.network.parameters()) < SMALL_MODEL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _text(value: Any) -> Any:
    """Paths as text, for the folder's record."""
    return [str(item) for item in value] if isinstance(value, list | tuple) else None if value is None else str(value)


def _chosen(names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in (*EXPERIMENTS, ALL):
            raise UnknownNameError("experiment", name, [*EXPERIMENTS, ALL])
    return list(EXPERIMENTS) if ALL in names else list(dict.fromkeys(names))


def open_lab(
    model: Source | None,
    preferences: Source | Sequence[Source] | None,
    responses: Source | None,
    *,
    plan: Plan,
    folder: Path,
    dtype: str,
    device: str,
    say: Say,
    progress: Progress,
    statements_needed: bool = True,
) -> Lab:
    """Load the model and the data; without statements if only responses are trained on and none are given."""
    statements = (
        _statements(model, preferences, plan)
        if statements_needed or preferences is not None
        else PreferenceSet((), "persona")
    )
    pairs = _responses(responses)
    say("loading the model")
    network = (
        load_tiny_model(dtype=dtype, device=device) if model is None else load_model(model, dtype=dtype, device=device)
    )
    return Lab(network, statements, pairs, plan, folder, say, progress)


def _statements(model: Source | None, preferences: Source | Sequence[Source] | None, plan: Plan) -> PreferenceSet:
    most = plan.max_statements if preferences is not None else min(plan.max_statements, GENERATED_STATEMENTS)
    found = read_statements(model, preferences, behaviours=plan.behaviours, max_statements=most)
    if not found.one_token:
        raise InputError(
            "the preferences are pairs of whole responses; give persona statements, and these as --responses"
        )
    if plan.behaviours is None:
        found = replace(found, behaviours=found.behaviours[: plan.most_behaviours])
    if len(found.names) < 2:
        raise InputError(f"the experiments compare behaviours; {len(found.names)} was given, expected at least 2")
    return found


def _responses(source: Source | None) -> PreferenceSet:
    if source is None:
        from alignprops.data.generated_dialogues import generate_dialogues

        return generate_dialogues(pairs=GENERATED_RESPONSES)
    found = load_preferences(source)
    if found.one_token:
        raise InputError(f"{source}: one-token answers; expected pairs of whole responses")
    return found


def _run(
    lab: Lab,
    preferences: Source | Sequence[Source] | None,
    responses: Source | None,
    *,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    return {
        "versions": versions(),
        "device": lab.model.device,
        "dtype": lab.model.dtype,
        "seed": lab.plan.seed,
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "model": lab.model.name,
        "preferences": "generated" if preferences is None else f"{len(lab.names)} behaviours",
        "responses": "generated" if responses is None else f"{len(lab.responses)} pairs",
        "plan": lab.plan.to_json(),
    }
