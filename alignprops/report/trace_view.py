"""`alignprops-trace/1`: the curves of a training run by behaviour, and its hidden states before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alignprops.dynamics.projection import plane
from alignprops.report.experiment import PlainTable
from alignprops.report.figures.specs import Cloud, Curves, Figure, Line, Panel, Projection, Series
from alignprops.trace import Trace

#: More behaviours than this are not projected: each takes two panels.
PROJECTED = 8
SPLITS = {"train": "solid", "evaluation": "dashed"}
#: Column of an evaluation: the name of its panel, of its axis, and a reference line.
LEARNING = {
    "loss": ("loss", "loss", None),
    "accuracy": ("accuracy", "share of pairs ranked right", Line("y", 0.5, "chance")),
    "margin": ("margin", "mean margin", Line("y", 0.0, "")),
}
LIKELIHOOD = {
    "chosen_change": ("chosen responses", "change of log π", Line("y", 0.0, "")),
    "rejected_change": ("rejected responses", "change of log π", Line("y", 0.0, "")),
    "displaced": ("displaced pairs", "share whose chosen response lost", None),
}
STEPS = {
    "loss": ("loss of the step's batch", "loss"),
    "gradient_norm": ("gradient", "‖∇L‖"),
    "head_change": ("head change", "‖W − W₀‖"),
    "parameter_change": ("parameter change", "‖θ − θ₀‖"),
}


def read_trace(folder: Path) -> Trace:
    """Open a trace; what is half-written, edited or of another version is refused there."""
    return Trace.open(folder)


def trace_figures(trace: Trace) -> tuple[Figure, ...]:
    """Every figure that the trace has the columns for."""
    return (*_evaluations(trace), *_steps(trace), *_projection(trace))


def trace_tables(trace: Trace) -> tuple[PlainTable, ...]:
    """Where the run began and where it stands, by behaviour."""
    found = trace.evaluations
    split = next((split for split in ("evaluation", "train") if f"{split}.accuracy" in found), None)
    if split is None or not len(found["step"]):
        return ()
    counts = trace.metadata["counts"].get(split, [None] * len(trace.behaviours))
    rows = [
        (name, counts[at], *(float(found[f"{split}.{column}"][when, at]) for column in LEARNING for when in (0, -1)))
        for at, name in enumerate(trace.behaviours)
    ]
    told = "the evaluation pairs" if split == "evaluation" else "the training pairs"
    columns = ("behaviour", "pairs", *(f"{column} {when}" for column in LEARNING for when in ("at first", "at last")))
    return (PlainTable(f"The first and the last evaluation, on {told}.", columns, tuple(rows)),)


def trace_notice(trace: Trace) -> str:
    """How a run ended that did not come to its last step; nothing of one that did."""
    if trace.finished:
        return ""
    last = int(trace.steps["step"][-1]) if len(trace.steps["step"]) else 0
    after = f"after step {last}" if last else "before its first step was recorded"
    if trace.end is None:
        return f"Cut short {after}, or still going on: nothing was recorded of its end."
    message = str(trace.end.get("message", ""))
    return f"{str(trace.end['status']).capitalize()} {after}{f': {message}' if message else ''}."


def settings_table(trace: Trace) -> PlainTable:
    """What the run was asked to do; what it was not told is left out."""
    rows = [(name.replace("_", " "), value) for name, value in trace.settings.items() if value is not None]
    told = [(name, ", ".join(map(str, value)) if isinstance(value, list) else value) for name, value in rows]
    return PlainTable("The settings of the run.", ("setting", "value"), tuple(told))


def _evaluations(trace: Trace) -> list[Figure]:
    captions = {
        "learning": (
            LEARNING,
            "Learning, by behaviour",
            "Loss, accuracy and mean margin, on the training pairs (solid) and the evaluation pairs (dashed).",
        ),
        "likelihood": (
            LIKELIHOOD,
            "Likelihood of the responses, by behaviour",
            "Mean change of log-probability against the reference; the share of pairs whose chosen response lost.",
        ),
    }
    figures = []
    for name, (columns, title, caption) in captions.items():
        panels = [_panel(trace, column, *told) for column, told in columns.items()]
        shown = tuple(panel for panel in panels if panel.series)
        if shown:
            figures.append(Figure(name, title, Curves(shown), caption))
    return figures


def _panel(trace: Trace, column: str, title: str, y_label: str, line: Line | None) -> Panel:
    found = trace.evaluations
    series = [
        Series(behaviour, found["step"].astype(np.float64), found[f"{split}.{column}"][:, at], style)
        for split, style in SPLITS.items()
        if f"{split}.{column}" in found
        for at, behaviour in enumerate(trace.behaviours)
    ]
    return Panel(title, y_label, tuple(series), () if line is None else (line,))


def _steps(trace: Trace) -> list[Figure]:
    steps = trace.steps["step"].astype(np.float64)
    panels = [
        Panel(title, y_label, (Series("", steps, trace.steps[column]),))
        for column, (title, y_label) in STEPS.items()
        if column == "loss" or np.any(trace.steps[column] != 0)
    ]
    if not len(steps):
        return []
    caption = (
        "The loss of each step's batch before the update, the norm of its gradient, and how far the weights moved."
    )
    return [Figure("steps", "The run, step by step", Curves(tuple(panels)), caption)]


def _projection(trace: Trace) -> list[Figure]:
    """Each behaviour on the principal components of both times together."""
    start, end = trace.states_start, trace.states_end
    if start is None or end is None or len(start["features"]) < 2 or start["features"].shape != end["features"].shape:
        return []
    panels = []
    for at, name in list(enumerate(trace.behaviours))[:PROJECTED]:
        rows = start["behaviours"] == at
        if rows.sum() < 2:
            continue
        clouds = plane(*(states["features"][rows].astype(np.float64) for states in (start, end)))
        for when, x in zip(("before", "after"), clouds, strict=True):
            panels.append(Cloud(f"{name}, {when}", x[:, 0], x[:, 1], start["signs"][rows]))
    names = {1: "first answer preferred", -1: "second answer preferred", 0: "whole responses"}
    present = {label: names.get(label, str(label)) for label in sorted({int(sign) for sign in start["signs"]})}
    content = Projection(tuple(panels), present, "first principal component", "second principal component")
    caption = (
        "Final hidden states at the last prompt position, before and after training, on the first two principal "
        "components of both together, behaviour by behaviour."
    )
    return [Figure("projection", "Hidden states before and after", content, caption)] if panels else []
