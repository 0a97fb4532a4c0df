"""The theorems observed on a laboratory's runs: on the head exactly, on every other method to first order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from alignprops.data.names import safe_name
from alignprops.dynamics.last_layer import train
from alignprops.engine import evaluate
from alignprops.experiments.lab import Lab, only
from alignprops.measurement import head_theorems
from alignprops.models.loading import LanguageModel
from alignprops.models.policy import ModelPolicy
from alignprops.registry import find_theorems
from alignprops.results import Result
from alignprops.settings import Settings
from alignprops.subjects import Subject
from alignprops.subjects.observed import ObservedHead
from alignprops.subjects.subject import NotApplicable
from alignprops.theorems import Theorem
from alignprops.training.network_policy import adapted_network
from alignprops.training.pairs import TokenPairs
from alignprops.training.settings import Method, TrainSettings

#: What is asked of a pair of behaviours; the rest speaks of each alone.
JOINT = "learning-dynamics.priority.*"
#: What is asked of a model whose features move.
FIRST_ORDER = ("learning-dynamics.first-order", "learning-dynamics.first-step")
#: The mean margin that the first step is to bring at first; halved until the slopes move along a line up to a quarter.
FIRST_MARGIN, HALVINGS = 2.0**-8, 12


def head_claims(lab: Lab, observed: ObservedHead | None = None) -> list[Result]:
    """Every theorem about a trained head, on the head run of every behaviour alone."""
    runs = observed or observed_head(lab)
    theorems = [theorem for theorem in head_theorems(("*",)) if theorem.behaviours[0] == 1]
    return _evaluated(theorems, runs.subjects())


def observed_head(lab: Lab) -> ObservedHead:
    """The head runs of the laboratory, each behaviour alone."""
    return ObservedHead.of(lab.features, beta=lab.plan.beta, steps=lab.plan.head_steps, eta=lab.head_rate)


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
            policy = first_step_policy(lab.model, pairs, method, beta=lab.plan.beta, seed=lab.plan.seed)
            claims += policy_claims(f"{lab.model.name}/{method}/{safe_name(name)}", policy)
            rows.append({"method": method, "behaviour": name, **_told(policy)})
    return claims, rows


def policy_claims(subject_id: str, policy: ModelPolicy) -> list[Result]:
    """The theorems about any differentiable policy that can be asked of a language model."""

    def instance(theorem: Theorem) -> Any:
        asked = theorem.id in FIRST_ORDER
        return policy.problem if asked else NotApplicable("it needs the gradients of all pairs at once")

    subject = Subject(subject_id, "policy", lambda: lambda problem: policy, observed=instance)
    return _evaluated(find_theorems(FIRST_ORDER), [subject])


def first_step_policy(
    model: LanguageModel, pairs: TokenPairs, method: Method, *, beta: float, seed: int
) -> ModelPolicy:
    """A model before its first step, whose size is such that the slopes along the step move along a line."""
    network, names = _trained_part(model, method, seed)
    eta = 1.0
    policy = ModelPolicy(network, pairs, beta=beta, eta=eta, trained=names)
    squared = float(policy.gradient @ policy.gradient)
    eta = FIRST_MARGIN / (2 * squared) if squared > 0 else 1.0  # LD-15: the mean margin is 2η‖G‖²
    for _ in range(HALVINGS):
        policy = policy.with_step(eta)
        if max(policy.first_step.margin_wobble, policy.first_step.drop_wobble) <= 1 / 4:
            break
        eta /= 2
    return policy


def _trained_part(model: LanguageModel, method: Method, seed: int) -> tuple[Any, list[str]]:
    """The network that a method trains, and the names of the parameters that it moves."""
    if method == "full":
        return model.network, [name for name, _ in model.network.named_parameters()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = adapted_network(model, TrainSettings(method="lora").resolved(1))
    return network, [name for name, weight in network.named_parameters() if weight.requires_grad]


def few(pairs: TokenPairs, count: int, seed: int) -> TokenPairs:
    """Some of the pairs, drawn at random."""
    if len(pairs) <= count:
        return pairs
    return pairs.select(np.sort(np.random.default_rng(seed).permutation(len(pairs))[:count]))


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
