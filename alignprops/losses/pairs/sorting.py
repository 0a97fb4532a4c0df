"""How a loss that sorts the batch pairs its rows, and which rows may change places because they are tied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from alignprops.losses.evaluation import evaluate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sorting:
    """Inputs are sorted in groups, each by a key of its own, ascending.

    Attributes:
        keys: names of inputs that are sorted together -> the expression by which.
    """

    keys: Mapping[tuple[str, ...], sp.Expr]

    def __call__(self, values: Mapping[str, Floats]) -> dict[str, Ints]:
        """For every input that is sorted, the rows in the order in which they make up the pairs.

        Args:
            values: (B,) by input.
        """
        rows: dict[str, Ints] = {}
        for names, key in self.keys.items():
            order = np.argsort(evaluate(key, {part: values[part.name] for part in key.free_symbols}), kind="stable")
            rows |= dict.fromkeys(names, order.astype(np.int64))
        return rows

    def ties(self, follow: Callable[[sp.Expr], tuple[Any, Any]]) -> dict[str, Ints]:
        """For every input that is sorted, which places are tied: (B,), places of one number may be exchanged.

        Args:
            follow: the value (B,) of a key before sorting, and the error that honest code may have in it.
        """
        tied: dict[str, Ints] = {}
        for names, key in self.keys.items():
            value, error = (np.asarray(part) for part in follow(key))
            order = np.argsort(value, kind="stable")
            value, error = value[order], np.broadcast_to(error, value.shape)[order]
            apart = value[1:] - error[1:] > value[:-1] + error[:-1]
            tied |= dict.fromkeys(names, np.concatenate([[0], np.cumsum(apart)]).astype(np.int64))
        return tied
