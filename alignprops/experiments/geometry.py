"""Geometry: the hidden states of the two classes before and after training."""

from __future__ import annotations

import math
from typing import Any

from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.projection import plane
from alignprops.experiments import intervals
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, bars, line, projection
from alignprops.experiments.lab import Lab, of_states
from alignprops.experiments.learning_speed import METHOD_NAMES, alone
from alignprops.training.settings import Method

NAME, TITLE = "geometry", "Geometry of the statements before and after training"
SUMMARY = (
    "Im and Li (ICML 2024, arXiv:2403.18742) picture how training moves the statements apart. Distinguishability, "
    "concentration and covariance trace of every behaviour's final hidden states, before and after it was trained "
    "alone, and the states on the first two principal components of both together. All of it is measured; that one "
    "step below a frozen head moves balanced classes apart along it is a theorem (LD-13)."
)
#: Behaviours whose states are drawn.
MOST_DRAWN = 3
FIGURES = {
    "distinguishability": "δ",
    "concentration": "concentration",
    "covariance_trace": "trace",
    "mean_shift": "‖z̄‖",
    "common_offset_share": "offset share",
}


def run(lab: Lab) -> Experiment:
    """Run the experiment, for every method that moves the features."""
    made = Experiment(NAME, TITLE, SUMMARY)
    for method in lab.plan.tuned:
        rows, ratios = [], {}
        for at, name in enumerate(lab.names):
            trace = alone(lab, method, name)
            start, end = trace.states_start, trace.states_end
            assert start is not None
            assert end is not None
            made.traces.append(lab.relative(trace))
            before, after = (of_states(states, eta=1.0, beta=lab.plan.beta) for states in (start, end))
            rows.append([name, *_figures(before, after)])
            ratios[name] = _number(after.distinguishability) / _number(before.distinguishability)
            if at < MOST_DRAWN:
                made.figures.append(_projection(method, name, before, after))
        made.tables.append(_table(method, rows))
        made.figures.append(_ratios(method, ratios))
        made.measurements.append(_rise(method, list(ratios.values())))
    return made


def _projection(method: Method, name: str, before: HeadProblem, after: HeadProblem) -> Spec:
    clouds = plane(before.features, after.features)
    panels = [
        {"title": title, "x": cloud[:, 0], "y": cloud[:, 1], "labels": before.signs}
        for title, cloud in zip(("before training", "after training"), clouds, strict=True)
    ]
    return projection(
        f"states-{method}-{name}",
        f"Hidden states of {name}: {METHOD_NAMES[method]}",
        "Final hidden states of the training statements by preferred answer, on the principal axes of both clouds.",
        panels,
        label_names={"1": "Yes preferred", "-1": "No preferred"},
        paper="statement embeddings before and after training",
    )


def _figures(before: HeadProblem, after: HeadProblem) -> list[float]:
    return [_number(getattr(problem, figure)) for figure in FIGURES for problem in (before, after)]


def _table(method: Method, rows: list[list[Any]]) -> Spec:
    columns = [f"{label} {when}" for label in FIGURES.values() for when in ("before", "after")]
    return {
        "id": f"geometry-{method}",
        "title": f"Geometry before and after training alone: {METHOD_NAMES[method]}",
        "columns": ["behaviour", *columns],
        "rows": rows,
    }


def _ratios(method: Method, ratios: dict[str, float]) -> Spec:
    return bars(
        f"distinguishability-ratio-{method}",
        f"Distinguishability after training over before: {METHOD_NAMES[method]}",
        "Each behaviour trained alone.",
        [{"name": name, "value": ratio, "interval": None, "group": ""} for name, ratio in ratios.items()],
        y_label="δ after / δ before",
        lines=[line(1.0, "equal")],
        paper="distinguishability before and after training",
    )


def _rise(method: Method, ratios: list[float]) -> Measurement:
    finite = [ratio for ratio in ratios if math.isfinite(ratio)]
    value, interval = intervals.mean(finite)
    return Measurement(
        f"{NAME}.distinguishability-ratio.{method}",
        f"training raises distinguishability ({METHOD_NAMES[method]}): mean ratio after/before",
        value,
        interval,
        intervals.over("behaviours", len(finite)),
        len(finite),
    )


def _number(measured: Any) -> float:
    return float(measured.value)
