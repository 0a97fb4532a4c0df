"""`alignprops measure MODEL PREFERENCES`: what the theory says of a model and its preference data."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alignprops._errors import InputError
from alignprops.commands.options import add_json, emit, require_result_place
from alignprops.measurement import Measurement, extract, measure, require_positive
from alignprops.models.feature_file import PreferenceFeatures
from alignprops.models.progress import show_progress
from alignprops.options import DTYPES
from alignprops.report.terminal import STYLES, for_stdout
from alignprops.results import Verdict
from alignprops.subjects.observed import BETA, STEPS

#: What the columns mean; those of a narrow terminal first.
LEGEND = """\
δ       preference distinguishability ‖μ₊ − μ₋‖
‖z̄‖     mean shift: sets the initial update rate β‖z̄‖/√2
λ, ρ    curvature: the largest, and along the mean shift
offset  share of the common offset in the features
acc₁ ≥  accuracy after one step, and its bound ‖z̄‖²/ρ
cert.   accuracy certified before training, @ after how many steps"""
WIDE_LEGEND = """
conc.   concentration: the larger class's covariance spectral norm; trace likewise
rate    initial update rate"""
#: Columns: heading, figure, and whether only a wide terminal shows it.
COLUMNS = (
    ("δ", "distinguishability", False),
    ("conc.", "concentration", True),
    ("trace", "trace", True),
    ("‖z̄‖", "mean_shift", False),
    ("λ", "curvature", False),
    ("ρ", "curvature_along_shift", False),
    ("offset", "common_offset_share", False),
    ("rate", "initial_update_rate", True),
    ("acc₁", "first_step_accuracy", False),
    ("≥", "first_step_accuracy_bound", False),
)
#: Width from which all columns are shown, and what is left of a behaviour's name at least.
WIDE, SHORTEST_NAME = 112, 9


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "measure",
        help="a language model and its preference data: geometry, predictions, claims",
        description="Without arguments the built-in model is measured on statements that alignprops generates.",
    )
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="a local folder, or a hub id, of a causal language model"
    )
    parser.add_argument("preferences", metavar="PREFERENCES", nargs="*", help="JSONL files, or a folder of them")
    parser.add_argument("--behaviours", metavar="A,B", help="only these behaviours")
    parser.add_argument("--max-statements", metavar="N", type=int, help="only the first N statements of each behaviour")
    parser.add_argument("--beta", metavar="X", type=float, default=BETA, help=f"DPO's beta (default: {BETA})")
    parser.add_argument(
        "--steps", metavar="N", type=int, default=STEPS, help=f"steps of the observed run (default: {STEPS})"
    )
    parser.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="what the model computes in (default: float32)"
    )
    parser.add_argument("--device", metavar="DEVICE", default="cpu", help="cpu, cuda, cuda:0 … (default: cpu)")
    parser.add_argument("--batch-size", metavar="N", type=int, default=32, help="statements read at once (default: 32)")
    parser.add_argument("--features", metavar="FILE", help="measure these saved features instead of a model")
    parser.add_argument("--save-features", metavar="FILE", help="keep the features for --features")
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Measure, print the table, and fail if a claim is refuted or in error."""
    for path in (arguments.json, arguments.save_features):
        require_result_place(path)
    require_positive(arguments.beta, arguments.steps)
    features = _features(arguments)
    if arguments.save_features is not None:
        features.save(arguments.save_features)  # before the claims: an interruption keeps what was read
    with show_progress("checking claims") as checking:
        measured = measure(features=features, beta=arguments.beta, steps=arguments.steps, checking=checking)
    emit(arguments, measured.to_json(), for_stdout(*_told(measured)))
    return int(any(claim.verdict.fails for claim in measured.claims))


def _features(arguments: argparse.Namespace) -> PreferenceFeatures:
    behaviours = None if arguments.behaviours is None else [name.strip() for name in arguments.behaviours.split(",")]
    if arguments.features is not None:
        if arguments.model is not None:
            raise InputError("--features stands for a model and its preferences; give one or the other")
        return PreferenceFeatures.load(arguments.features).select(behaviours, arguments.max_statements)
    with show_progress("reading statements") as reading:
        return extract(
            arguments.model,
            arguments.preferences or None,
            behaviours=behaviours,
            max_statements=arguments.max_statements,
            dtype=arguments.dtype,
            device=arguments.device,
            batch_size=arguments.batch_size,
            progress=reading,
        )


# --- the table ---------------------------------------------------------------------------------------------------


def _told(measured: Measurement) -> list[RenderableType]:
    features = measured.features
    head = f"{features.model}: width {features.width}, {features.unembedding.shape[0]} tokens, read in {features.dtype}"
    notes = [head, f"answers {features.positive_text!r} / {features.negative_text!r}; {features.policy}"]
    if features.head_scale != 1:
        notes.append(f"logits = c·W x with c = {features.head_scale:g}, folded into x")
    if features.tied:
        notes.append("the head is tied to the input embedding: the observed run trains a copy")
    if contradictory := sum(behaviour.contradictory for behaviour in features.behaviours):
        notes.append(f"prompts that are answered both ways, and kept: {contradictory}")
    wide = Console().width >= WIDE
    legend = LEGEND + WIDE_LEGEND if wide else LEGEND
    return [
        Text("\n".join(notes)),
        Text(""),
        _table(measured, wide=wide),
        Text(legend, style="dim"),
        Text(""),
        _claims(measured),
    ]


def _table(measured: Measurement, *, wide: bool) -> Table:
    columns = [(heading, figure) for heading, figure, only_wide in COLUMNS if wide or not only_wide]
    rows = sorted(measured.behaviours.items(), key=lambda row: -(row[1]["distinguishability"] or 0))
    headings = ["n", *(heading for heading, _ in columns), "cert."]
    cells = [
        [
            str(figures["n"]),
            *(_short(figures[figure]) for _, figure in columns),
            _certificate(figures["accuracy_certificate"]),
        ]
        for _, figures in rows
    ]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    room = Console().width - sum(widths) - 2 * len(widths)  # names give way, numbers do not
    told = _shortened([name for name, _ in rows], max(room, SHORTEST_NAME))
    table.add_column("behaviour", overflow="fold")
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    for (name, _), line in zip(rows, cells, strict=True):
        table.add_row(Text(told[name]), *line)
    return table


def _shortened(names: list[str], width: int) -> dict[str, str]:
    """Names cut at the end, and those that would look alike in the middle; whole where no cut tells them apart."""
    told = {name: _cut(name, width, 0) for name in names}
    for alike in [[name for name in names if told[name] == cut] for cut in set(told.values())]:
        for tail in range(1, width):
            if len({told[name] for name in alike}) == len(alike):
                break
            told |= {name: _cut(name, width, tail) for name in alike}
    return told if len(set(told.values())) == len(names) else {name: name for name in names}


def _cut(name: str, width: int, tail: int) -> str:
    """At most `width` characters of a name, the last `tail` of them from its end."""
    return name if len(name) <= width else f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def _certificate(certificate: dict[str, Any]) -> str:
    best = max(range(len(certificate["steps"])), key=lambda at: certificate["accuracy"][at])
    return f"{certificate['accuracy'][best]:.2f}@{certificate['steps'][best]}"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _claims(measured: Measurement) -> Text:
    counts = Counter(claim.verdict for claim in measured.claims)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    run = measured.observed
    text = Text(
        f"{len(measured.claims)} claims observed on head-only DPO runs: {told}\n"
        f"(β = {run.beta:g}, {run.steps} steps at half the largest step size of premise (S))"
    )
    reasons = Counter(claim.reason for claim in measured.claims if claim.verdict is Verdict.NOT_APPLICABLE)
    for reason, count in reasons.items():
        text.append(f"\n{count} not applicable: {reason}", style="dim")
    for claim in measured.claims:
        if claim.verdict.fails:
            text.append(f"\n{claim.verdict.value}  {claim.id}: {claim.reason}", style=STYLES[claim.verdict.value])
    return text
