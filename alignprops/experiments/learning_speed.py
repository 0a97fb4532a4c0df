"""Distinguishability and learning speed: each behaviour trained alone, by every method."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alignprops.dynamics.predictions import Predictions, predict
from alignprops.experiments import intervals
from alignprops.experiments.claims import first_step_claims, head_claims
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, curves, line, panel, scatter, series
from alignprops.experiments.head_runs import largest_difference
from alignprops.experiments.lab import Lab
from alignprops.experiments.series_of import at_last, average, curve, of, of_steps
from alignprops.trace import Trace
from alignprops.training.settings import Method

NAME, TITLE = "learning-speed", "Distinguishability and learning speed"
SUMMARY = (
    "Im and Li (ICML 2024, arXiv:2403.18742) claim that the distribution of preference data sets the rate of model "
    "updates, and give guarantees on the training accuracy. Each behaviour is trained alone. On head runs the bounds "
    "are theorems, and the measured curves lie within the bands. How much faster LoRA and full fine-tuning learn more "
    "distinguishable behaviours is a measurement: a rank correlation with its interval. The first step of every "
    "method is predicted to first order from one gradient."
)
METHOD_NAMES = {"head": "head only", "lora": "LoRA", "full": "full fine-tuning"}


def run(lab: Lab) -> Experiment:
    """Run the experiment."""
    made = Experiment(NAME, TITLE, SUMMARY)
    traces = {method: {name: alone(lab, method, name) for name in lab.names} for method in lab.plan.methods}
    for method, runs in traces.items():
        made.figures.append(_curves(method, runs))
        made.traces += [lab.relative(trace) for trace in runs.values()]
    if "head" in traces:
        made.figures += _bands(lab, traces["head"])
        made.claims += head_claims(lab)
        made.tables.append(_agreement(lab, traces["head"]))
    distinguishability = {name: float(lab.problem(name).distinguishability.value) for name in lab.names}
    made.figures.append(_speeds(traces, distinguishability, made.measurements))
    claims, rows = first_step_claims(lab, lab.names)
    made.claims += claims
    if rows:
        made.tables.append(_first_steps(rows))
    return made


def alone(lab: Lab, method: Method, name: str) -> Trace:
    """The run of one behaviour, shared by the experiments."""
    return lab.head_run(name) if method == "head" else lab.run(method, [name], what=f"alone/{method}/{name}")


def speed(trace: Trace) -> float:
    """How fast a run learned: the fall of the training loss, averaged over the run."""
    return math.log(2) - average(trace, "loss")


def _curves(method: Method, runs: dict[str, Trace]) -> Spec:
    moved = "head_change" if method == "head" else "parameter_change"
    label = "‖W_t − W_0‖" if method == "head" else "‖θ_t − θ_0‖"
    panels = [
        panel("Training loss", "loss", [curve(trace, "loss", name) for name, trace in runs.items()], [_chance()]),
        panel("Training accuracy", "accuracy", [curve(trace, "accuracy", name) for name, trace in runs.items()]),
        panel(
            "Held-out accuracy",
            "accuracy",
            [curve(trace, "accuracy", name, split="evaluation") for name, trace in runs.items()],
        ),
        panel("Distance moved", label, [series(name, *of_steps(trace, moved)) for name, trace in runs.items()]),
    ]
    return curves(
        f"curves-{method}",
        f"Each behaviour alone: {METHOD_NAMES[method]}",
        "Loss, accuracy and distance from the start of DPO on one behaviour at a time.",
        panels,
        paper="loss and accuracy of each behaviour trained alone",
    )


def _chance() -> Spec:
    return line(math.log(2), "log 2")


def _bands(lab: Lab, runs: dict[str, Trace]) -> list[Spec]:
    """The measured head runs within what the theorems allow."""
    predicted = {name: predict(lab.problem(name)) for name in runs}
    growth = [
        panel(name, "‖W_t − W_0‖", [_banded("measured", *of_steps(trace, "head_change"), _growth(predicted[name]))])
        for name, trace in runs.items()
    ]
    losses = [
        panel(name, "loss", [_banded("measured", *of(trace, "loss"), _losses(predicted[name]))])
        for name, trace in runs.items()
    ]
    accuracies = [panel(name, "accuracy", _certified(trace, predicted[name])) for name, trace in runs.items()]
    return [
        curves(
            "bounds-head-change",
            "The head's movement within its bounds",
            "Measured movement of the unembedding; the band is what update-rate.upper-bound (LD-4) and "
            "update-rate.lower-bound (LD-5) allow from the data.",
            growth,
            paper="the mean shift of the data sets the rate of the updates",
        ),
        curves(
            "bounds-loss",
            "The loss within its bounds",
            "Training loss, and the band that loss.any-step (LD-6) and accuracy.certificate (LD-8) allow.",
            losses,
            paper="more distinguishable behaviours: the loss falls faster",
        ),
        curves(
            "bounds-accuracy",
            "Accuracy, and what is certified before training",
            "Training accuracy (solid), and what accuracy.certificate (LD-8, dashed) certifies before any run; it "
            "grows with the number of steps, and says little while the loss is near log 2.",
            accuracies,
            share_y=True,
            paper="guarantee on the training accuracy",
        ),
    ]


def _banded(name: str, steps: Any, values: Any, band: tuple[Any, Any, str]) -> Spec:
    """A curve with the band at the steps that the curve has; at step 0 nothing has moved."""
    low, high, label = band
    places = np.asarray(steps, dtype=np.int64)
    return series(name, steps, values, band=(low[places], high[places], label))


def _growth(found: Predictions) -> tuple[Any, Any, str]:
    return _from_start(found.head_change_low, 0.0), _from_start(found.head_change_high, 0.0), "LD-4, LD-5"


def _losses(found: Predictions) -> tuple[Any, Any, str]:
    start = math.log(2)
    return _from_start(found.loss_low, start), _from_start(found.loss_high, start), "LD-6, LD-8"


def _from_start(values: Any, start: float) -> Any:
    return np.concatenate([[start], values])


def _certified(trace: Trace, found: Predictions) -> list[Spec]:
    certificate = series("certified (LD-8)", found.t, found.accuracy_certificate, style="dashed")
    return [curve(trace, "accuracy", "measured"), certificate]


def _agreement(lab: Lab, runs: dict[str, Trace]) -> Spec:
    """The runs of the trace against the engine that the theorems are observed on."""
    rows = [
        [name, at_last(trace, "loss"), largest_difference(trace, lab.problem(name))] for name, trace in runs.items()
    ]
    return {
        "id": "head-agreement",
        "title": "Head runs against the last-layer engine that the theorems are observed on",
        "columns": ["behaviour", "final loss", "largest relative difference"],
        "rows": rows,
    }


def _speeds(
    traces: dict[Method, dict[str, Trace]], distinguishability: dict[str, float], measured: list[Measurement]
) -> Spec:
    points, notes = [], []
    for method, runs in traces.items():
        speeds = {name: speed(trace) for name, trace in runs.items()}
        points += [
            {
                "name": name,
                "x": distinguishability[name],
                "y": speeds[name],
                "group": METHOD_NAMES[method],
                "y_interval": None,
            }
            for name in runs
        ]
        measured.append(_correlation(method, [distinguishability[name] for name in runs], list(speeds.values())))
        notes.append(f"{METHOD_NAMES[method]} {_shown(measured[-1].value)}")
    return scatter(
        "speed",
        "Distinguishability against learning speed",
        "A point is one behaviour trained alone; speed is the fall of the training loss, averaged over the run.",
        points,
        x_label="preference distinguishability δ",
        y_label="mean fall of the loss",
        y_scale="log",
        note="Spearman: " + ", ".join(notes),
        paper="distinguishability decides the speed of learning",
    )


def _correlation(method: Method, distinguishability: list[float], speeds: list[float]) -> Measurement:
    value, interval = intervals.rank_correlation(distinguishability, speeds)
    return Measurement(
        f"{NAME}.rank-correlation.{method}",
        f"more distinguishable behaviours learn faster ({METHOD_NAMES[method]}): Spearman's rank correlation of "
        "distinguishability with the mean fall of the training loss",
        value,
        interval,
        intervals.of_order(distinguishability, speeds),
        len(speeds),
    )


def _shown(value: float | None) -> str:
    return "not defined" if value is None or math.isnan(value) else f"{value:.2f}"


#: Columns of the table of first steps: heading, and the figure.
FIRST_STEPS = {
    "method": "method",
    "behaviour": "behaviour",
    "η": "eta",
    "margin at η": "margin",
    "2η‖G‖²": "predicted margin",
    "margin at η/2": "half margin",
    "fall at η": "fall",
    "η‖G‖²": "predicted fall",
    "order": "order",
}


def _first_steps(rows: list[dict[str, Any]]) -> Spec:
    return {
        "id": "first-steps",
        "title": "The first step, actual and predicted, and the order of the margin's remainder (2: quadratic)",
        "columns": list(FIRST_STEPS),
        "rows": [[row[figure] for figure in FIRST_STEPS.values()] for row in rows],
    }
