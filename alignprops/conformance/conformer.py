"""Somebody's code behind the interface of its kind, and what was assumed to put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from alignprops.conformance.call import Call, Found, Normal, run
from alignprops.conformance.specification import Specification


@dataclass(frozen=True, eq=False)
class Conformer:
    """A function of the kind's calls, with what theorems must know of it.

    Attributes:
        function: takes a `Call` with the kind's names, returns outputs by the kind's names.
        specification: the formula that it claims to compute.
        variant: which of the documented conventions it follows.
        form: how it wants its inputs, as the kind names the choices ("sequence", "tokens" …).
        reduction: "none", "mean" or "sum" over the batch, of its main output.
        options: those of the formula's options that it takes.
        constants: values of options that it does not take, where they are not the formula's defaults.
        extras: keywords of the code that the kind does not know, with their defaults; liveness varies them.
        outputs: the names that it returns, beside the main one; None if not known before it is called.
        precision: the dtype that it computes in where that is coarser than its inputs'.
        normalised_in: the dtype of its log-softmax, where it is handed the log-probabilities of tokens as hidden states
            and finds them again (`alignprops.conformance.normalised`); None: it is given the numbers.
        assumptions: what the adapter assumed, a line each, for the report.
        binding: how the code is called (`alignprops.subjects.adapters.binding.Binding`), if an adapter made it.
    """

    function: Normal
    specification: Specification
    variant: str = ""
    form: str = ""
    reduction: str = "none"
    options: frozenset[str] = frozenset()
    constants: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    precision: str | None = None
    normalised_in: str | None = None
    assumptions: tuple[str, ...] = ()
    binding: Any = None

    def __call__(self, call: Call, *, main: str | None = None, upstream: Any = None) -> Found:
        """What the code makes of the call; with `upstream` also the gradients of Σ upstream · `main`."""
        return run(self.function, call, main=main, upstream=upstream)

    def called_as(self, other: Conformer) -> Self:
        """This code, with the options, the constants and the precision of another: what a twin takes over."""
        return replace(
            self,
            options=other.options,
            constants=other.constants,
            precision=other.precision,
            normalised_in=other.normalised_in,
        )
