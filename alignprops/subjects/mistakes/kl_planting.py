"""How mistakes are planted in estimators and divergences, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.kl_case import MASKED, REPORTED
from alignprops.conformance.kl_torch import TorchDivergence, TorchEstimator, TorchKl
from alignprops.losses.estimators.estimator import Estimator

Needs = Callable[[Conformer], bool]


def planted(make: type[TorchKl], needs: Needs = lambda _: True) -> Callable[[Conformer], Conformer | None]:
    """A plant that puts a wrong class in the place of the honest one, if it is of the same family."""

    def plant(honest: Conformer) -> Conformer | None:
        of_tokens = isinstance(honest.specification, Estimator)
        if not needs(honest) or issubclass(make, TorchDivergence if of_tokens else TorchEstimator):
            return None
        family = TorchEstimator if of_tokens else TorchDivergence
        wrong: Any = make if issubclass(make, family) else type(make.__name__, (make, family), {})
        made = wrong(honest.specification, honest.variant, honest.form, honest.reduction)
        return replace(honest, function=made)

    return plant


def is_named(*names: str) -> Needs:
    """Only in estimators or divergences of these names."""
    return lambda honest: honest.specification.name in names


def takes(option: str) -> Needs:
    """Only where that option is taken."""
    return lambda honest: option in honest.options


def in_variant(*names: str) -> Needs:
    """Only in these conventions."""
    return lambda honest: honest.variant in names


def masked(honest: Conformer) -> bool:
    """Whether it takes a mask."""
    return honest.form.startswith(MASKED)


def averages(honest: Conformer) -> bool:
    """Whether it returns the mean over a mask."""
    return masked(honest) and honest.reduction == "mean"


def reports(honest: Conformer) -> bool:
    """Whether it returns what is to be logged."""
    return REPORTED in honest.outputs


@dataclass(frozen=True, eq=False)
class _WithOption:
    """The honest code, called with another value of an option than it is given."""

    honest: Callable[[Call], Mapping[str, Any]]
    option: str
    change: Callable[[Any], Any]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        return self.honest(call.with_options(**{self.option: self.change(call.options[self.option])}))


def changed(option: str, change: Callable[[Any], Any]) -> Callable[[Conformer], Conformer | None]:
    """A plant that calls the honest code with another value of an option than it is given."""

    def plant(honest: Conformer) -> Conformer | None:
        if option not in honest.options:
            return None
        return replace(honest, function=_WithOption(honest.function, option, change))

    return plant
