"""What a kind of host code offers beside its protocol: formulas, mistakes, the honest twin of a subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignprops.conformance.conformer import Conformer
    from alignprops.subjects.adapters.binding import Role
    from alignprops.subjects.mistakes.mistake import Mistake


@dataclass(frozen=True, slots=True)
class Conformance:
    """How refutations of a kind are explained, and how its subjects are recognised.

    Attributes:
        main: the name of the main output.
        formulas: names that `--loss` takes for this kind.
        mistakes: of real code of this kind.
        twin: the reference that a subject should agree with, in the same convention, form and reduction.
        problem: the instances that mistakes are looked for on; theorems of the kind may have others beside.
        case: a conformer on such a problem: `call()` gives fresh tensors, `run(call)` outputs and gradients.
        roles: what code of the formula of that name may be called with.
        also: other words for a formula in names of functions, each with one meaning in the field.
        wider: a type of more instances than those of `problem` that `case` accepts as well, if there is one.
    """

    main: str
    formulas: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    twin: Callable[[Conformer], Conformer]
    problem: type
    case: Callable[[Conformer, Any], Any]
    roles: Callable[[str], Sequence[Role]]
    also: Mapping[str, str] = field(default_factory=dict)
    wider: type | None = None

    @property
    def called(self) -> type:
        """The instances that `case` accepts."""
        return self.wider or self.problem

    def formulas_named(self) -> dict[str, str]:
        """The formulas by the words that name them."""
        return {**{name: name for name in self.formulas}, **self.also}
