"""`alignprops reproduce NAME`: the paper's experiments, run on a model and its preferences."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alignprops.models.progress import show_progress
from alignprops.options import DTYPES
from alignprops.report.terminal import STYLES, for_stdout

#: Names of the experiments, here too so that `--help` reads no model library; a test holds them to the table.
NAMES = ("learning-speed", "prioritisation", "misalignment", "geometry", "responses", "extensions")


def add_to(verbs: Any) -> None:
    """Add the verb to the command line."""
    verb = verbs.add_parser(
        "reproduce",
        help="the paper's experiments on a model and its preferences",
        description="Run experiments: theorems are checked, tendencies are measured. Everything is kept in the output "
        "folder (traces, NAME.json, figures, report.html); what is there already is used again.",
    )
    verb.add_argument("names", nargs="+", metavar="NAME", help=f"all, or some of {', '.join(NAMES)}")
    verb.add_argument("--model", metavar="MODEL", help="a folder or hub id (default: the built-in model)")
    verb.add_argument("--preferences", metavar="PATH", action="append", help="persona statements (repeatable)")
    verb.add_argument("--responses", metavar="FILE", help="pairs of whole responses (default: generated)")
    verb.add_argument("--output", metavar="DIR", default="alignprops-reproduction", help="where everything is kept")
    verb.add_argument("--methods", metavar="A,B", default="head,lora,full", help="of head, lora, full (default: all)")
    verb.add_argument("--behaviours", metavar="A,B", help="only these (default: the first eight)")
    for name, kind, text in (
        ("max-statements", int, "statements of each behaviour, at most (default: 200)"),
        ("max-pairs", int, "pairs of responses, at most (default: 200)"),
        ("steps", int, "updates of a fine-tuning run (default: 40)"),
        ("head-steps", int, "updates of a head run (default: 100)"),
        ("batch-size", int, "statements of an update (default: 16)"),
        ("seed", int, "of splits, orders and adapters (default: 0)"),
        ("beta", float, "DPO's β (default: 0.1)"),
    ):
        verb.add_argument(f"--{name}", type=kind, metavar="X" if kind is float else "N", help=text)
    verb.add_argument("--dtype", choices=DTYPES, default="float32", help="what the model computes in")
    verb.add_argument("--device", default="cpu", metavar="DEVICE", help="where the model runs (default: cpu)")
    verb.add_argument("--no-report", action="store_true", help="write neither report.html nor figures")
    verb.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Run the verb; 1 if a theorem was refuted."""
    from alignprops.experiments.reproduce import reproduce

    if not arguments.no_report:
        from alignprops.report.html import require_extra

        require_extra()  # told before the work, not after it
    folder = Path(arguments.output)
    console = Console(stderr=True)

    def say(text: str) -> None:
        if sys.stderr.isatty():
            console.print(Text(text, style="dim"))

    with show_progress("experiments") as progress:
        made = reproduce(
            arguments.names,
            model=arguments.model,
            preferences=arguments.preferences,
            responses=arguments.responses,
            plan=_plan(arguments),
            folder=folder,
            dtype=arguments.dtype,
            device=arguments.device,
            command=shlex.join(["alignprops", *sys.argv[1:]]),
            say=say,
            progress=progress,
        )
    told: list[RenderableType] = [part for one in made for part in _told(one.experiment)]
    if not arguments.no_report:
        told.append(Text(f"report: {_report(folder, [one.path for one in made])}"))
    sys.stdout.write(for_stdout(*told))
    return 1 if any(one.experiment.failed for one in made) else 0


def _plan(arguments: argparse.Namespace) -> Any:
    from alignprops.experiments.plan import Plan

    given = {
        name: getattr(arguments, name)
        for name in ("max_statements", "max_pairs", "steps", "head_steps", "batch_size", "seed", "beta")
        if getattr(arguments, name) is not None
    }
    if arguments.behaviours:
        given["behaviours"] = tuple(name for name in arguments.behaviours.split(",") if name)
    return Plan(methods=Plan.methods_of([name for name in arguments.methods.split(",") if name]), **given)


def _report(folder: Path, paths: list[Path]) -> str:
    from alignprops.report.html import write_report

    return str(write_report(paths, folder / "report.html", figures=folder / "figures"))


def _told(experiment: Any) -> list[RenderableType]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in experiment.counts().items()) or "none"
    text = Text.assemble((experiment.title, "bold"), f"\nclaims: {counts}")
    for claim in experiment.failed:
        text.append(f"\n{claim.verdict.value}  {claim.id}: {claim.reason}", style=STYLES[claim.verdict.value])
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("measured", overflow="fold")
    for heading in ("value", "95 % interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for measured in experiment.measurements:
        low_high = "–" if measured.interval is None else f"[{measured.interval[0]:.3g}, {measured.interval[1]:.3g}]"
        value = "–" if measured.value is None else f"{measured.value:.3g}"
        table.add_row(Text(measured.statement), value, low_high, str(measured.n))
    return [text, table, Text("")]
