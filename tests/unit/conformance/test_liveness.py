"""Options that are accepted and ignored, or that read one value in two ways."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import logsigmoid

from alignprops.conformance.liveness import liveness
from alignprops.conformance.pairwise_case import PairwiseCase
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.pairwise import adapt_pairwise
from property_suites.preference_losses.specimens import RAGGED


class Shape(Enum):
    """What a loss may look like."""

    LOGISTIC = "logistic"
    HINGE = "hinge"


def _loss(read: Callable[[Any], bool]) -> Callable[..., Tensor]:
    """A loss with a shape, and with `read` to tell whether it is the hinge."""

    def dpo(
        policy_chosen_logps: Tensor,
        policy_rejected_logps: Tensor,
        reference_chosen_logps: Tensor,
        reference_rejected_logps: Tensor,
        beta: float = 0.1,
        shape: Any = Shape.LOGISTIC,
        verbose: bool = False,
    ) -> Tensor:
        del verbose
        chosen, rejected = (
            policy_chosen_logps - reference_chosen_logps,
            policy_rejected_logps - reference_rejected_logps,
        )
        margin = beta * (chosen - rejected)
        return (1 - margin).clamp(min=0) if read(shape) else -logsigmoid(margin)

    return dpo


def _refusing(shape: Any) -> bool:
    return Shape(shape) is Shape.HINGE


@pytest.mark.parametrize(
    ("read", "dead"),
    [
        (_refusing, {"verbose"}),
        (lambda shape: shape is Shape.HINGE, {"verbose", "shape"}),
        (lambda _: False, {"verbose", "shape"}),
    ],
    ids=["by value or refused", "the text is taken for the default", "ignored"],
)
def test_a_keyword_is_ignored_or_misread(read: Callable[[Any], bool], dead: set[str]) -> None:
    """Only the enum that knows its values by both spellings is alive."""
    subject = adapt_pairwise(_loss(read), Adaptation(loss="dpo"))
    told = liveness(subject, PairwiseCase(subject, RAGGED["ragged pairs in float64"]))

    assert set(told.dead) == dead
    assert told.live == told.accepted - len(dead)
