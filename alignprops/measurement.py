"""What the theory says of a model and its preference data: geometry, predictions, and the claims observed on it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alignprops._errors import DataError, InputError
from alignprops.data import PreferenceSet, load_preferences
from alignprops.data.names import safe_name
from alignprops.dynamics.comparators import certified_loss
from alignprops.dynamics.predictions import (
    first_step_accuracy,
    first_step_accuracy_bound,
    first_step_ties,
    normalised_priority_gaps,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.engine import evaluate
from alignprops.models.checkpoint import locate
from alignprops.models.feature_file import BehaviourFeatures, PreferenceFeatures
from alignprops.models.progress import Progress, no_progress
from alignprops.registry import find_theorems
from alignprops.results import Result
from alignprops.settings import Settings
from alignprops.subjects.kinds import OBSERVED_KINDS
from alignprops.subjects.observed import BETA, STEPS, ObservedHead
from alignprops.subjects.observed_responses import ResponseHead
from alignprops.subjects.subject import Subject
from alignprops.subjects.tuned import TunedModel
from alignprops.theorems import Theorem

if TYPE_CHECKING:
    from alignprops.models.loading import LanguageModel
    from alignprops.training.pairs import TokenPairs

SCHEMA = "alignprops-measure/1"
#: Step counts at which the accuracy certificate is told.
CERTIFICATE_STEPS = (1, 10, 100, 1000, 10000)
#: Relative error of hidden states, by what the model computes in: by so much they differ between orders of summation.
READING_NOISE = {"float64": 0.0, "float32": 8 * 2.0**-23, "float16": 8 * 2.0**-10, "bfloat16": 8 * 2.0**-7}
#: Statements that are generated for each behaviour of the built-in model.
GENERATED_STATEMENTS = 200
#: Pairs of whole responses that are generated for each behaviour of the built-in model.
GENERATED_DIALOGUES = 30

#: The range of float32; beyond it a float64 model's statistics would overflow or vanish.
SMALLEST, LARGEST = 2.0**-126, 2.0**128

Source = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Measurement:
    """The result of `measure`: every figure by name, and the claims.

    Never a truth value: read `claims` and their verdicts.
    """

    features: PreferenceFeatures
    observed: ObservedHead
    claims: tuple[Result, ...]

    def __bool__(self) -> bool:
        raise TypeError("a measurement is no truth value; look at its claims")

    @cached_property
    def behaviours(self) -> dict[str, dict[str, Any]]:
        """The figures of every behaviour, by its name."""
        return {
            behaviour.name: _figures(behaviour, self.observed.problem(at), self.features.dtype)
            for at, behaviour in enumerate(self.features.behaviours)
        }

    @cached_property
    def priorities(self) -> dict[str, float | None]:
        """`a|b`: the normalised priority gap of a over b (LD-10), None where it is not defined."""
        names = self.observed.names
        if len(names) < 2:
            return {}
        gaps = normalised_priority_gaps(self.observed.problem(*range(len(names))))
        return {f"{a}|{b}": _number(gaps[i, j]) for i, a in enumerate(names) for j, b in enumerate(names) if i != j}

    def to_json(self) -> dict[str, Any]:
        """The measurement as `--json` writes it."""
        features = self.features
        return {
            "schema": SCHEMA,
            "model": {
                "name": features.model,
                "dtype": features.dtype,
                "width": features.width,
                "vocabulary": int(features.unembedding.shape[0]),
                "head_scale": features.head_scale,
                "head_bias": features.head_bias,
                "tied": features.tied,
                "answers": {"positive": features.positive_text, "negative": features.negative_text},
                "special_tokens": features.policy,
                "batching": features.batching,
                "tokens": features.tokens,
                "tokens_per_second": features.tokens_per_second,
            },
            "run": {"beta": self.observed.beta, "steps": self.observed.steps, "step_size_share": self.observed.rate},
            "behaviours": self.behaviours,
            "priorities": self.priorities,
            "claims": [claim.to_json() for claim in self.claims],
        }


def measure(
    model: Source | None = None,
    preferences: Source | Sequence[Source] | None = None,
    *,
    features: PreferenceFeatures | None = None,
    beta: float = BETA,
    steps: int = STEPS,
    behaviours: Sequence[str] | None = None,
    max_statements: int | None = None,
    theorems: Sequence[str] = ("*",),
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 32,
    settings: Settings = Settings(),  # noqa: B008  # frozen
    progress: Progress = no_progress,
    checking: Progress = no_progress,
) -> Measurement:
    """Measure a language model on preference data.

    Without a model the built-in one is used, without preferences its generated statements. `features` (read from a
    file that an earlier measurement saved) stands for both. Every theorem about a trained head is observed on head-only
    DPO runs on the real unembedding, `steps` steps at half the limit of premise (S).

    Args:
        model: a local folder, or a hub id, of a causal language model.
        preferences: a JSONL file, several, or a folder; the built-in model has its own.
        features: what an earlier run extracted.
        beta: DPO's β, > 0.
        steps: steps of the observed run.
        behaviours: only these.
        max_statements: only the first so many of each behaviour.
        theorems: globs of theorem ids.
        dtype: what the model computes in; statistics are float64.
        device: `cpu`, `cuda`, `cuda:0` …
        batch_size: statements read at once.
        settings: seed and limits of the evaluation.
        progress: told how many statements have been read.
        checking: told how many claims have been checked.

    Raises:
        InputError: the model, the data or an option cannot be used (ModelError, DataError, UnknownNameError).
    """
    require_positive(beta, steps)
    chosen = head_theorems(theorems)  # an unknown id is told before the model is read
    if features is None:
        features = extract(
            model,
            preferences,
            behaviours=behaviours,
            max_statements=max_statements,
            dtype=dtype,
            device=device,
            batch_size=batch_size,
            progress=progress,
        )
    else:
        features = features.select(behaviours, max_statements)
    require_in_range(features)
    observed = ObservedHead.of(features, beta=beta, steps=steps)
    return Measurement(features, observed, observe(observed, chosen, settings, checking))


def extract(
    model: Source | None,
    preferences: Source | Sequence[Source] | None,
    *,
    behaviours: Sequence[str] | None = None,
    max_statements: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 32,
    progress: Progress = no_progress,
) -> PreferenceFeatures:
    """Load the model and the data, or the built-in ones, and read the features."""
    from alignprops.models.features import extract_features
    from alignprops.models.loading import load_model
    from alignprops.models.tiny import load_tiny_model

    if batch_size < 1:
        raise InputError(f"batch size is {batch_size}; expected at least 1")
    statements = read_statements(model, preferences, behaviours=behaviours, max_statements=max_statements)
    network = (
        load_tiny_model(dtype=dtype, device=device) if model is None else load_model(model, dtype=dtype, device=device)
    )
    features = extract_features(network, statements, batch_size=batch_size, progress=progress)
    require_in_range(features)
    return features


def read_statements(
    model: Source | None,
    preferences: Source | Sequence[Source] | None,
    *,
    behaviours: Sequence[str] | None = None,
    max_statements: int | None = None,
) -> PreferenceSet:
    """The preference data; the generated statements if neither a model nor data is given."""
    from alignprops.data.generated import generate_preferences

    if preferences is not None:
        return load_preferences(preferences, behaviours=behaviours, max_statements=max_statements)
    if model is not None:
        raise InputError("a model was given without preferences; give a JSONL file or a folder of them as well")
    statements = GENERATED_STATEMENTS if max_statements is None else max_statements
    return generate_preferences(statements=statements, behaviours=behaviours)


def observed_head(
    model: Source | None, preferences: Sequence[Source] | None, *, dtype: str, device: str
) -> ObservedHead:
    """The runs of a model that is read only when a claim asks for them; the data is read now, for its behaviours."""
    names = read_statements(model, preferences).names
    return ObservedHead(model_name(model), names, lambda: extract(model, preferences, dtype=dtype, device=device))


def model_subjects(
    model: Source | None, preferences: Sequence[Source] | None, *, dtype: str, device: str
) -> tuple[Subject, ...]:
    """Everything that a model is observed as in the model tier; it is read only when a claim asks.

    Its trained head on statements, its first step on the same, and its head on whole responses: those that are given,
    or the generated dialogues of the built-in model.
    """
    from alignprops.data.generated_dialogues import generate_dialogues

    given, name = read_statements(model, preferences), model_name(model)
    load = partial(_with_pairs, model, dtype, device)
    tuned = TunedModel(name, given.names, partial(load, given)).subjects()
    if given.one_token:
        head = observed_head(model, preferences, dtype=dtype, device=device).subjects()
        responses = generate_dialogues(pairs=GENERATED_DIALOGUES) if model is None and preferences is None else None
    else:
        head, responses = (), given
    if responses is None:
        return (*head, *tuned)
    return (*head, *tuned, *ResponseHead(name, responses.names, partial(load, responses)).subjects())


def _with_pairs(
    model: Source | None, dtype: str, device: str, preferences: PreferenceSet
) -> tuple[LanguageModel, TokenPairs]:
    """The model, and its pairs as tokens; whole responses that are too long are cut."""
    from alignprops.models.loading import load_model
    from alignprops.models.tiny import load_tiny_model
    from alignprops.training.pairs import tokenize_pairs

    network = (
        load_tiny_model(dtype=dtype, device=device) if model is None else load_model(model, dtype=dtype, device=device)
    )
    return network, tokenize_pairs(network, preferences, truncate="refuse" if preferences.one_token else "both")


def model_name(model: Source | None) -> str:
    """The name of a model in subject ids: of its folder, its hub id, or of the built-in one."""
    if model is None:
        from alignprops.models.tiny import TINY_MODEL

        return TINY_MODEL
    source, local = locate(model)
    return safe_name(Path(source).resolve().name if local else source)


def head_theorems(patterns: Sequence[str]) -> list[Theorem]:
    """The theorems about a trained head that the patterns select.

    Raises:
        UnknownNameError: a pattern that matches no theorem.
        InputError: patterns that match theorems about something else only.
    """
    chosen = [theorem for theorem in find_theorems(patterns) if theorem.kind in OBSERVED_KINDS]
    if not chosen and tuple(patterns) not in ((), ("*",)):
        raise InputError(
            f"no theorem among {', '.join(patterns)} is about a trained head; `alignprops list` tells which are"
        )
    return chosen


def observe(
    observed: ObservedHead, theorems: Sequence[Theorem], settings: Settings, progress: Progress = no_progress
) -> tuple[Result, ...]:
    """Evaluate every theorem on every subject that it speaks of."""
    pairs = [
        (theorem, subject) for subject in observed.subjects() for theorem in theorems if subject.speaks_of(theorem)
    ]
    results = []
    for done, (theorem, subject) in enumerate(pairs):
        results.append(evaluate(theorem, subject, settings))
        progress(done + 1, len(pairs))
    return tuple(results)


def _figures(behaviour: BehaviourFeatures, problem: HeadProblem, dtype: str) -> dict[str, Any]:
    feature_error = READING_NOISE[dtype]
    steps = np.array(CERTIFICATE_STEPS)
    certificate = np.clip(1 - certified_loss(problem, steps).value / math.log(2), 0, 1)  # LD-8
    shift = float(problem.mean_shift.value)
    return {
        "n": len(behaviour.signs),
        "positive": int((behaviour.signs == 1).sum()),
        "contradictory": behaviour.contradictory,
        "distinguishability": _number(problem.distinguishability.value),
        "concentration": _number(problem.concentration.value),
        "trace": _number(problem.covariance_trace.value),
        "mean_shift": shift,
        "curvature": float(problem.curvature.value),
        "curvature_along_shift": float(problem.curvature_along_shift.value),
        "common_offset_share": float(problem.common_offset_share.value),
        "initial_update_rate": problem.beta * shift / math.sqrt(2),  # LD-3
        "first_step_accuracy": first_step_accuracy(problem, feature_error=feature_error),
        "first_step_ties": first_step_ties(problem, feature_error=feature_error),
        "first_step_accuracy_bound": first_step_accuracy_bound(problem),
        "accuracy_certificate": {
            "step_size": problem.eta,
            "steps": list(CERTIFICATE_STEPS),
            "accuracy": [float(value) for value in certificate],
        },
    }


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def require_in_range(features: PreferenceFeatures) -> None:
    """Refuse features that are all 0, and those whose squares leave the range of float64."""
    for behaviour in features.behaviours:
        largest = float(np.abs(behaviour.features).max())
        if largest == 0:
            raise DataError(f"all features of {behaviour.name!r} are 0; nothing can be learned")
        if not SMALLEST <= largest <= LARGEST:
            raise DataError(
                f"the largest feature of {behaviour.name!r} is {largest:.2g}; expected between {SMALLEST:.2g} and "
                f"{LARGEST:.2g}, the range of float32"
            )


def require_positive(beta: float, steps: int) -> None:
    """Refuse a β or a number of steps with which no run makes sense."""
    if not (math.isfinite(beta) and beta > 0):
        raise InputError(f"beta is {beta}; expected a positive number")
    if steps < 1:
        raise InputError(f"steps is {steps}; expected at least 1")
