"""Which theorem refutes which counterfeit: subjects made wrong on purpose, a table for each kind.

The exit code is 1 if no theorem refutes some counterfeit.

    python -m benchmarks.kill_matrix
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from alignprops.evidence.kill_matrix import Cell, Fate, KillMatrix, kill_matrix
from alignprops.registry import find_theorems
from alignprops.settings import Settings
from alignprops.subjects import kind_named

MARKS = {Fate.KILLED: "x", Fate.SURVIVED: "·", Fate.ERROR: "!"}


def main() -> int:
    """Compute the matrix and print it, one table for each kind that has counterfeits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--max-examples", type=int, default=40, help="instances a cell, at most (default: 40)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    theorems = find_theorems()
    matrix = kill_matrix(theorems, Settings(max_examples=arguments.max_examples, seed=arguments.seed))
    immortal = 0
    for kind in dict.fromkeys(theorem.kind for theorem in theorems):
        if kind_named(kind).counterfeits:
            immortal += _print_table(kind, [t.id for t in theorems if t.kind == kind], matrix)
        else:
            print(f"{kind}: no counterfeits\n")
    print(f"{MARKS[Fate.KILLED]} refuted, {MARKS[Fate.SURVIVED]} not refuted, {MARKS[Fate.ERROR]} the measure raised")
    print(f"{immortal} counterfeits that no theorem refutes")
    return 1 if immortal else 0


def _print_table(kind: str, theorem_ids: Sequence[str], matrix: KillMatrix) -> int:
    """Print one kind, counterfeits numbered across; return how many of them no theorem refutes."""
    names = list(kind_named(kind).counterfeits)
    print(f"{kind}\n")
    for number, name in enumerate(names, 1):
        print(f"  {number:2} {name}: refuted by {len(matrix.killers(kind, name))}")
    width = max(map(len, theorem_ids))
    print("\n" + " " * width + "".join(f"{number:4}" for number in range(1, len(names) + 1)))
    for theorem_id in theorem_ids:
        row = {cell.counterfeit: cell for cell in matrix.of_theorem(theorem_id)}
        marks = "".join(f"{MARKS[row[name].fate] if name in row else ' ':>4}" for name in names)
        print(f"{theorem_id:{width}}{marks}   {_count(row.values())}{_alone(theorem_id, matrix)}")
    print()
    return sum(not matrix.killers(kind, name) for name in names)


def _count(row: Iterable[Cell]) -> str:
    cells = list(row)
    return f"{sum(cell.fate is Fate.KILLED for cell in cells)} of {len(cells)}"


def _alone(theorem_id: str, matrix: KillMatrix) -> str:
    """Which counterfeits no other theorem refutes."""
    alone = matrix.alone(theorem_id)
    return f", alone: {', '.join(alone)}" if alone else ""


if __name__ == "__main__":
    sys.exit(main())
