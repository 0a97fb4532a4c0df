"""The mean over the tokens of a row that has none: one fault, found by the theorem about it and by no other."""

from __future__ import annotations

import pytest
from check_sources import function_of

from alignprops.claims import claims
from alignprops.results import Verdict
from alignprops.settings import Settings

MULTIPLIES_AND_AVERAGES = """
import torch

def get_batch_logps(logits, labels, average_log_prob=False, ignore_index=-100):
    labels = labels[:, 1:]
    mask = labels != ignore_index
    logps = torch.gather(logits[:, :-1].log_softmax(-1), 2, torch.where(mask, labels, 0)[:, :, None])[:, :, 0]
    total = (logps * mask).sum(-1)
    return total / mask.sum(-1) if average_log_prob else total
"""
PADDING = ("finite", "columns")


@pytest.mark.parametrize(
    ("theorem", "verdict"),
    [("extremes.empty-rows", Verdict.REFUTED), *((f"padding.{name}", Verdict.HELD) for name in PADDING)],
)
def test_a_mean_of_nothing_is_no_fault_of_the_padding(theorem: str, verdict: Verdict) -> None:
    """0/0 is NaN in value and gradient, whatever stands in the padding."""
    function = function_of(MULTIPLIES_AND_AVERAGES, "get_batch_logps")
    (claim,) = claims([function], kind="sequence-logprob", theorems=f"log-probabilities.{theorem}")

    assert claim.evaluate(Settings(max_examples=40)).verdict is verdict
