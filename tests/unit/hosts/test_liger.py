"""Liger-Kernel's fused losses, on a fake package: honest ones hold, and what fusion can get wrong is refuted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.hosts import fake_liger

from alignprops.claims import claims_of
from alignprops.engine import evaluate
from alignprops.hosts import subjects_like
from alignprops.settings import Settings

Install = Callable[..., None]
QUICK = Settings(max_examples=8, shrink_seconds=0.2)
#: The subject, and where the theorems of its value and its gradient are.
FUSED = {
    "LigerFusedLinearDPOLoss/sigmoid": "preference-losses.reference",
    "LigerFusedLinearSimPOLoss": "preference-losses.reference",
    "LigerFusedLinearCPOLoss": "preference-losses.reference",
    "LigerFusedLinearORPOLoss": "preference-losses.reference",
    "LigerFusedLinearKTOLoss": "preference-losses.unpaired",
    "LigerFusedLinearKTOLoss/no-kl": "preference-losses.unpaired",
    "LigerFusedLinearJSDLoss": "kl-estimators.reference",
    "LigerFusedLinearGRPOLoss/bnpo": "policy-losses.reference",
}


def verdicts(name: str, theorems: list[str]) -> dict[str, str]:
    """Of the theorems on one subject."""
    (subject,) = subjects_like(f"liger-kernel:{name}")
    found = {}
    for claim in claims_of(subject, theorems):
        found[claim.theorem.id] = evaluate(claim.theorem, subject, QUICK).verdict.value
    return found


@pytest.mark.parametrize("name", FUSED)
def test_an_honest_fused_loss_holds(install: Install, name: str) -> None:
    """Its value and its gradient, through the softmax, in every dtype."""
    install("liger-kernel", "0.8.5", fake_liger.files())
    theorems = [f"{FUSED[name]}.{part}" for part in ("value", "gradient")]
    assert verdicts(name, theorems) == dict.fromkeys(theorems, "held")


def test_a_fused_loss_without_its_mask_is_refuted(install: Install) -> None:
    """Padding is scored as token 0: the value is not the formula's, and what stands there changes it."""
    install("liger-kernel", "0.8.5", fake_liger.files(kept="torch.ones_like(target)"))
    theorems = [f"preference-losses.{name}" for name in ("reference.value", "padding.finite", "rewards.value")]
    assert verdicts("LigerFusedLinearDPOLoss/sigmoid", theorems) == dict.fromkeys(theorems, "refuted")
    assert verdicts("LigerFusedLinearDPOFunction*", theorems[:1]) == {theorems[0]: "held"}  # the bare one has none


def test_a_fused_loss_that_loses_a_factor_is_refuted(install: Install) -> None:
    """Its gradient alone is wrong: the value of the softmax is right, and its backward pass is scaled."""
    honest = fake_liger.files()
    place = "liger_kernel/chunked_loss/grpo_loss.py"
    wrong = honest[place].replace("tokens(hidden, weight)", "_scaled(tokens(hidden, weight))")
    wrong += "\ndef _scaled(x):\n    return 0.95 * x + 0.05 * x.detach()\n"
    install("liger-kernel", "0.8.5", {**honest, place: wrong})
    theorems = ["policy-losses.reference.value", "policy-losses.reference.gradient"]
    assert verdicts("LigerFusedLinearGRPOLoss/bnpo", theorems) == dict(zip(theorems, ("held", "refuted"), strict=True))


def test_what_was_done_is_told(install: Install) -> None:
    """How the module is called, how hidden states are made, and that the bounds are wider."""
    install("liger-kernel", "0.8.5", fake_liger.files())
    (subject,) = subjects_like("liger-kernel:LigerFusedLinearDPOLoss/sigmoid")
    told = "\n".join(subject.get().assumptions)
    for part in ("compiled=False", "its unembedding the identity", "bounds are wider", "-2^-30", "ref_input"):
        assert part in told


def test_a_release_without_a_loss_is_checked_without_it(install: Install) -> None:
    """Not every release has KTO and JSD."""
    files = {name: text for name, text in fake_liger.files().items() if "kto" not in name and "jsd" not in name}
    install("liger-kernel", "0.6.1", files)
    names = {subject.id.partition(":")[2] for subject in subjects_like("liger-kernel:*Loss*")}
    assert "LigerFusedLinearCPOLoss" in names
    assert not [name for name in names if "KTO" in name or "JSD" in name]
