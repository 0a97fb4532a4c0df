"""The theorems observed on a laboratory's runs: on the head exactly, on every other method to first order."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from alignprops._errors import ModelError
from alignprops.data.names import safe_name
from alignprops.dynamics.last_layer import train
from alignprops.engine import evaluate
from alignprops.experiments.lab import Lab, only
from alignprops.measurement import head_theorems
from alignprops.models.policy import ModelPolicy
from alignprops.registry import find_theorems
from alignprops.results import Result
from alignprops.settings import Settings
from alignprops.subjects import Subject
from alignprops.subjects.observed import ObservedHead
from alignprops.subjects.observed_responses import REMAINDER, few_responses, response_subject
from alignprops.subjects.subject import NotApplicable
from alignprops.subjects.tuned import FIRST_ORDER, few, first_step_policy, policy_subject, too_large
from alignprops.theorems import Theorem
from alignprops.training.pairs import TokenPairs
from alignprops.training.settings import Method

#: What is asked of a pair of behaviours; the rest speaks of each alone.
JOINT = "learning-dynamics.priority.*"


#: The families of theorems that go beyond the paper.
EXTENSIONS = tuple(
    f"learning-dynamics.{family}.*" for family in ("minibatch", "flow", "adamw", "policy-accuracy", "convex-loss")
)
#: These speak of fresh samples from a known distribution, which a run on given statements has none of.
POPULATIONS = "learning-dynamics.generalisation.*"


def head_claims(lab: Lab, observed: ObservedHead | None = None, *, extensions: bool = False) -> list[Result]:
    """The paper's theorems about a trained head, or the extensions, on the head run of every behaviour alone.

    Of the extensions also those about neighbouring behaviours; pairs of the paper's are `joint_claims`.
    """
    runs = observed or observed_head(lab)
    about_runs = [theorem for theorem in head_theorems(("*",)) if not fnmatchcase(theorem.id, POPULATIONS)]
    theorems = [theorem for theorem in about_runs if _extends(theorem) is extensions]
    return _evaluated([t for t in theorems if extensions or t.behaviours[0] == 1], runs.subjects())


def _extends(theorem: Theorem) -> bool:
    return any(fnmatchcase(theorem.id, family) for family in EXTENSIONS)


def observed_head(lab: Lab) -> ObservedHead:
    """The head runs of the laboratory, each behaviour alone."""
    return ObservedHead.of(lab.run_features, beta=lab.plan.beta, steps=lab.plan.head_steps, eta=lab.head_rate)


def joint_claims(lab: Lab) -> list[Result]:
    """Prioritisation, on the joint head run of every pair of behaviours."""
    subjects = [_joint(lab, first, second) for first, second in lab.duos]
    return _evaluated([theorem for theorem in head_theorems((JOINT,)) if _takes_two(theorem)], subjects)


def _takes_two(theorem: Theorem) -> bool:
    least, most = theorem.behaviours
    return least <= 2 and (most is None or most >= 2)


def _joint(lab: Lab, first: str, second: str) -> Subject:
    return Subject(
        f"{lab.model.name}/{safe_name(first)}/{safe_name(second)}",
        "last-layer",
        lambda: train,
        observed=lambda theorem: lab.problem(first, second),  # a subject is asked for a theorem
    )


def first_step_claims(lab: Lab, names: Sequence[str]) -> tuple[list[Result], list[dict[str, Any]]]:
    """The first step of every method but the head on each behaviour: the claims, and predicted against actual."""
    claims, rows = [], []
    for method in lab.plan.tuned:
        for name in names:
            pairs = few(only(lab.split[0], [name]), lab.plan.first_step_pairs, lab.plan.seed)
            found, told = first_step(lab, method, pairs, f"{lab.model.name}/{method}/{safe_name(name)}")
            claims += found
            rows += [{"method": method, "behaviour": name, **figures} for figures in told]
    return claims, rows


def first_step(
    lab: Lab, method: Method, pairs: TokenPairs, subject_id: str
) -> tuple[list[Result], list[dict[str, Any]]]:
    """The claims on a method's first step on some pairs, and what it brought (nothing of a model that is too large)."""
    policy: ModelPolicy | NotApplicable | None = too_large(lab.model)
    if policy is None:
        try:
            policy = first_step_policy(lab.model, pairs, method, beta=lab.plan.beta, seed=lab.plan.seed)
        except ModelError as error:
            policy = NotApplicable(str(error))
    claims = policy_claims(subject_id, policy)
    return claims, [] if isinstance(policy, NotApplicable) else [_told(policy)]


def policy_claims(subject_id: str, policy: ModelPolicy | NotApplicable) -> list[Result]:
    """The theorems about any differentiable policy that can be asked of a language model."""
    return _evaluated(find_theorems(FIRST_ORDER), [policy_subject(subject_id, lambda: policy)])


def response_claims(lab: Lab) -> list[Result]:
    """Linearisation with its remainder, on the head trained on a few of the whole responses."""
    subject = response_subject(
        f"{lab.model.name}/head/responses",
        lambda: few_responses(lab.model, lab.response_split[0], beta=lab.plan.beta, seed=lab.plan.seed),
    )
    return _evaluated(find_theorems((REMAINDER,)), [subject])


def _told(policy: ModelPolicy) -> dict[str, Any]:
    step, eta = policy.first_step, policy.problem.eta
    squared = float(policy.gradient @ policy.gradient)
    half, whole = (float(value) for value in step.margins.value)
    half_drop, whole_drop = (float(value) for value in step.drops.value)
    left, left_half = abs(whole - 2 * eta * squared), abs(half - eta * squared)
    return {
        "eta": eta,
        "predicted margin": 2 * eta * squared,
        "margin": whole,
        "predicted fall": eta * squared,
        "fall": whole_drop,
        "half margin": half,
        "half fall": half_drop,
        "remainder": left,
        "remainder at η/2": left_half,
        "order": float(np.log2(left / left_half)) if left > 0 and left_half > 0 else float("nan"),
    }


def _evaluated(theorems: Sequence[Theorem], subjects: Sequence[Subject]) -> list[Result]:
    settings = Settings()
    pairs = [(theorem, subject) for subject in subjects for theorem in theorems if subject.speaks_of(theorem)]
    return [evaluate(theorem, subject, settings) for theorem, subject in pairs]
