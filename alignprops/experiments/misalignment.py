"""Misalignment: the labels flipped, from the base model and from the model aligned before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alignprops.experiments import intervals
from alignprops.experiments.claims import head_claims
from alignprops.experiments.document import Experiment, Measurement
from alignprops.experiments.figures import Spec, bars, curves, line, panel
from alignprops.experiments.lab import Lab, of_states
from alignprops.experiments.learning_speed import METHOD_NAMES, alone
from alignprops.experiments.series_of import average, curve, mean_curve, steps_to
from alignprops.results import Result
from alignprops.subjects.observed import ObservedHead
from alignprops.trace import Trace
from alignprops.training.settings import Method

NAME, TITLE = "misalignment", "Misalignment of an aligned model"
SUMMARY = (
    "Im and Li (ICML 2024, arXiv:2403.18742) show that an aligned model is more easily misaligned. Labels are "
    "flipped, and the base model and its aligned version are trained on them, each its own reference. The ratio of "
    "initial rates of head-only training is that of the mean shifts before and after (LD-3, an identity on each "
    "model; LD-14 says when one training step makes it larger than 1). That fine-tuning makes it larger, and how much "
    "faster flipped labels are learned, are measurements, with intervals over behaviours."
)
#: The accuracy whose first step is told.
ACCURACY = 0.9


@dataclass(frozen=True, slots=True)
class Flips:
    """The flipped runs of one behaviour."""

    base: Trace
    aligned: Trace
    ratio: float
    """Initial rate of head-only training of the aligned model over that of the base model."""

    @property
    def gradients(self) -> float:
        """The gradient norm of the run's own first step, aligned over base (the same pairs in both)."""
        base, aligned = (float(trace.steps["gradient_norm"][0]) for trace in (self.base, self.aligned))
        return aligned / base if base > 0 else math.nan


def run(lab: Lab) -> Experiment:
    """Run the experiment, for every method that moves the features."""
    made = Experiment(NAME, TITLE, SUMMARY)
    for method in lab.plan.tuned:
        found = {name: _flips(lab, method, name) for name in lab.names}
        made.figures += [_mean_curves(method, found), _curves(method, found), _ratios(method, found)]
        made.measurements += _measured(method, found)
        made.tables.append(_table(method, found))
        made.traces += [lab.relative(trace) for flips in found.values() for trace in (flips.base, flips.aligned)]
    if lab.plan.tuned:
        made.claims += aligned_head_claims(lab)
    return made


def _flips(lab: Lab, method: Method, name: str) -> Flips:
    before = alone(lab, method, name)
    start, end = before.states_start, before.states_end
    assert start is not None
    assert end is not None
    rates = [float(of_states(states, eta=1.0, beta=lab.plan.beta).mean_shift.value) for states in (start, end)]
    base = lab.run(method, [name], flip=True, what=f"flipped/{method}/{name}")
    model = lab.trained(before)
    aligned = lab.run(method, [name], flip=True, start=model, what=f"flipped-after/{method}/{name}")
    return Flips(base, aligned, rates[1] / rates[0] if rates[0] > 0 else math.nan)


def aligned_head_claims(lab: Lab) -> list[Result]:
    """The theorems about a trained head on flipped labels, under the last method's model of the first behaviour."""
    method, name = lab.plan.tuned[-1], lab.names[0]
    features = lab.features_after(alone(lab, method, name), name, flip=True)
    runs = ObservedHead.of(features, beta=lab.plan.beta, steps=lab.plan.head_steps)
    return head_claims(lab, runs)


def _mean_curves(method: Method, found: dict[str, Flips]) -> Spec:
    base, aligned = ([getattr(flips, which) for flips in found.values()] for which in ("base", "aligned"))
    panels = [
        panel(
            label,
            label.lower(),
            [mean_curve(base, figure, "from the base model"), mean_curve(aligned, figure, "from the aligned model")],
            lines,
        )
        for figure, label, lines in (
            ("loss", "Loss on flipped labels", [line(math.log(2), "log 2")]),
            ("accuracy", "Accuracy on flipped labels", []),
        )
    ]
    return curves(
        f"misalignment-{method}",
        f"Flipped labels, base against aligned: {METHOD_NAMES[method]}",
        "Mean over behaviours, with the range between the quartiles.",
        panels,
        paper="misalignment training",
    )


def _curves(method: Method, found: dict[str, Flips]) -> Spec:
    panels = [
        panel(
            name,
            "loss",
            [curve(flips.base, "loss", "from the base model"), curve(flips.aligned, "loss", "from the aligned model")],
        )
        for name, flips in found.items()
    ]
    return curves(
        f"misalignment-each-{method}",
        f"Flipped labels by behaviour: {METHOD_NAMES[method]}",
        "Training loss on flipped labels, from the base model and from its aligned version.",
        panels,
        paper="misalignment training",
    )


def _ratios(method: Method, found: dict[str, Flips]) -> Spec:
    return bars(
        f"initial-rates-{method}",
        f"Ratio of initial rates, aligned over base: {METHOD_NAMES[method]}",
        "The head's initial rate on flipped labels is β‖z̄‖/√2 under each model (LD-3); above 1: aligned is faster.",
        [{"name": name, "value": flips.ratio, "interval": None, "group": ""} for name, flips in found.items()],
        y_label="ratio of initial rates",
        lines=[line(1.0, "equal")],
        paper="aligned models are misaligned faster",
    )


def _measured(method: Method, found: dict[str, Flips]) -> list[Measurement]:
    told = METHOD_NAMES[method]
    faster = sum(_area(flips.aligned) < _area(flips.base) for flips in found.values())
    return [
        *_ratio(
            f"rate-ratio.{method}",
            f"head-only training on flipped labels, the model aligned by {told}: initial rate",
            [flips.ratio for flips in found.values()],
        ),
        *_ratio(
            f"gradient-ratio.{method}",
            f"{told} on flipped labels: gradient norm of the run's own first step",
            [flips.gradients for flips in found.values()],
        ),
        Measurement(
            f"{NAME}.faster.{method}",
            f"the aligned model's loss on flipped labels is lower, averaged over the run ({told}): share of behaviours",
            faster / len(found),
            intervals.share(faster, len(found)),
            "exact binomial (Clopper–Pearson)",
            len(found),
        ),
        _head_start(method, found),
    ]


def _ratio(name: str, statement: str, ratios: list[float]) -> list[Measurement]:
    """The geometric mean of ratios, and how many are above 1."""
    usable = [ratio for ratio in ratios if math.isfinite(ratio) and ratio > 0]
    value, interval = intervals.mean([math.log(ratio) for ratio in usable])
    above = sum(ratio > 1 for ratio in usable)
    return [
        Measurement(
            f"{NAME}.{name}",
            f"{statement}, aligned over base, geometric mean",
            math.exp(value),
            None if interval is None else (math.exp(interval[0]), math.exp(interval[1])),
            f"of logarithms: {intervals.over('behaviours', len(usable))}",
            len(usable),
        ),
        Measurement(
            f"{NAME}.{name}.above-one",
            f"{statement}, aligned over base: share of behaviours above 1",
            above / len(usable) if usable else None,
            intervals.share(above, len(usable)),
            "exact binomial (Clopper–Pearson)",
            len(usable),
        ),
    ]


def _head_start(method: Method, found: dict[str, Flips]) -> Measurement:
    """How many steps sooner the aligned model reaches the accuracy, behaviour by behaviour."""
    steps = [(steps_to(flips.base, ACCURACY), steps_to(flips.aligned, ACCURACY)) for flips in found.values()]
    saved = [float(base - aligned) for base, aligned in steps if base is not None and aligned is not None]
    base, aligned = (sum(pair[place] is not None for pair in steps) for place in (0, 1))
    value, interval = intervals.mean(saved)
    every = next(iter(found.values())).base.settings["evaluate_every"]
    return Measurement(
        f"{NAME}.steps-saved.{method}",
        f"steps by which the aligned model is sooner at an accuracy of {ACCURACY} on flipped labels "
        f"({METHOD_NAMES[method]}): mean of the differences, where both reach it (the base model does for {base} of "
        f"{len(found)} behaviours, the aligned one for {aligned})",
        value,
        interval,
        f"{intervals.over('behaviours', len(saved))}; steps are known to {every}",
        len(saved),
        "steps",
    )


def _area(trace: Trace) -> float:
    return average(trace, "loss")


def _table(method: Method, found: dict[str, Flips]) -> Spec:
    rows = [
        [
            name,
            flips.ratio,
            flips.gradients,
            steps_to(flips.base, ACCURACY),
            steps_to(flips.aligned, ACCURACY),
            _area(flips.base),
            _area(flips.aligned),
        ]
        for name, flips in found.items()
    ]
    return {
        "id": f"flips-{method}",
        "title": f"Flipped labels, {METHOD_NAMES[method]}: ratio of rates, first step of accuracy {ACCURACY}, loss",
        "columns": [
            "behaviour",
            "ratio, head only",
            "ratio of gradients",
            "steps, base",
            "steps, aligned",
            "mean loss, base",
            "mean loss, aligned",
        ],
        "rows": rows,
    }
