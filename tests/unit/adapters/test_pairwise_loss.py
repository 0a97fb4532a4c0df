"""Losses of preference pairs as hosts write them: what is told and refused, and the snippet that shows a mistake."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from alignprops._errors import InputError
from alignprops.claims import claims
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.adapters.pairwise import adapt_pairwise
from alignprops.subjects.adapters.snippet import snippet
from alignprops.subjects.kinds import kind_named
from property_suites.preference_losses.specimens import RAGGED, SINGLE

ONE: PairwiseProblem = next(iter(SINGLE.values()))


def plain(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    reference_chosen_logps: Tensor,
    reference_rejected_logps: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """DPO."""
    chosen = policy_chosen_logps - reference_chosen_logps
    return -logsigmoid(beta * (chosen - (policy_rejected_logps - reference_rejected_logps)))


def optional_reference(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    anchor_w: Tensor | None = None,
    anchor_l: Tensor | None = None,
    beta: float = 0.1,
) -> Tensor:
    """DPO whose reference has names that nobody knows, and may be left out."""
    zero = torch.zeros_like(policy_chosen_logps)
    return plain(
        policy_chosen_logps,
        policy_rejected_logps,
        zero if anchor_w is None else anchor_w,
        zero if anchor_l is None else anchor_l,
        beta,
    )


def adapted(code: Any, **adaptation: Any) -> Conformer:
    """As `alignprops check` would have it."""
    return adapt_pairwise(code, Adaptation.of({"loss": "dpo", **adaptation}))


def test_a_reference_that_has_no_place_is_asked_for() -> None:
    """Without it the loss is another one, and no mistake of the code's."""
    with pytest.raises(InputError, match="which of them is reference_chosen_logps and which is reference_rejected"):
        adapted(optional_reference)

    found = adapted(
        optional_reference, map={"reference_chosen_logps": "anchor_w", "reference_rejected_logps": "anchor_l"}
    )
    assert not any("not that of the formula" in line for line in found.assumptions)


def test_a_loss_without_a_reference_asks_for_none() -> None:
    """SimPO looks at the policy alone."""

    def simpo(policy_chosen_logps: Tensor, policy_rejected_logps: Tensor, beta: float, gamma: float) -> Tensor:
        return -logsigmoid(beta * (policy_chosen_logps - policy_rejected_logps) - gamma)

    found = adapted(simpo, loss="simpo")

    assert found.variant == "absolute"
    assert any("follows the convention 'absolute'" in line for line in found.assumptions)


def test_outputs_that_are_read_by_their_order_are_told() -> None:
    """A tuple of three tensors is taken for loss and rewards; --returns says otherwise, and then nothing is told."""

    def three(**given: Any) -> Any:
        losses = plain(**given)
        return losses, losses.detach(), losses.detach()

    three.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    told = "beside it, chosen_rewards, rejected_rewards are read off what it returns"

    assert any(line.startswith(told) for line in adapted(three).assumptions)
    assert not any(line.startswith("beside it") for line in adapted(three, returns="loss,_,_").assumptions)


@pytest.mark.parametrize("returned", ["loss", "(loss.detach().mean(), loss)", "{'accuracy': loss > 0, 'loss': loss}"])
def test_the_snippet_runs_by_itself(
    returned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With torch and the code alone, whatever the code returns: it prints the gradients of the loss."""
    source = f"""
from torch.nn.functional import logsigmoid

def dpo(policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, beta=0.1):
    ratio = policy_chosen_logps - reference_chosen_logps - policy_rejected_logps + reference_rejected_logps
    loss = -logsigmoid(beta * ratio)
    return {returned}
"""
    (tmp_path / "snippet_host.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("snippet_host", None)
    from snippet_host import dpo  # type: ignore[import-not-found]

    conformance = kind_named("pairwise-loss").conformance
    assert conformance is not None
    returns = "_,loss" if returned.startswith("(") else None
    text = snippet(adapted(dpo, returns=returns), conformance, ONE, "snippet_host:dpo")

    assert text is not None
    assert "alignprops" not in text
    exec(compile(text, "snippet", "exec"), {})  # noqa: S102  # it is what is tested
    printed = capsys.readouterr().out.splitlines()[-1]
    assert printed.count("tensor([") == 2
    assert "None" not in printed


def test_the_snippet_weighs_pairs_as_the_measurement_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake that only an upstream gradient of unequal weights shows is shown by the snippet too."""
    source = "def dpo(policy_chosen_logps, policy_rejected_logps, beta=0.1):\n    return beta * policy_chosen_logps\n"
    (tmp_path / "weighing_host.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    from weighing_host import dpo  # type: ignore[import-not-found]

    conformance = kind_named("pairwise-loss").conformance
    assert conformance is not None
    ragged = RAGGED["ragged pairs in float64"]
    made = adapt_pairwise(
        dpo, Adaptation(loss="cpo", variant="preference", assume={"label_smoothing": 0.0, "cpo_alpha": 0.0})
    )
    text = snippet(made, conformance, ragged, "weighing_host:dpo")
    assert text is not None
    exec(compile(text, "snippet", "exec"), {})  # noqa: S102  # it is what is tested

    assert "tensor([ 0.5000, -0.2500,  1.0000], dtype=torch.float64)" in capsys.readouterr().out  # β · upstream


def test_a_subject_without_a_name_has_no_snippet() -> None:
    """A function made on the fly cannot be imported."""
    conformance = kind_named("pairwise-loss").conformance
    assert conformance is not None

    assert snippet(adapted(plain), conformance, ONE, "host:make.<locals>.dpo") is None


class Forgetful:
    """A class of loss whose option is another after each call."""

    def __init__(self, beta: float = 0.1) -> None:
        self.beta = beta

    def __call__(
        self,
        policy_chosen_logps: torch.Tensor,
        policy_rejected_logps: torch.Tensor,
        reference_chosen_logps: torch.Tensor,
        reference_rejected_logps: torch.Tensor,
    ) -> torch.Tensor:
        chosen, rejected = (
            policy_chosen_logps - reference_chosen_logps,
            policy_rejected_logps - reference_rejected_logps,
        )
        losses = -torch.nn.functional.logsigmoid(self.beta * (chosen - rejected))
        self.beta = self.beta / 2
        return losses


def test_a_class_that_changes_its_own_options_is_refuted() -> None:
    """The object is left as it is, like the inputs."""
    (claim,) = claims([Forgetful], kind="pairwise-loss", loss="dpo", theorems="preference-losses.batches.purity")

    assert claim.evaluate(Settings(max_examples=4)).verdict is Verdict.REFUTED
