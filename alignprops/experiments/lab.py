"""Where the experiments run: one model, its preferences, and every training run kept in a folder.

A run that is there already is not made again, so that a reproduction that was cut short goes on where it was, and
experiments share their runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import DataError
from alignprops.data.preferences import PreferenceSet
from alignprops.dynamics.problem import HeadProblem
from alignprops.experiments.head_runs import problem_of
from alignprops.experiments.plan import LEARNING_RATES, Plan
from alignprops.models.feature_file import BehaviourFeatures, PreferenceFeatures
from alignprops.models.loading import LanguageModel
from alignprops.models.progress import Progress, no_progress
from alignprops.subjects.tuned import few
from alignprops.trace import Trace
from alignprops.training.final import trained_network
from alignprops.training.pairs import TokenPairs, tokenize_pairs
from alignprops.training.run import train_model
from alignprops.training.settings import Method, TrainSettings

#: η of a head run as a share of the limit 2/(β²λ) of premise (S).
SHARE_OF_LIMIT = 0.5
#: AdamW's learning rate of a head run on whole responses.
HEAD_ADAMW_RATE = 1e-3

Say = Callable[[str], None]
Duo = tuple[str, str]


@dataclass(eq=False)
class Lab:
    """A model with its statements, and the runs on them.

    Attributes:
        model: as loaded.
        preferences: one-token statements, by behaviour.
        responses: pairs of whole responses.
        plan: how large everything is.
        folder: where runs and results are kept.
        say: told what is being done.
        progress: told how far a run is.
    """

    model: LanguageModel
    preferences: PreferenceSet
    responses: PreferenceSet
    plan: Plan
    folder: Path
    say: Say = lambda text: None
    progress: Progress = no_progress

    @property
    def names(self) -> tuple[str, ...]:
        """The behaviours."""
        return self.preferences.names

    @property
    def duos(self) -> list[Duo]:
        """Every pair of behaviours, in the order of the data."""
        return list(combinations(self.names, 2))

    @property
    def tuned_duos(self) -> list[Duo]:
        """The pairs that are also fine-tuned jointly: all, or evenly spread over the list."""
        duos, most = self.duos, self.plan.max_duos
        if len(duos) <= most:
            return duos
        return [duos[at] for at in np.linspace(0, len(duos) - 1, most).round().astype(int)]

    # --- the data as the model sees it --------------------------------------------------------------------------------

    @cached_property
    def split(self) -> tuple[TokenPairs, TokenPairs]:
        """Training and evaluation statements of all behaviours."""
        self.say("tokenising")
        return tokenize_pairs(self.model, self.preferences).split(self.plan.evaluation_share, self.plan.seed)

    @cached_property
    def response_split(self) -> tuple[TokenPairs, TokenPairs]:
        """Training and evaluation pairs of whole responses."""
        pairs = tokenize_pairs(self.model, self.responses, truncate="both")
        return few(pairs, self.plan.max_pairs, self.plan.seed).split(self.plan.evaluation_share, self.plan.seed)

    def pairs(self, names: Sequence[str]) -> tuple[TokenPairs, TokenPairs]:
        """Training and evaluation statements of some behaviours."""
        train, evaluation = (only(part, names) for part in self.split)
        return train, evaluation

    @cached_property
    def features(self) -> PreferenceFeatures:
        """Final hidden states of the training statements under the model."""
        from alignprops.models.features import extract_features

        self.say("reading hidden states")
        everything = extract_features(self.model, self.preferences, progress=self.progress)
        return training_part(everything, self.split[0])

    @cached_property
    def _problems(self) -> dict[tuple[str, ...], HeadProblem]:
        return {}

    def problem(self, *names: str) -> HeadProblem:
        """The last-layer problem of these behaviours' training statements: that which their head run solves."""
        if names not in self._problems:
            self._problems[names] = problem_of(self.head_run(*names))
        return self._problems[names]

    def head_run(self, *names: str) -> Trace:
        """The head run of these behaviours together."""
        kind = {1: "alone", 2: "jointly"}.get(len(names), "together")
        return self.run("head", names, what=f"{kind}/head/{'+'.join(names) if len(names) < 3 else 'all'}")

    @cached_property
    def run_features(self) -> PreferenceFeatures:
        """The hidden states that the head runs of each behaviour alone trained on."""
        known = self.features
        parts = []
        for behaviour in known.behaviours:
            problem = self.problem(behaviour.name)
            parts.append(replace(behaviour, features=problem.features, signs=problem.signs))
        return replace(known, behaviours=tuple(parts))

    @cached_property
    def head_rate(self) -> float:
        """η of all head runs: half of the smallest limit of premise (S), alone or in pairs."""
        selections = [[name] for name in self.names] + [list(duo) for duo in self.duos]
        curvatures = [
            float(head_problem(self.features.select(chosen), eta=1.0, beta=1.0, steps=1).curvature.value)
            for chosen in selections
        ]
        return SHARE_OF_LIMIT * 2 / (self.plan.beta**2 * max(curvatures))

    # --- runs ---------------------------------------------------------------------------------------------------------

    def run(
        self, method: Method, names: Sequence[str], *, flip: bool = False, start: LanguageModel | None = None, what: str
    ) -> Trace:
        """The trace of a run on statements, made now if it is not there; `start` is another model than the lab's."""
        train, evaluation = self.pairs(names)
        return self._run(method, train, evaluation, flip=flip, start=start, what=what)

    def response_run(self, method: Method, *, flip: bool = False) -> Trace:
        """The trace of a run on whole responses."""
        train, evaluation = self.response_split
        what = f"responses/{method}/{'flipped' if flip else 'plain'}"
        return self._run(method, train, evaluation, flip=flip, start=None, what=what)

    def _run(
        self,
        method: Method,
        train: TokenPairs,
        evaluation: TokenPairs,
        *,
        flip: bool,
        start: LanguageModel | None,
        what: str,
    ) -> Trace:
        self.say(what)
        one_token = bool((train.signs != 0).all())
        trained = train_model(
            start or self.model,
            train,
            evaluation,
            self._settings(method, len(train), flip=flip, one_token=one_token),
            self.folder / "traces" / what,
            resume=(self.folder / "traces" / what).exists(),
            progress=self.progress,
        )
        return trained.trace

    def _settings(self, method: Method, pairs: int, *, flip: bool, one_token: bool) -> TrainSettings:
        plan = self.plan
        shared = TrainSettings(method=method, beta=plan.beta, seed=plan.seed, flip=flip)
        if method == "head" and one_token:
            return replace(shared, optimizer="sgd", learning_rate=self.head_rate, steps=plan.head_steps)
        size = plan.batch_size if one_token else plan.response_batch_size
        every = max(1, plan.steps // plan.evaluations)
        rate = HEAD_ADAMW_RATE if method == "head" else LEARNING_RATES[method]
        tuned = replace(shared, optimizer="adamw", learning_rate=rate, steps=plan.steps, evaluate_every=every)
        return replace(tuned, batch_size=min(size, pairs))

    def trained(self, trace: Trace) -> LanguageModel:
        """The model that a run ended with."""
        network = trained_network(self.model, trace.folder)
        return replace(self.model, network=network, name=f"{self.model.name}-aligned")

    def features_after(self, trace: Trace, name: str, *, flip: bool) -> PreferenceFeatures:
        """The hidden states of one behaviour after a run, under the model that it ended with."""
        from alignprops.models.head import read_head

        states, head = trace.states_end, read_head(self.trained(trace))
        assert states is not None
        known = self.features.select([name])
        behaviour = replace(
            known.behaviours[0],
            features=states["features"].astype(np.float64),
            signs=-states["signs"] if flip else states["signs"],
            rows=np.asarray(states["rows"], dtype=np.int64),
        )
        return replace(
            known, model=f"{self.model.name}-aligned", behaviours=(behaviour,), unembedding=head.weight, tied=head.tied
        )

    def relative(self, trace: Trace) -> str:
        """Where a trace lies, from the results."""
        return trace.folder.relative_to(self.folder).as_posix()


def only(pairs: TokenPairs, names: Sequence[str]) -> TokenPairs:
    """The pairs of some behaviours, which become the only ones."""
    places = [pairs.names.index(name) for name in names]
    rows = np.flatnonzero(np.isin(pairs.behaviours, places))
    picked = pairs.select(rows)
    renumbered = np.array([places.index(int(k)) for k in picked.behaviours], dtype=np.int64)
    return replace(picked, behaviours=renumbered, names=tuple(names))


def training_part(features: PreferenceFeatures, train: TokenPairs) -> PreferenceFeatures:
    """The features of the training statements alone."""
    # A place alone does not tell a statement: generated behaviours share their source.
    wanted = {(train.names[k], where) for k, where in zip(train.behaviours, train.where, strict=True)}
    parts = []
    for behaviour in features.behaviours:
        kept = np.array([(behaviour.name, f"{behaviour.source}:{row}") in wanted for row in behaviour.rows])
        parts.append(_rows(behaviour, kept))
    return replace(features, behaviours=tuple(parts))


def _rows(behaviour: BehaviourFeatures, kept: NDArray[np.bool_]) -> BehaviourFeatures:
    if not kept.any():
        raise DataError(f"no statement of {behaviour.name!r} is left to train on")
    return replace(
        behaviour,
        features=np.ascontiguousarray(behaviour.features[kept]),
        signs=behaviour.signs[kept],
        rows=behaviour.rows[kept],
    )


def head_problem(features: PreferenceFeatures, *, eta: float, beta: float, steps: int) -> HeadProblem:
    """All behaviours of some features as one last-layer problem."""
    parts = features.behaviours
    return HeadProblem.of(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.signs for part in parts]),
        eta=eta,
        beta=beta,
        steps=steps,
        behaviours=np.repeat(np.arange(len(parts)), [len(part.signs) for part in parts]),
    )


def of_states(states: dict[str, Any], *, eta: float, beta: float, behaviour: int = 0) -> HeadProblem:
    """The last-layer problem of hidden states that a trace recorded, of one behaviour."""
    chosen = states["behaviours"] == behaviour
    features = states["features"][chosen].astype(np.float64)
    return HeadProblem.of(features, states["signs"][chosen], eta=eta, beta=beta)
