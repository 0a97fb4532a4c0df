"""Prioritisation: pairs of behaviours trained jointly, against the priority that the theory predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignprops.dynamics.predictions import normalised_priority_gaps, priority_horizons
from alignprops.dynamics.problem import HeadProblem
from alignprops.experiments import intervals
from alignprops.experiments.claims import joint_claims
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, curves, line, matrix, panel, scatter, series
from alignprops.experiments.head_runs import largest_difference
from alignprops.experiments.lab import Duo, Lab
from alignprops.experiments.learning_speed import METHOD_NAMES
from alignprops.experiments.series_of import average, curve
from alignprops.trace import Trace
from alignprops.training.settings import Method

NAME, TITLE = "prioritisation", "Prioritisation of behaviours trained jointly"
SUMMARY = (
    "Im and Li (ICML 2024, arXiv:2403.18742) claim that optimisation prioritises behaviours with higher preference "
    "distinguishability. Two behaviours are trained in one run. On head runs which of them leads, and for how many "
    "steps that is certain, are theorems (LD-10, LD-11). For LoRA and full fine-tuning the share of pairs that the "
    "predicted leader leads is a measurement, with its exact binomial interval (pairs share behaviours, so they are "
    "not independent)."
)
#: Pairs whose curves are drawn.
MOST_DRAWN = 6


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the data alone says of a pair."""

    gap: float
    """⟨z̄, z̄_1 − z̄_2⟩: positive if the first leads."""
    horizon: float
    """Up to which step that is certain, on a head run."""
    normalised: float


def run(lab: Lab) -> Experiment:
    """Run the experiment; it needs two behaviours at least."""
    made = Experiment(NAME, TITLE, SUMMARY)
    predictions = {duo: predicted(lab.problem(*duo)) for duo in lab.duos}
    made.figures.append(_matrix(lab, predictions))
    made.figures.append(_head_curves(lab, predictions))
    if "head" in lab.plan.methods:
        made.claims += joint_claims(lab)
        made.tables.append(_agreement(lab))
    leads: dict[Method, dict[Duo, float]] = {}
    for method in lab.plan.methods:
        duos = lab.duos if method == "head" else lab.tuned_duos
        runs = {duo: _joint_run(lab, method, duo) for duo in duos}
        leads[method] = {duo: lead(trace) for duo, trace in runs.items()}
        made.figures.append(_joint_curves(method, runs))
        made.traces += [lab.relative(trace) for trace in runs.values()]
        made.measurements.append(_share(method, leads[method], predictions))
    made.figures.append(_scatter(leads, predictions))
    made.tables.append(_table(leads, predictions))
    return made


def _joint_run(lab: Lab, method: Method, duo: Duo) -> Trace:
    return lab.head_run(*duo) if method == "head" else lab.run(method, duo, what=f"jointly/{method}/{'+'.join(duo)}")


def _agreement(lab: Lab) -> Spec:
    """The joint head runs against the engine that the theorems are observed on."""
    rows = [[*duo, largest_difference(lab.head_run(*duo), lab.problem(*duo))] for duo in lab.duos]
    return {
        "id": "joint-agreement",
        "title": "Joint head runs against the last-layer engine that the theorems are observed on",
        "columns": ["first", "second", "largest relative difference"],
        "rows": rows,
    }


def predicted(problem: HeadProblem) -> Prediction:
    """The predicted priority of the first of two behaviours over the second."""
    first, second = (float(value) for value in problem.alignments.value)
    horizons = priority_horizons(problem)
    return Prediction(
        gap=first - second,  # LD-10
        horizon=float(max(horizons[0, 1], horizons[1, 0])),  # LD-11
        normalised=float(normalised_priority_gaps(problem)[0, 1]),
    )


def lead(trace: Trace) -> float:
    """By how much the first behaviour's mean margin exceeded the second's, averaged over the run."""
    return average(trace, "margin", behaviour=0) - average(trace, "margin", behaviour=1)


def _matrix(lab: Lab, predictions: dict[Duo, Prediction]) -> Spec:
    names = list(lab.names)
    values = np.full((len(names), len(names)), np.nan)
    for (first, second), found in predictions.items():
        i, j = names.index(first), names.index(second)
        values[i, j], values[j, i] = found.normalised, -found.normalised
    return matrix(
        "priority-matrix",
        "Predicted priority of each behaviour over each other",
        "Normalised priority gap of the row over the column, between −2 and 2; positive: the row is learned first.",
        names,
        values,
        value_label="normalised priority gap",
        paper="priority of behaviours",
    )


def _head_curves(lab: Lab, predictions: dict[Duo, Prediction]) -> Spec:
    panels = []
    for duo in lab.duos[:MOST_DRAWN]:
        problem, trace = lab.problem(*duo), lab.head_run(*duo)
        steps, margins = trace.evaluations["step"], trace.evaluations["train.margin"]  # (k,), (k, 2)
        gap = margins[:, 0] - margins[:, 1]
        straight = problem.eta * problem.beta**2 * steps * predictions[duo].gap  # LD-11
        bend = _bend(problem) * steps * np.maximum(steps - 1, 0)
        band = (straight - bend, straight + bend, "LD-11")
        horizon = predictions[duo].horizon
        lines = [line(0.0, "equal")]
        if np.isfinite(horizon) and 0 < horizon <= steps[-1]:
            lines.append(line(horizon, "horizon", axis="x"))
        panels.append(
            panel(
                f"{duo[0]} − {duo[1]}", "difference of mean margins", [series("measured", steps, gap, band=band)], lines
            )
        )
    return curves(
        "lead-within-bounds",
        "Who leads on the head, within the bounds",
        "Difference of the two mean margins of a joint head run, the band that priority.horizon (LD-11) allows, and "
        "the step up to which the order of the first step certainly persists.",
        panels,
        paper="joint training of two behaviours",
    )


def _bend(problem: HeadProblem) -> float:
    """ηβ²·(ηβ²/4)·|z̄|_M·|z̄_1 − z̄_2|_M: the bound of LD-11 by t(t − 1)."""
    strength = problem.eta * problem.beta**2
    difference = problem.behaviour_shift(0) - problem.behaviour_shift(1)
    sizes = problem.mean_shift_curvature_norm.value * problem.curvature_norm(difference).value
    return float(strength * strength / 4 * sizes)  # LD-11


def _joint_curves(method: Method, runs: dict[Duo, Trace]) -> Spec:
    panels = [
        panel(
            f"{first} + {second}",
            "loss",
            [curve(trace, "loss", first, behaviour=0), curve(trace, "loss", second, behaviour=1)],
        )
        for (first, second), trace in list(runs.items())[:MOST_DRAWN]
    ]
    return curves(
        f"joint-{method}",
        f"Two behaviours in one run: {METHOD_NAMES[method]}",
        "Training loss of each of the two behaviours.",
        panels,
        paper="joint training of two behaviours",
    )


def _share(method: Method, leads: dict[Duo, float], predictions: dict[Duo, Prediction]) -> Measurement:
    right = sum(np.sign(found) == np.sign(predictions[duo].gap) for duo, found in leads.items())
    return Measurement(
        f"{NAME}.leader-share.{method}",
        f"the behaviour of higher predicted priority leads the joint run ({METHOD_NAMES[method]}): share of pairs",
        float(right / len(leads)) if leads else None,
        intervals.share(int(right), len(leads)),
        "exact binomial (Clopper–Pearson) as if pairs were independent; they share behaviours",
        len(leads),
    )


def _scatter(leads: dict[Method, dict[Duo, float]], predictions: dict[Duo, Prediction]) -> Spec:
    points = []
    for method, found in leads.items():
        largest = max((abs(value) for value in found.values()), default=0.0) or 1.0
        points += [
            {
                "name": f"{duo[0]} − {duo[1]}",
                "x": predictions[duo].normalised,
                "y": value / largest,
                "group": METHOD_NAMES[method],
                "y_interval": None,
            }
            for duo, value in found.items()
        ]
    return scatter(
        "lead",
        "Predicted priority against measured lead",
        "A point is one pair of behaviours; the lead is the difference of mean margins averaged over the run, as a "
        "share of the method's largest. Points of the first and third quadrant were predicted right.",
        points,
        x_label="normalised priority gap",
        y_label="lead, share of the largest",
        paper="prioritisation of behaviours",
    )


def _table(leads: dict[Method, dict[Duo, float]], predictions: dict[Duo, Prediction]) -> Spec:
    methods = list(leads)
    rows = [
        [first, second, found.gap, found.normalised, found.horizon, *(leads[m].get((first, second)) for m in methods)]
        for (first, second), found in predictions.items()
    ]
    return {
        "id": "pairs",
        "title": "Every pair: predicted gap ⟨z̄, z̄₁ − z̄₂⟩, normalised gap, certain horizon, and the measured lead",
        "columns": [
            "first",
            "second",
            "gap",
            "normalised gap",
            "horizon",
            *(f"lead, {METHOD_NAMES[m]}" for m in methods),
        ],
        "rows": rows,
    }
