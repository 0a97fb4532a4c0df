"""One subject on one problem of tokens: what it returned, and what it should have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.aggregation import AGGREGATE, AggregationProblem, AggregationReference
from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.precision import coarser
from alignprops.expressions import Rounded
from alignprops.losses.aggregation.aggregate import Aggregate

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AggregationCase:
    """A subject of kind `aggregation` on a problem."""

    subject: Conformer
    problem: AggregationProblem

    @property
    def aggregate(self) -> Aggregate:
        """The aggregate that the subject claims to compute."""
        return cast(Aggregate, self.subject.specification)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The options' values on this problem."""
        return self.aggregate.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the output."""
        return {"batch": (), "row": self.problem.values.shape[:1]}.get(self.aggregate.shape, self.problem.values.shape)

    @property
    def upstream(self) -> Floats:
        """What the output is multiplied by in the gradient."""
        upstream = self.problem.upstream
        return np.asarray({"batch": upstream[0, 0], "row": upstream[:, 0]}.get(self.aggregate.shape, upstream))

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        arrays = {"values": self.problem.given, "mask": self.problem.scored, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=("values",))

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with gradients."""
        width = call.tensors["values"].shape[1] - self.problem.values.shape[1]
        wide = np.pad(self.upstream, [(0, 0), (0, width)]) if self.aggregate.shape == "token" else self.upstream
        return self.subject(call, main=AGGREGATE, upstream=wide)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def output(self, found: Found) -> Floats:
        """The aggregate."""
        return found.outputs[AGGREGATE]

    @cached_property
    def reference(self) -> AggregationReference:
        """The aggregate, with errors."""
        variant = self.subject.variant
        return AggregationReference(self.aggregate, variant, self.problem, self.options, self.upstream, self.dtype)

    @property
    def expected(self) -> Rounded:
        """As `output`."""
        return self.reference.value

    @property
    def expected_gradient(self) -> Rounded:
        """(B, T) in the values."""
        return self.reference.gradient

    # --- parts ------------------------------------------------------------------------------------------------------

    def with_problem(self, **changed: Any) -> AggregationCase:
        """The same subject on a changed problem."""
        return AggregationCase(self.subject, replace(self.problem, **changed))

    def with_rows(self, rows: Iterable[int]) -> AggregationCase:
        """The same subject on some rows, in that order."""
        at = list(rows)
        return self.with_problem(**{name: getattr(self.problem, name)[at] for name in ("values", "mask", "upstream")})

    @cached_property
    def micro_batches(self) -> tuple[AggregationCase, ...]:
        """The rows in two parts, the first of one row; one part if there is one row."""
        count = len(self.problem.values)
        return (self.with_rows([0]), self.with_rows(range(1, count))) if count > 1 else (self,)

    @cached_property
    def shares(self) -> Floats:
        """How the micro-batches make up the whole, as documented; 0 for one of nothing."""
        share = self.aggregate.shares.get(self.subject.variant, "none")
        sizes = np.array([_size(share, part.problem) for part in self.micro_batches])
        return sizes if share == "one" else sizes / max(sizes.sum(), 1.0)


def _size(share: str, problem: AggregationProblem) -> float:
    by = {
        "tokens": problem.scored.sum(),
        "rows": len(problem.values),
        "rows with tokens": problem.scored.any(axis=1).sum(),
    }
    return float(by.get(share, 1.0))
