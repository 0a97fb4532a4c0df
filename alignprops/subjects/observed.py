"""A real model as a subject: its features and its unembedding, trained by the last-layer engine.

For every behaviour there is one subject `model/behaviour`; what it gives a theorem depends on how many behaviours the
statement speaks of: the behaviour alone, it with those that follow it, or (subject `model/all`, or `model/all-2` beside
a behaviour that is called so) all of them jointly. For the theorems about other losses than DPO's there is one subject
`model/all/loss` for each loss, on all behaviours jointly (`model/behaviour/loss` if there is one only).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from alignprops.data.names import safe_names
from alignprops.dynamics.convex import ConvexProblem, at_the_share_of_the_limit, train_convex
from alignprops.dynamics.full_head import FullHeadProblem
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.starting_head import StartingHead
from alignprops.losses import PAIRWISE_LOSSES
from alignprops.models.feature_file import PreferenceFeatures
from alignprops.subjects.observed_variants import starting_head, variants
from alignprops.subjects.subject import NotApplicable, Subject
from alignprops.theorems import Theorem

#: DPO's β and the number of steps of the observed runs, unless told otherwise.
BETA, STEPS = 0.1, 20
#: The joint subject of all behaviours.
ALL = "all"
#: Plain autograd training of the full head is observed on this many statements and steps, and on heads of this size.
AUTOGRAD_STATEMENTS, AUTOGRAD_STEPS, AUTOGRAD_NUMBERS = 64, 3, 2**24


@dataclass(frozen=True, eq=False)
class ObservedHead:
    """The head-only runs of one model.

    Attributes:
        model: its name, the first part of the subject ids.
        names: the behaviours, in their order.
        load: gives the features; called when a claim is first evaluated, so that a collection reads no model.
        beta: DPO's β.
        steps: steps of the run.
        rate: η as a share of the limit 2/(β²λ) of premise (S) of each run's own samples.
        eta: η of every run, if it is to be the same.
    """

    model: str
    names: tuple[str, ...]
    load: Callable[[], PreferenceFeatures]
    beta: float = BETA
    steps: int = STEPS
    rate: float = 0.5
    eta: float | None = None

    @classmethod
    def of(cls, features: PreferenceFeatures, *, beta: float, steps: int, eta: float | None = None) -> ObservedHead:
        """The runs on features that are there already."""
        names = tuple(behaviour.name for behaviour in features.behaviours)
        return cls(features.model, names, lambda: features, beta, steps, eta=eta)

    @cached_property
    def features(self) -> PreferenceFeatures:
        """The features, read once."""
        return self.load()

    def subjects(self) -> tuple[Subject, ...]:
        """One subject for each behaviour, and one for all if there are several."""
        made = [
            Subject(f"{self.model}/{name}", "last-layer", lambda: train, observed=partial(self._instance, at))
            for at, name in enumerate(self.names)
        ]
        if len(self.names) > 1:
            joint = Subject(
                f"{self.model}/{self._everything}",
                "last-layer",
                lambda: train,
                observed=self._joint_instance,
                suits=_is_joint,
            )
            made.append(joint)
        return (*made, *self._with_every_loss(), *variants(self))

    def _with_every_loss(self) -> tuple[Subject, ...]:
        return tuple(
            Subject(
                f"{self.model}/{self._everything}/{loss}",
                "convex-head",
                lambda: train_convex,
                observed=partial(self._convex_instance, loss),
                suits=partial(_is_about, loss),
            )
            for loss in PAIRWISE_LOSSES
        )

    @property
    def _everything(self) -> str:
        """The name of all behaviours together."""
        return safe_names([*self.names, ALL])[-1] if len(self.names) > 1 else self.names[0]

    @cached_property
    def _alone(self) -> dict[tuple[int, ...], HeadProblem]:
        return {}

    def problem(self, *behaviours: int) -> HeadProblem:
        """The last-layer problem of these behaviours together, η at its share of the limit; kept once made."""
        if behaviours not in self._alone:
            self._alone[behaviours] = self._make(behaviours)
        return self._alone[behaviours]

    def _make(self, behaviours: tuple[int, ...]) -> HeadProblem:
        parts = [self.features.behaviours[at] for at in behaviours]
        features = np.concatenate([part.features for part in parts])
        signs = np.concatenate([part.signs for part in parts])
        labels = np.repeat(np.arange(len(parts)), [len(part.signs) for part in parts])
        probe = HeadProblem.of(features, signs, eta=1.0, beta=self.beta, steps=self.steps, behaviours=labels)
        eta = self.eta or self.rate * 2 / (self.beta**2 * float(probe.curvature.value))
        return HeadProblem.of(features, signs, eta=eta, beta=self.beta, steps=self.steps, behaviours=labels)

    # --- what a theorem is observed on ----------------------------------------------------------------------------

    def _instance(self, at: int, theorem: Theorem) -> Any | NotApplicable:
        if theorem.instance_type is FullHeadProblem:
            return self._full_head(at)
        if theorem.instance_type not in (HeadProblem, StartingHead):
            return NotApplicable("it does not speak of a trained head")
        count = theorem.behaviours[0]
        if count > len(self.names):
            return NotApplicable(f"it speaks of {count} behaviours together; {len(self.names)} given")
        problem = self.problem(*((at + step) % len(self.names) for step in range(count)))
        return starting_head(self, problem) if theorem.instance_type is StartingHead else problem

    def _joint_instance(self, theorem: Theorem) -> Any | NotApplicable:
        least = theorem.behaviours[0]
        if least > len(self.names):
            return NotApplicable(f"it speaks of {least} behaviours together; {len(self.names)} given")
        return self.problem(*range(len(self.names)))

    def _convex_instance(self, loss: str, _: Theorem) -> ConvexProblem:
        """All behaviours together, η at the same share of the limit of that loss."""
        return at_the_share_of_the_limit(self.problem(*range(len(self.names))), loss)

    def _full_head(self, at: int) -> FullHeadProblem | NotApplicable:
        """The first statements of a behaviour, on the whole real unembedding."""
        head = self.features.unembedding
        if head.size > AUTOGRAD_NUMBERS:
            return NotApplicable(
                f"a head of {head.shape[0]} × {head.shape[1]} is too large for plain autograd training"
            )
        behaviour = self.features.behaviours[at]
        few = slice(0, AUTOGRAD_STATEMENTS)
        probe = HeadProblem.of(behaviour.features[few], behaviour.signs[few], eta=1.0, beta=self.beta)
        curvature = float(probe.curvature.value)
        eta = self.rate * 2 / (self.beta**2 * curvature) if curvature else 1.0
        problem = HeadProblem.of(
            behaviour.features[few], behaviour.signs[few], eta=eta, beta=self.beta, steps=AUTOGRAD_STEPS
        )
        weights = np.ascontiguousarray(head, dtype=np.float64)
        return FullHeadProblem(problem, weights, self.features.positive, self.features.negative)


def _is_joint(theorem: Theorem) -> bool:
    """Whether a theorem speaks of any number of behaviours together."""
    return theorem.behaviours[1] is None


def _is_about(loss: str, theorem: Theorem) -> bool:
    """Whether a theorem speaks of heads trained with that loss."""
    return issubclass(theorem.instance_type, ConvexProblem) and theorem.instance_type.only in (None, loss)
