"""Extensions of the theory on head runs: mini-batches, AdamW, other losses (LD-16 … LD-19, LD-23)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.batches import independent, stratified
from alignprops.dynamics.convex import at_the_share_of_the_limit, train_convex
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.trajectories import trajectory
from alignprops.experiments import intervals
from alignprops.experiments.claims import head_claims
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, curves, panel, scatter, series
from alignprops.experiments.lab import Lab
from alignprops.losses import PAIRWISE_LOSSES

NAME, TITLE = "extensions", "Extensions of the theory on head runs"
SUMMARY = (
    "The head of each behaviour trained in mini-batches, by gradient flow, by AdamW, with weight decay and with other "
    "convex losses: theorems (LD-16 to LD-19, LD-23), observed on the real unembedding. How much sooner batches with "
    "equal class counts point along the mean shift, and how far AdamW's priorities are from those of gradient "
    "descent, are measurements."
)
#: Samples of a mini-batch, and the orders that are averaged.
BATCH, ORDERS = 16, 20
DRAWS = {"drawn from all": False, "equal class counts": True}


def run(lab: Lab) -> Experiment:
    """Run the experiment."""
    made = Experiment(NAME, TITLE, SUMMARY)
    made.claims += head_claims(lab, extensions=True)
    directions = {name: {draw: _cosines(lab.problem(name), even) for draw, even in DRAWS.items()} for name in lab.names}
    made.figures.append(_batches(directions))
    made.measurements.append(_gain(directions))
    together = lab.problem(*lab.names)
    made.figures.append(_priorities(lab, together))
    made.measurements.append(_reordered(together))
    made.figures.append(_losses(together))
    return made


def _cosines(problem: HeadProblem, even: bool) -> NDArray[np.float64]:
    """The cosine between u_t and z̄ of mini-batch runs, (orders, steps)."""
    size = min(BATCH, problem.n - problem.n % 2)
    found = []
    for seed in range(ORDERS):
        rows = (
            stratified(problem.signs, size=size, steps=problem.steps, seed=seed)
            if even
            else independent(problem.n, size=size, steps=problem.steps, seed=seed)
        )
        made = trajectory(
            problem.features, problem.signs, eta=problem.eta, beta=problem.beta, steps=problem.steps, batches=rows
        )
        lengths = np.linalg.norm(made.updates[1:], axis=-1) * np.linalg.norm(problem.shift)
        found.append(made.along_shift[1:] / lengths)
    return np.stack(found)


def _batches(directions: dict[str, dict[str, NDArray[np.float64]]]) -> Spec:
    panels = []
    for name, draws in directions.items():
        drawn = []
        for draw, cosines in draws.items():
            low, high = np.quantile(cosines, [0.25, 0.75], axis=0)
            steps = np.arange(1, cosines.shape[1] + 1)
            drawn.append(series(draw, steps, cosines.mean(axis=0), spread=(low, high)))
        panels.append(panel(name, "cos ∠(u_t, z̄)", drawn))
    return curves(
        "mini-batches",
        "How soon a mini-batch run points along the mean shift",
        f"Cosine between the run and the mean shift, batches of {BATCH}, mean and quartiles of {ORDERS} orders. The "
        "common offset of real features is noise in batches drawn from all statements; with equal class counts it "
        "cancels (LD-16).",
        panels,
        x_scale="log",
    )


def _gain(directions: dict[str, dict[str, NDArray[np.float64]]]) -> Measurement:
    plain, even = DRAWS
    gains = [float(draws[even][:, 0].mean() - draws[plain][:, 0].mean()) for draws in directions.values()]
    value, interval = intervals.mean(gains)
    return Measurement(
        f"{NAME}.stratified-gain",
        f"batches of {BATCH} with equal class counts point along the mean shift sooner: mean gain in the cosine of the "
        "first step",
        value,
        interval,
        intervals.over("behaviours", len(gains)),
        len(gains),
    )


def _levels(problem: HeadProblem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Priorities of the behaviours under gradient descent, ⟨z̄, z̄_k⟩/‖z̄‖, and AdamW, ⟨sign z̄, z̄_k⟩/√d."""
    shifts = problem.behaviour_shifts
    descent = shifts @ problem.shift / np.linalg.norm(problem.shift)  # LD-10
    adam = shifts @ np.sign(problem.shift) / np.sqrt(problem.d)  # LD-18b
    return descent, adam


def _priorities(lab: Lab, problem: HeadProblem) -> Spec:
    descent, adam = _levels(problem)
    points = [
        {"name": name, "x": x, "y": y, "group": "", "y_interval": None}
        for name, x, y in zip(lab.names, descent, adam, strict=True)
    ]
    return scatter(
        "adam-priorities",
        "Priority under gradient descent and under AdamW",
        "All behaviours in one head run: what decides the order of the first step's margins under gradient descent "
        "(LD-10) and under AdamW (LD-18).",
        points,
        x_label="⟨z̄, z̄_k⟩/‖z̄‖",
        y_label="⟨sign z̄, z̄_k⟩/√d",
    )


def _reordered(problem: HeadProblem) -> Measurement:
    descent, adam = (list(map(float, levels)) for levels in _levels(problem))
    value, interval = intervals.rank_correlation(descent, adam)
    return Measurement(
        f"{NAME}.adam-order",
        "AdamW prioritises behaviours in the order of gradient descent: Spearman's rank correlation of the priorities",
        value,
        interval,
        intervals.of_order(descent, adam),
        len(descent),
    )


def _losses(problem: HeadProblem) -> Spec:
    drawn: list[tuple[str, Any]] = [
        (loss, train_convex(at_the_share_of_the_limit(problem, loss))) for loss in PAIRWISE_LOSSES
    ]
    return curves(
        "convex-losses",
        "Other convex losses on the same statements",
        "All behaviours in one head run with each loss, the step size at the same share of that loss's limit (LD-23).",
        [
            panel("Accuracy", "accuracy", [series(loss, made.t, made.accuracy.value) for loss, made in drawn]),
            panel(
                "Movement of the head",
                "‖W_t − W_0‖",
                [series(loss, made.t, made.head_change.value) for loss, made in drawn],
            ),
        ],
    )
