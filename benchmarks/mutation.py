"""The share of a mutation tool's mutants that the suites refute, on two losses as a user would write them.

cosmic-ray spoils the source in every way that it knows, one place at a time; each spoilt loss is adapted and checked
until a claim fails. A mutant that no claim refutes is printed: it is equivalent, or the suites have a hole.

    python -m benchmarks.mutation [--losses dpo grpo] [--max-examples 10]

needs `pip install cosmic-ray`.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from alignprops._errors import InputError
from alignprops.claims import claims
from alignprops.settings import Settings

PLAIN = Path(__file__).parent / "plain_losses"
#: File -> kind, formula and the name of the function.
LOSSES = {"dpo": ("pairwise-loss", "dpo", "dpo_loss"), "grpo": ("policy-loss", "grpo", "grpo_loss")}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: the claim that fails, "refused" by the adapter or the interpreter, or None."""

    operator: str
    change: str
    by: str | None


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of the source that differs in code, with the operator that made it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    seen = {source}
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments():
            continue  # made for a named variable, and not for all
        operator = kind()
        occurrence = 0
        while (spoilt := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            if spoilt not in seen:
                seen.add(spoilt)
                yield name, spoilt


def judge(source: str, kind: str, formula: str, function: str, settings: Settings) -> str | None:
    """The first claim that fails on the function which the source defines; None if all hold."""
    module = ModuleType("spoilt")
    try:
        exec(source, module.__dict__)  # noqa: S102  # our own file, spoilt by the tool
        found = claims([getattr(module, function)], kind=kind, loss=formula)
    except (InputError, SyntaxError, TypeError, NameError, ValueError) as error:
        return f"refused: {type(error).__name__}"
    for claim in found:
        result = claim.evaluate(settings)
        if result.verdict.fails:
            return f"{result.verdict.value}: {claim.theorem.id}"
    return None


def changed(source: str, spoilt: str) -> str:
    """The lines that the mutant has and the source has not."""
    lines = difflib.ndiff(source.splitlines(), spoilt.splitlines())
    return " / ".join(line[2:].strip() for line in lines if line.startswith("+ "))


def main() -> int:
    """Spoil each loss in every way, and print the share that is refuted and what is not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--max-examples", type=int, default=10)
    arguments = parser.parse_args()
    settings = Settings(max_examples=arguments.max_examples, shrink_seconds=0.0)
    for name in arguments.losses:
        _print(name, list(_fates(name, settings)))
    return 0


def _fates(name: str, settings: Settings) -> Iterator[Fate]:
    source = (PLAIN / f"{name}.py").read_text("utf-8")
    kind, formula, function = LOSSES[name]
    honest = judge(source, kind, formula, function, settings)
    if honest is not None:
        raise InputError(f"the unspoilt {name} fails: {honest}")
    for operator, spoilt in mutants(source):
        yield Fate(operator, changed(source, spoilt), judge(spoilt, kind, formula, function, settings))


def _print(name: str, fates: list[Fate]) -> None:
    alive = [fate for fate in fates if fate.by is None]
    print(f"{name}: {len(fates) - len(alive)} of {len(fates)} mutants refuted ({time.strftime('%Y-%m-%d')})")
    by: dict[str, int] = {}
    for fate in fates:
        by[fate.by or "none"] = by.get(fate.by or "none", 0) + 1
    for told, count in sorted(by.items(), key=lambda item: -item[1]):
        print(f"  {count:4} {told}")
    for fate in alive:
        print(f"  alive: {fate.operator}: {fate.change}")


if __name__ == "__main__":
    sys.exit(main())
