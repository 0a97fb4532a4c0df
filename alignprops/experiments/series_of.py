"""Curves read from traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alignprops.experiments.figures import Spec, series
from alignprops.trace import Trace


def of(trace: Trace, figure: str, *, split: str = "train", behaviour: int = 0) -> tuple[Any, Any]:
    """(steps, values) of a figure of one behaviour, at the steps that were evaluated."""
    return trace.evaluations["step"], trace.evaluations[f"{split}.{figure}"][:, behaviour]


def drawn_from(figure: str) -> slice:
    """Before the first step every margin is 0, which is an error by convention: accuracies are drawn after it."""
    return slice(1 if figure == "accuracy" else 0, None)


def of_steps(trace: Trace, figure: str) -> tuple[Any, Any]:
    """(steps, values) of a figure of every step, 0 before the first."""
    steps, values = trace.steps["step"], trace.steps[figure]
    return np.concatenate([[0], steps]), np.concatenate([[0.0], values])


def curve(
    trace: Trace, figure: str, name: str, *, split: str = "train", behaviour: int = 0, style: str = "solid"
) -> Spec:
    """One behaviour's curve."""
    steps, values = (part[drawn_from(figure)] for part in of(trace, figure, split=split, behaviour=behaviour))
    return series(name, steps, values, style=style)


def at_last(trace: Trace, figure: str, *, split: str = "train", behaviour: int = 0) -> float:
    """The last value of a figure."""
    return float(of(trace, figure, split=split, behaviour=behaviour)[1][-1])


def average(trace: Trace, figure: str, *, split: str = "train", behaviour: int = 0) -> float:
    """The mean of a figure over the run: the area under its curve by the length of the run."""
    steps, values = of(trace, figure, split=split, behaviour=behaviour)
    return float(np.trapezoid(values, steps) / (steps[-1] - steps[0]))


def steps_to(trace: Trace, accuracy: float, *, split: str = "train", behaviour: int = 0) -> int | None:
    """The first evaluated step at which the accuracy is reached; None if it never is."""
    steps, values = of(trace, "accuracy", split=split, behaviour=behaviour)
    reached = np.flatnonzero(values >= accuracy)
    return int(steps[reached[0]]) if len(reached) else None


def mean_curve(traces: Sequence[Trace], figure: str, name: str, *, split: str = "train", style: str = "solid") -> Spec:
    """The mean over runs of the same length, with the range between the quartiles as spread."""
    steps = of(traces[0], figure, split=split)[0][drawn_from(figure)]
    values = np.stack([of(trace, figure, split=split)[1][drawn_from(figure)] for trace in traces])
    low, high = np.quantile(values, [0.25, 0.75], axis=0)
    return series(name, steps, values.mean(axis=0), spread=(low, high), style=style)
