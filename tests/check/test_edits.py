"""A plain user's loss: the correct one holds, and each of nine edits is refuted with a message that names it."""

from __future__ import annotations

import numpy as np
import pytest
from check_sources import EDITS, SOURCE, edited, function_of

from alignprops.claims import Claim, claims
from alignprops.report.failure import explain
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict
from alignprops.settings import Settings

FEW = Settings(max_examples=8, shrink_seconds=0.1)
#: Which theorem is asked about the edit, what the message says, and the name of the mistake.
NAMED = {
    "sign of the loss": ("reference.value", "sign of the loss wrong", "sign-flipped"),
    "reference terms swapped": ("reference.value", "swaps the reference's chosen and rejected", "reference-swapped"),
    "beta applied twice": ("reference.value", "applies beta twice", "beta-twice"),
    "mean instead of sum": ("reference.value", "averages the token log-probabilities", "other-token-reduction"),
    "label smoothing on the wrong side": ("reference.gradient", "on the wrong side", "smoothing-flipped"),
    "log(sigmoid)": ("extremes", "log(sigmoid(x)) in two steps", "log-of-sigmoid"),
    "padding included": ("padding.finite", "lets masked tokens enter", "padding-included"),
    "reward not detached": ("rewards.detached", "not detached", "rewards-attached"),
    "label_smoothing accepted but ignored": ("options.live", "ignores it", "smoothing-ignored"),
}


def _claims(source: str, theorems: str) -> list[Claim]:
    return claims([function_of(source)], kind="pairwise-loss", loss="dpo", theorems=theorems)


def _first(source: str, theorem: str, settings: Settings) -> tuple[Result, str]:
    claim = _claims(source, f"preference-losses.{theorem}")[0]
    result = claim.evaluate(settings)
    return result, explain(describe(claim.theorem), result.to_json(), replay="…")


def test_there_is_a_message_for_every_edit() -> None:
    """The two tables speak of the same nine."""
    assert NAMED.keys() == EDITS.keys()


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_refuted_and_named(edit: str) -> None:
    """The verdict, the mistake and the words for it; no other mistake is suspected."""
    theorem, words, mistake = NAMED[edit]
    result, text = _first(edited(*EDITS[edit]), theorem, FEW)

    assert result.verdict is Verdict.REFUTED
    assert [found["mistake"] for found in result.evidence["diagnosis"]["behaves_like"]] == [mistake]
    assert words in text


@pytest.mark.parametrize("edit", ["sign of the loss", "beta applied twice", "reference terms swapped"])
def test_the_simplest_witness_of_a_wrong_formula_is_minimal(edit: str) -> None:
    """One pair of one token remains."""
    result, _ = _first(edited(*EDITS[edit]), "reference.value", Settings(max_examples=8, shrink_seconds=60.0))

    assert result.witness is not None
    assert result.witness["simplest"].instance.chosen_mask.shape == (1, 1)


def test_a_correct_loss_holds() -> None:
    """Every theorem that speaks of it, those of the padding included."""
    found = {claim.theorem.id: claim.evaluate(Settings(max_examples=10)) for claim in _claims(SOURCE, "*")}

    assert {result.verdict for result in found.values()} == {Verdict.HELD}, found
    assert "preference-losses.padding.non-finite" in found


def test_a_mistake_in_what_is_not_returned_is_not_suspected() -> None:
    """A loss without rewards cannot have swapped them, whatever else is wrong with it."""
    source = edited(
        ("return losses, (beta * chosen).detach(), (beta * rejected).detach()", "return losses + 0.5 * beta"),
    )
    result, text = _first(source, "reference.value", FEW)

    assert result.verdict is Verdict.REFUTED
    assert result.evidence["diagnosis"]["behaves_like"] == []
    assert "none: no mistake on record gives these numbers" in text
    assert "see also   no diagnosis, but known bugs that broke the same property:" in text


WITHOUT_SMOOTHING = """
import torch

def dpo_loss(policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, beta=0.1):
    h = (policy_chosen_logps - policy_rejected_logps) - (reference_chosen_logps - reference_rejected_logps)
    return -torch.log(torch.sigmoid(beta * h))
"""
TEXTBOOK_K3 = """
def k3(logprobs, ref_logprobs):
    log_ratio = ref_logprobs - logprobs
    return log_ratio.exp() - 1 - log_ratio
"""


@pytest.mark.parametrize(
    ("source", "name", "kind", "theorem", "mistake"),
    [
        (WITHOUT_SMOOTHING, "dpo_loss", "pairwise-loss", "preference-losses.extremes", "log-of-sigmoid"),
        (TEXTBOOK_K3, "k3", "kl-estimator", "kl-estimators.nonnegative", "cancelling"),
    ],
)
def test_what_only_rounds_badly_is_named(source: str, name: str, kind: str, theorem: str, mistake: str) -> None:
    """Code that has no other fault, and whose numbers may be nearer to the formula's than any comparison looks."""
    (claim,) = claims([function_of(source, name)], kind=kind, loss=name.removesuffix("_loss"), theorems=theorem)

    result = claim.evaluate(FEW)

    assert result.verdict is Verdict.REFUTED
    assert [found["mistake"] for found in result.evidence["diagnosis"]["behaves_like"]] == [mistake]


TEXTBOOK_PPO = """
import torch

def ppo_policy_loss(logprobs, old_logprobs, advantages, mask, clip_eps=0.2):
    ratio = torch.exp(logprobs - old_logprobs)
    losses = -torch.min(ratio * advantages, torch.clamp(ratio, 1 - clip_eps, 1 + clip_eps) * advantages)
    return (losses * mask).sum() / mask.sum()
"""


def test_a_refutation_at_an_extreme_shows_that_input() -> None:
    """Numbers and snippet are of the witness, though mistakes are not looked for there."""
    theorem = "policy-losses.extremes"
    (claim,) = claims([function_of(TEXTBOOK_PPO, "ppo_policy_loss")], kind="policy-loss", loss="ppo", theorems=theorem)

    result = claim.evaluate(FEW)
    told = result.evidence["diagnosis"]
    text = explain(describe(claim.theorem), result.to_json(), replay="…")

    assert result.witness is not None
    instance = result.witness["simplest"].instance
    (gradient,) = [part for part in told["numbers"] if part["of"].startswith("gradient")]
    assert np.shape(gradient["found"]) == instance.logps.shape
    assert gradient["found"] != gradient["expected"]
    assert told["behaves_like"] == []
    assert "by itself, with torch and the code alone:" in text
