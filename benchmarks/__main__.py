"""The table of performance targets: `python -m benchmarks`, or `make bench`.

    python -m benchmarks --only hidden-states --model FOLDER --preferences FOLDER
    python -m benchmarks --markdown table.md

Exit code 0 if every target is met, 1 if one is missed or its baseline refused. Each row is printed as soon as it is
measured. The machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import engine, hidden_states, last_layer, lean_logps, plugin, run
from benchmarks.row import Row, as_markdown, as_text


class Benchmark(NamedTuple):
    """What measures rows, at its full and at a reduced size."""

    measure: Callable[[Any], list[Row]]
    full: Any
    reduced: Any


BENCHMARKS: Mapping[str, Benchmark] = {
    "last-layer": Benchmark(last_layer.measure, last_layer.Size(), last_layer.REDUCED),
    "hidden-states": Benchmark(hidden_states.measure, hidden_states.Size(), hidden_states.REDUCED),
    "lean-logps": Benchmark(lean_logps.measure, lean_logps.Size(), lean_logps.REDUCED),
    "plugin": Benchmark(plugin.measure, plugin.Size(), plugin.REDUCED),
    "run": Benchmark(run.measure, run.Size(), run.REDUCED),
    "engine": Benchmark(engine.measure, engine.Size(), engine.REDUCED),
}


def main(given: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print the table."""
    arguments = _parser().parse_args(given)
    rows: list[Row] = []
    for name in arguments.only or BENCHMARKS:
        for row in BENCHMARKS[name].measure(_size(name, arguments)):
            print(as_text(row), flush=True)
            rows.append(row)
    met = sum(row.met for row in rows)
    print(f"{met} of {len(rows)} targets met" + (" (reduced sizes: the targets mean nothing)" * arguments.reduced))
    if arguments.markdown is not None:
        arguments.markdown.write_text(as_markdown(rows), encoding="utf-8")
    return int(met < len(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="only this one (repeatable)")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table as Markdown")
    parser.add_argument("--model", metavar="PATH", help="hidden-states: this model instead of one of random weights")
    parser.add_argument("--preferences", metavar="SPEC", action="append", help="hidden-states: its preference data")
    parser.add_argument("--reduced", action="store_true", help="tiny sizes, to see that everything works")
    return parser


def _size(name: str, arguments: argparse.Namespace) -> Any:
    size = BENCHMARKS[name].reduced if arguments.reduced else BENCHMARKS[name].full
    if name == "hidden-states" and arguments.model is not None:
        return replace(size, model=arguments.model, preferences=tuple(arguments.preferences or ()))
    return size


if __name__ == "__main__":
    sys.exit(main())
