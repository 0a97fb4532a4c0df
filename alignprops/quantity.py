"""Symbols with two faces: a plain name for messages, and LaTeX for the rendered statement."""

from __future__ import annotations

import re
from typing import Any

import sympy as sp


class Quantity(sp.Symbol):  # type: ignore[misc]  # sympy ships no types
    """A symbol that prints as its name in text and as `tex` in LaTeX."""

    tex: str

    def __new__(cls, name: str, tex: str, **assumptions: Any) -> Quantity:
        made: Quantity = super().__new__(cls, name, **assumptions)
        made.tex = tex
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        return (self.name, self.tex), self._assumptions_orig

    def _latex(self, printer: Any) -> str:
        return rf"\left({self.tex}\right)" if _is_sum(self.tex) else self.tex

    def _pretty(self, printer: Any) -> Any:
        # sympy's own printer takes the name of this class for a physical quantity, and some subscripts for others
        return printer.emptyPrinter(self) if "_" in self.name else printer._print_Symbol(self)


def _bracket(delimiter: re.Match[str]) -> str:
    return "(" if delimiter.group().startswith(r"\l") else ")"


def _is_sum(tex: str) -> bool:
    """Whether a + or − stands outside all brackets, so that the whole needs them in a product."""
    depth = 0
    plain = re.sub(r"\|[^|]*\|", "x", re.sub(r"\\[lr](Vert|angle)", _bracket, tex))
    for at, sign in enumerate(plain):
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(sign, 0)
        if depth == 0 and sign in "+-" and at > 0 and plain[at - 1] == " ":
            return True
    return False


def nonnegative(name: str, tex: str) -> Quantity:
    """A quantity that is at least 0."""
    return Quantity(name, tex, nonnegative=True)


def real(name: str, tex: str) -> Quantity:
    """A real quantity."""
    return Quantity(name, tex, real=True)


def positive(name: str, tex: str) -> Quantity:
    """A quantity above 0."""
    return Quantity(name, tex, positive=True)
