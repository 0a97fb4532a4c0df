"""What a method is called on: its class's methods and the attributes given, without a constructor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pytest
import torch
from torch import Tensor

from alignprops.claims import claims
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects.adapters.stand_in import owner_of, stand_in


class Trainer(ABC):
    """With a constructor that needs a model, an abstract method, and a property."""

    def __init__(self, model: Any) -> None:
        raise RuntimeError("no model")

    @abstractmethod
    def train(self) -> None:
        """Not here."""

    @property
    def beta(self) -> float:
        """Read from a configuration."""
        raise RuntimeError("no configuration")

    def margin(self, chosen: Tensor, rejected: Tensor) -> Tensor:
        """What another method needs."""
        return self.beta * (chosen - rejected)

    def dpo_loss(
        self,
        policy_chosen_logps: Tensor,
        policy_rejected_logps: Tensor,
        reference_chosen_logps: Tensor,
        reference_rejected_logps: Tensor,
    ) -> Tensor:
        """In two steps."""
        chosen = policy_chosen_logps - reference_chosen_logps
        return -torch.nn.functional.logsigmoid(self.margin(chosen, policy_rejected_logps - reference_rejected_logps))


class Module(torch.nn.Module):
    """One that reads its attributes in a way of its own."""

    def scaled(self, x: float) -> float:
        """With what a constructor would have set."""
        factor: float = self.factor  # type: ignore[assignment]
        return factor * x


def alone(self: Any) -> Any:
    """A method of no class."""
    return self.value


def test_it_has_the_methods_and_the_attributes() -> None:
    """Whatever the class demands of those who construct it; a property is hidden by the attribute."""
    assert stand_in(Trainer.dpo_loss, {"beta": 2.0}).margin(3.0, 1.0) == 4.0
    assert Module.scaled(stand_in(Module.scaled, {"factor": 3.0}), 2.0) == 6.0
    assert alone(stand_in(alone, {"value": 1})) == 1


def test_what_is_not_given_is_missing() -> None:
    """As on an object whose constructor did not set it."""
    with pytest.raises(AttributeError, match="factor"):
        Module.scaled(stand_in(Module.scaled, {}), 2.0)


def test_an_inner_class_is_out_of_reach() -> None:
    """Its methods can be called all the same."""

    class Inner:
        def value(self) -> Any:
            return self.told  # type: ignore[attr-defined]

    assert owner_of(Inner.value) is None
    assert owner_of(Trainer.margin) is Trainer
    assert Inner.value(stand_in(Inner.value, {"told": 1})) == 1


def test_a_method_that_calls_another_is_checked() -> None:
    """And what it is refuted by runs without us."""
    (claim,) = claims(
        [Trainer.dpo_loss],
        kind="pairwise-loss",
        loss="dpo",
        map={"beta": "self.beta"},
        theorems="preference-losses.reference.value",
    )

    assert claim.evaluate(Settings(max_examples=8)).verdict is Verdict.HELD
