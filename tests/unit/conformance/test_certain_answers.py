"""ORPO of an answer that is certain has no finite gradient: the theorem about padding does not hold that against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from check_sources import function_of

from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.pairwise import adapt_pairwise
from property_suites.preference_losses.padding import finite_padding, masked_gradient
from property_suites.preference_losses.specimens import RAGGED

SOURCE = """
import torch
import torch.nn.functional as F

def orpo(policy_chosen_logps, policy_rejected_logps, chosen_mask, rejected_mask, beta=0.1):
    def log_odds(logps, mask):
        mean = (logps * {kept}).sum(-1) / mask.sum(-1)
        return mean - torch.log1p(-torch.exp(mean))
    odds = log_odds(policy_chosen_logps, chosen_mask) - log_odds(policy_rejected_logps, rejected_mask)
    return -beta * F.logsigmoid(odds)
"""
PAIRS = RAGGED["ragged pairs in float64"]


@pytest.mark.parametrize("certain", [False, True])
@pytest.mark.parametrize(("kept", "leaks"), [("mask", False), ("(mask + 1 / 8)", True)])
def test_a_certain_answer_excuses_its_own_pair_only(kept: str, leaks: bool, certain: bool) -> None:
    """Code that multiplies by the mask has −∞ · 0 there; a leak in the other pairs is still seen."""
    code = function_of(SOURCE.format(kept=kept), "orpo")
    subject = adapt_pairwise(code, Adaptation.of({"loss": "orpo", "variant": "odds-ratio"}))
    rejected = PAIRS.policy_rejected_logps.copy()
    if certain:
        rejected[-1] = 0.0
    with np.errstate(all="ignore"):  # as the engine has it
        measured = finite_padding.measure(subject, replace(PAIRS, policy_rejected_logps=rejected))
    assert (np.asarray(measured[masked_gradient]) > 0) == leaks
