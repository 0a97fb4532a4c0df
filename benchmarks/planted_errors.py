"""Errors planted one at a time in a copy of the sources; each must turn the run red (exit code 1).

For every theorem a constant that is off by 5 %, in the direction that makes the statement false; and swapped signs in
the last-layer engine. The working tree is never touched: the packages are copied to a temporary folder, edited there,
and run from there as a user would: `alignprops run ID`, and for the engine the whole suite. First the honest copy runs
as a control. What is to be replaced must be there exactly once: if the sources have moved on, the script stops.

    python -m benchmarks.planted_errors
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("alignprops", "property_suites")
SUITE = "property_suites/learning_dynamics"
BOUNDS = "alignprops/dynamics/bounds.py"
ENGINE = "alignprops/dynamics/last_layer.py"
ALL = "*"


@dataclass(frozen=True, slots=True)
class Plant:
    """`old` becomes `new` in `file`, and the theorems `learning-dynamics.` + `aspect` are run on it.

    In a file of the suite `old` is looked for in what the theorem states, elsewhere in the whole file.
    """

    aspect: str
    file: str
    old: str
    new: str

    @property
    def selection(self) -> str:
        """What `alignprops run` is asked for."""
        return f"learning-dynamics.{self.aspect}"

    def in_text(self, text: str) -> str:
        """The text of the file with the error in it."""
        start, end = self._region(text)
        region = text[start:end]
        if region.count(self.old) != 1:
            raise LookupError(f"{self.file}: {self.old!r} occurs {region.count(self.old)} times for {self.aspect}")
        return text[:start] + region.replace(self.old, self.new) + text[end:]

    def _region(self, text: str) -> tuple[int, int]:
        if not self.file.startswith(SUITE):
            return 0, len(text)
        start = text.index(f'"{self.selection}"')
        return start, text.index("source=", start)


PLANTS = (
    Plant("reduction", f"{SUITE}/reduction.py", "update_norm / sqrt(2)", "21 * update_norm / (20 * sqrt(2))"),
    Plant("secant-form", f"{SUITE}/reduction.py", "margin**2 / 48", "margin**2 / Rational(504, 10)"),
    Plant("initial-rate", BOUNDS, "initial_rate = beta", "initial_rate = 21 * beta / 20"),
    Plant("update-rate.upper-bound", BOUNDS, "linear_growth = eta", "linear_growth = 20 * eta / 21"),
    Plant("update-rate.paid-by-loss", f"{SUITE}/update_rate.py", "eta * t * loss", "20 * eta * t / 21 * loss"),
    Plant("update-rate.lower-bound", BOUNDS, "* c * (t - 1) / 4", "* c * (t - 1) * 5 / 21"),
    Plant("update-rate.direction", f"{SUITE}/update_rate.py", "4 * eta * energy", "20 * 4 * eta * energy / 21"),
    Plant("update-rate.straight-line", f"{SUITE}/update_rate.py", "(t - 1) / 4)", "(t - 1) * 5 / 21)"),
    Plant("loss.first-step", BOUNDS, "curvature_along_shift / 4)  # LD-6", "curvature_along_shift * 5 / 21)  # LD-6"),
    Plant("loss.any-step", BOUNDS, "drop_high = eta * beta**2 * t", "drop_high = 20 * eta * beta**2 * t / 21"),
    Plant("accuracy.second-moment", f"{SUITE}/accuracy.py", ", mean_shift**2)", ", 20 * mean_shift**2 / 19)"),
    Plant("accuracy.from-loss", BOUNDS, "error_per_loss = 1 / log(2)", "error_per_loss = 20 / (21 * log(2))"),
    Plant("accuracy.certificate", BOUNDS, "comparator_steps = t", "comparator_steps = t / 20 + t"),
    Plant("accuracy.fresh-sample", f"{SUITE}/fresh_samples.py", "1 - 2 * exp", "1 - Rational(40, 21) * exp"),
    Plant("priority.first-step", f"{SUITE}/priority.py", "shift_k**2) / 2", "shift_k**2) * 10 / 21"),
    Plant("priority.many-behaviours", f"{SUITE}/priority.py", "first_lead)", "21 * first_lead / 20)"),
    Plant("priority.horizon", f"{SUITE}/priority.py", "t * eta * beta**2 * bend", "20 * t * eta * beta**2 * bend / 21"),
    Plant("symmetry.step-strength", f"{SUITE}/symmetries.py", "other_margins", "21 * other_margins / 20"),
    Plant("symmetry.label-flip", f"{SUITE}/symmetries.py", "-update", "-21 * update / 20"),
    Plant("symmetry.rotation", f"{SUITE}/symmetries.py", "other_margins", "21 * other_margins / 20"),
    Plant("symmetry.duplication", f"{SUITE}/symmetries.py", "other_margins", "21 * other_margins / 20"),
    Plant("symmetry.feature-scale", f"{SUITE}/symmetries.py", "other_margins", "21 * other_margins / 20"),
    Plant("distinguishability-rises", f"{SUITE}/two_layers.py", "(eta * beta / 4)", "(21 * eta * beta / 80)"),
    Plant("misalignment-rate", f"{SUITE}/two_layers.py", "beta * after / (2 *", "21 * beta * after / (40 *"),
    Plant("first-order", f"{SUITE}/any_model.py", "2 * gradient_size**2", "21 * gradient_size**2 / 10"),
    Plant("linearised", f"{SUITE}/any_model.py", "change, sqrt(2)", "change, 20 * sqrt(2) / 21"),
    Plant(ALL, ENGINE, "return -_per_run(beta)", "return _per_run(beta)"),
    Plant(ALL, ENGINE, "sigmoid.numeric(-margins", "sigmoid.numeric(margins"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its exit code, how many items of which verdict it had, and the first simplest witness."""

    exit_code: int
    verdicts: str
    witness: str
    seconds: float


def run(tree: Path, selection: str) -> Outcome:
    """`alignprops run` on the sources in `tree`, with the numbers of profile dev, in a folder of its own."""
    program = "import sys; from alignprops.cli import main; sys.exit(main())"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", program, "run", selection, "--profile=dev", f"--report-dir={folder}/report"],
            cwd=folder,
            env=_environment(tree),
            capture_output=True,
            text=True,
            check=False,
        )
        report = Path(folder, "report", "report.json")
        if not report.exists():
            return Outcome(done.returncode, "no report", (done.stderr or done.stdout).strip()[-80:], 0.0)
        told = json.loads(report.read_text(encoding="utf-8"))
    seconds = time.monotonic() - started
    return Outcome(done.returncode, _verdicts(told), _witness(told), seconds)


def _environment(tree: Path) -> dict[str, str]:
    """This process's environment with the copy first on the path, and nothing that configures the run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALIGNPROPS_") and name != "CI"}
    return kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def _verdicts(report: dict[str, Any]) -> str:
    counted = Counter(claim["verdict"] for claim in report["claims"])
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items()))


def _witness(report: dict[str, Any]) -> str:
    """The simplest witness of the first claim that has one, its arrays by shape."""
    for claim in report["claims"]:
        if claim["witness"]:
            instance = claim["witness"]["simplest"]["instance"]
            return " ".join(f"{name}={_short(value)}" for name, value in instance.items())
    return "-"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "x".join(map(str, value["shape"]))
    text = json.dumps(value).replace(" ", "")
    return text if len(text) <= 24 else "…"


def copied(folder: str) -> Path:
    """The packages copied to `folder`, seen to be what is imported from there."""
    tree = Path(folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    where = "import alignprops, property_suites as p; print(alignprops.__file__, p.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", where], cwd=folder, env=_environment(tree), capture_output=True, text=True, check=True
    )
    if told.stdout.count(str(tree.resolve())) + told.stdout.count(folder) < len(PACKAGES):
        raise LookupError(f"the copy in {folder} is not what is imported: {told.stdout}")
    return tree


def main() -> int:
    """Run the control and every plant, print the table; 1 if the control is red or a plant is not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="plants whose theorem contains this text")
    chosen = [plant for plant in PLANTS if parser.parse_args().only in plant.selection]
    for plant in chosen:
        plant.in_text((ROOT / plant.file).read_text(encoding="utf-8"))  # all are there, before anything runs
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(folder)
        control = run(tree, f"learning-dynamics.{ALL}")
        print(f"control, nothing planted: exit {control.exit_code}, {control.verdicts}, {control.seconds:.0f} s\n")
        green = [plant for plant in chosen if _row(tree, plant).exit_code != 1]
    print(f"\n{len(chosen) - len(green)} of {len(chosen)} planted errors turned the run red")
    return 1 if green or control.exit_code else 0


def _row(tree: Path, plant: Plant) -> Outcome:
    """Plant one error in the copy, run, take it out again, and print what came of it."""
    path = tree / plant.file
    honest = path.read_text(encoding="utf-8")
    path.write_text(plant.in_text(honest), encoding="utf-8")
    outcome = run(tree, plant.selection)
    path.write_text(honest, encoding="utf-8")
    print(f"{plant.selection}  ({plant.file})\n  {plant.old.strip()}  ->  {plant.new.strip()}")
    print(f"  exit {outcome.exit_code}, {outcome.verdicts}, {outcome.seconds:.0f} s\n  {outcome.witness}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
