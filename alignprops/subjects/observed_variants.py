"""A real model's head trained otherwise than by gradient descent on all statements (LD-16 … LD-18).

For every behaviour there is one more subject `model/behaviour` of each of these kinds: in mini-batches, by gradient
flow, by torch's AdamW, with weight decay. Each gives a theorem of its kind an instance made of the behaviour's problem
and of the model's own unembedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics import minibatch, weight_decay
from alignprops.dynamics.adamw import AdamProblem
from alignprops.dynamics.batch_schemes import BatchScheme
from alignprops.dynamics.batches import reshuffled
from alignprops.dynamics.flow import flow
from alignprops.dynamics.minibatch import MiniBatchProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.starting_head import StartingHead
from alignprops.dynamics.weight_decay import DecayProblem
from alignprops.subjects.adamw import torch_adamw
from alignprops.subjects.subject import NotApplicable, Subject
from alignprops.theorems import Theorem

if TYPE_CHECKING:
    from alignprops.subjects.observed import ObservedHead

#: The largest mini-batch, and the seed of its order.
LARGEST_BATCH, ORDER_SEED = 32, 0
#: Of so many statements, so many a batch, all sequences of batches are enumerated, for so many steps.
ENUMERATED, ENUMERATED_SIZE, ENUMERATED_STEPS = 4, 2, 2
#: AdamW's rate, ε and decay; on so many rows of the head beside the two answers (the others have no gradient either).
ADAM_RATE, ADAM_EPSILON, ADAM_DECAY, OTHER_ROWS = 2.0**-10, 1e-8, 0.01, 30

Instance = Any | NotApplicable


def variants(observed: ObservedHead) -> tuple[Subject, ...]:
    """One subject of each kind for each behaviour."""
    return tuple(
        Subject(
            f"{observed.model}/{name}", kind, partial(_itself, trained), observed=partial(_made, build, observed, at)
        )
        for kind, (trained, build) in _KINDS.items()
        for at, name in enumerate(observed.names)
    )


def _itself(thing: Any) -> Any:
    return thing


def _made(build: _Build, observed: ObservedHead, at: int, theorem: Theorem) -> Instance:
    """The instance of a theorem that speaks of this behaviour, and of those that follow it if it speaks of several."""
    count = theorem.behaviours[0]
    if count > len(observed.names):
        return NotApplicable(f"it speaks of {count} behaviours together; {len(observed.names)} given")
    problem = observed.problem(*((at + step) % len(observed.names) for step in range(count)))
    return build(observed, problem, theorem)


def starting_head(observed: ObservedHead, problem: HeadProblem) -> StartingHead:
    """The problem with the model's own w0."""
    return StartingHead(problem, observed.features.head_difference)


# --- the instances of each kind ---------------------------------------------------------------------------------------

_Build = Callable[["ObservedHead", HeadProblem, Theorem], Instance]


def _within(problem: HeadProblem, curvature: Any, rate: float) -> HeadProblem:
    """The problem with η at a share of the limit 2/(β²λ) for another λ."""
    upper = float(curvature.value + curvature.error)
    return replace(problem, eta=rate * 2 / (problem.beta**2 * upper))


def _mini_batches(observed: ObservedHead, problem: HeadProblem, theorem: Theorem) -> Instance:
    if theorem.instance_type is BatchScheme:
        return _scheme(observed, problem)
    if theorem.instance_type is not MiniBatchProblem:
        return NotApplicable("it does not speak of a trained head")
    size = _batch_size(problem.n)
    steps = max(observed.steps, problem.n // size if problem.n % size == 0 else 1)
    order = reshuffled(problem.n, size=size, steps=steps, seed=ORDER_SEED)
    made = MiniBatchProblem.of(problem.with_steps(steps), order)
    return replace(made, problem=_within(made.problem, made.curvature, observed.rate))


def _batch_size(n: int) -> int:
    """The largest divisor of n up to `LARGEST_BATCH`, so that epochs are whole; that itself if n has hardly any."""
    divisors = [size for size in range(1, LARGEST_BATCH + 1) if n % size == 0]
    return divisors[-1] if 4 * divisors[-1] >= min(LARGEST_BATCH, n) else min(LARGEST_BATCH, n)


def _scheme(observed: ObservedHead, problem: HeadProblem) -> Instance:
    """The first statements of both classes, few enough that all sequences of batches can be enumerated."""
    half = ENUMERATED // 2
    sides = [np.flatnonzero(problem.signs == sign)[:half] for sign in (1, -1)]
    if min(map(len, sides)) < half:
        return NotApplicable(f"fewer than {half} statements of a class to draw batches from")
    few = _rows(problem, np.sort(np.concatenate(sides))).with_steps(ENUMERATED_STEPS)
    made = BatchScheme.of(few, size=ENUMERATED_SIZE, scheme="replaced")
    return BatchScheme(_within(few, made.curvature, observed.rate), made.size, made.scheme)


def _rows(problem: HeadProblem, rows: NDArray[np.int64]) -> HeadProblem:
    return HeadProblem.of(
        problem.features[rows], problem.signs[rows], eta=problem.eta, beta=problem.beta, steps=problem.steps
    )


def _flow(_: ObservedHead, problem: HeadProblem, theorem: Theorem) -> Instance:
    return problem if theorem.instance_type is HeadProblem else NotApplicable("it does not speak of a trained head")


def _adamw(observed: ObservedHead, problem: HeadProblem, theorem: Theorem) -> Instance:
    """The two answers' rows and the first others; with the decay and the ε that the theorem's premises allow."""
    if theorem.instance_type is not AdamProblem:
        return NotApplicable("it does not speak of a trained head")
    features = observed.features
    answers = [features.positive, features.negative]
    others = [row for row in range(len(features.unembedding)) if row not in answers][:OTHER_ROWS]
    return AdamProblem.of(
        replace(problem.with_steps(1), eta=ADAM_RATE),
        head=features.unembedding[[*answers, *others]],
        yes=0,
        no=1,
        decay=0.0 if "no decay" in theorem.given else ADAM_DECAY,
        epsilon=0.0 if "ε = 0" in theorem.given else ADAM_EPSILON,
    )


def _decayed(observed: ObservedHead, problem: HeadProblem, theorem: Theorem) -> Instance:
    """AdamW's decay, or as much of it as η(ω + β²λ/4) ≤ 1 allows."""
    if theorem.instance_type is not DecayProblem:
        return NotApplicable("it does not speak of a trained head")
    decay = min(ADAM_DECAY, 1 / (4 * problem.eta))
    return DecayProblem.of(starting_head(observed, problem), decay=decay)


_KINDS: dict[str, tuple[Any, _Build]] = {
    "mini-batch": (minibatch.train, _mini_batches),
    "gradient-flow": (flow, _flow),
    "adamw": (torch_adamw, _adamw),
    "weight-decay": (weight_decay.train, _decayed),
}
