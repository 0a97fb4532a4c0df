"""Pairs of whole responses: training and flipped training, likelihood displacement, implicit-reward accuracy."""

from __future__ import annotations

import math

import numpy as np

from alignprops.experiments import intervals
from alignprops.experiments.claims import first_step, response_claims
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, curves, line, panel
from alignprops.experiments.lab import Lab
from alignprops.experiments.learning_speed import METHOD_NAMES
from alignprops.experiments.series_of import at_last, curve
from alignprops.subjects.tuned import few
from alignprops.trace import Trace
from alignprops.training.settings import Method

NAME, TITLE = "responses", "Pairs of whole responses"
SUMMARY = (
    "DPO on multi-token responses, with the labels as they are and flipped. Likelihood displacement is the share of "
    "pairs whose chosen response became less likely than under the reference; implicit-reward accuracy the share of "
    "pairs whose margin is positive. Both are measurements; held-out pairs have exact binomial intervals. Theorems "
    "are observed beside these runs: the first step on a few pairs (LD-15), and a short head run of gradient descent "
    "on a few pairs cut to a few tokens (LD-20)."
)
KINDS = {False: "as labelled", True: "flipped"}


def run(lab: Lab) -> Experiment:
    """Run the experiment by every method."""
    made = Experiment(NAME, TITLE, SUMMARY)
    for method in lab.plan.methods:
        runs = {flip: lab.response_run(method, flip=flip) for flip in KINDS}
        made.figures.append(_curves(method, runs))
        for flip, trace in runs.items():
            made.measurements += _measured(method, flip, trace)
            made.traces.append(lab.relative(trace))
    if "head" in lab.plan.methods:
        made.claims += response_claims(lab)
    for method in lab.plan.tuned:
        pairs = few(lab.response_split[0], max(2, lab.plan.first_step_pairs // 4), lab.plan.seed)
        made.claims += first_step(lab, method, pairs, f"{lab.model.name}/{method}/responses")[0]
    made.tables.append(_table(lab))
    return made


def _curves(method: Method, runs: dict[bool, Trace]) -> Spec:
    def both(figure: str, split: str = "train") -> list[Spec]:
        return [curve(trace, figure, KINDS[flip], split=split) for flip, trace in runs.items()]

    changes = [
        curve(trace, figure, f"{label}, {KINDS[flip]}", style="solid" if figure == "chosen_change" else "dashed")
        for flip, trace in runs.items()
        for figure, label in (("chosen_change", "chosen"), ("rejected_change", "rejected"))
    ]
    return curves(
        f"responses-{method}",
        f"Whole responses: {METHOD_NAMES[method]}",
        "Loss, implicit-reward accuracy (training and held out), change of the summed log-probabilities against the "
        "reference, and the share of training pairs whose chosen response became less likely.",
        [
            panel("Training loss", "loss", both("loss"), [line(math.log(2), "log 2")]),
            panel("Implicit-reward accuracy, training", "accuracy", both("accuracy")),
            panel(
                "Implicit-reward accuracy, held out", "accuracy", both("accuracy", "evaluation"), [line(0.5, "chance")]
            ),
            panel("Change of log π", "nats", changes, [line(0.0, "reference")]),
            panel("Likelihood displacement", "share of pairs", both("displaced")),
        ],
        paper="training on pairs of responses",
    )


def _measured(method: Method, flip: bool, trace: Trace) -> list[Measurement]:
    told = f"{METHOD_NAMES[method]}, {KINDS[flip]}"
    suffix = f"{method}.{'flipped' if flip else 'plain'}"
    found = []
    for figure, split, statement in (
        (
            "displaced",
            "train",
            "likelihood displacement: share of training pairs whose chosen response became less likely",
        ),
        ("accuracy", "train", "implicit-reward accuracy on the training pairs"),
        ("accuracy", "evaluation", "implicit-reward accuracy on held-out pairs"),
    ):
        trials = int(np.asarray(trace.metadata["counts"][split]).sum())
        value = at_last(trace, figure, split=split)
        found.append(
            Measurement(
                f"{NAME}.{figure}-{split}.{suffix}",
                f"{statement} ({told})",
                value,
                None if split == "train" else intervals.share(round(value * trials), trials),
                "none: the model was fitted to these pairs" if split == "train" else "exact binomial (Clopper–Pearson)",
                trials,
            )
        )
    return found


def _table(lab: Lab) -> Spec:
    train, evaluation = lab.response_split
    rows = [
        [
            split,
            len(pairs),
            float(np.mean([len(ids) for ids in (*pairs.chosen, *pairs.rejected)])),
            float(pairs.prompt_lengths.mean()),
        ]
        for split, pairs in (("training", train), ("held out", evaluation))
    ]
    return {
        "id": "response-pairs",
        "title": "The pairs of responses",
        "columns": ["split", "pairs", "mean tokens of a sequence", "mean tokens of a prompt"],
        "rows": rows,
    }
