"""What is recognised without a word from the user, and what is said of code that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alignprops import InputError
from alignprops._errors import UnknownNameError
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.recognition import recognised


def group_advantages(rewards: Tensor, group_size: int = 4, eps: float = 1e-4) -> Tensor:
    """Group-normalised."""
    groups = rewards.view(-1, group_size)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + eps)).view(-1)


def kl_k3(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """The estimator."""
    return torch.expm1(ref_logp - logp) - (ref_logp - logp)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Over the batch."""
    return (x * mask).sum() / mask.sum().clamp(min=1)


def dpo(pi_w: Tensor, pi_l: Tensor, ref_w: Tensor, ref_l: Tensor, beta: float = 0.1) -> Tensor:
    """In the letters of the paper."""
    return -torch.nn.functional.logsigmoid(beta * ((pi_w - ref_w) - (pi_l - ref_l)))


class PairCollator:
    """Pads each side."""

    def __call__(self, features: list[dict[str, list[int]]]) -> dict[str, Tensor]:
        """The batch."""
        made: dict[str, Tensor] = {}
        for side in ("chosen", "rejected"):
            rows = [one["prompt_input_ids"] + one[f"{side}_input_ids"] for one in features]
            width = max(map(len, rows))
            made[f"{side}_input_ids"] = torch.tensor([row + [0] * (width - len(row)) for row in rows])
            made[f"{side}_attention_mask"] = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
            made[f"{side}_labels"] = made[f"{side}_input_ids"]
        return made


def collate_pairs(examples: list[dict[str, Any]], pad_id: int = 0) -> Any:
    """Of examples that no form has."""
    return [one["question"] for one in examples]


def gae(rewards: Tensor, values: Tensor, dones: Tensor, gamma: float = 1.0, lam: float = 1.0) -> Tensor:
    """It takes numbers for flags."""
    return rewards * (1.0 - dones)


def kl_penalty(logp: Tensor, ref_logp: Tensor, config: Any) -> Tensor:
    """It needs what nobody knows."""
    return config(logp - ref_logp)


def opaque(a: Tensor, b: Tensor) -> Tensor:
    """Names that tell nothing."""
    return a - b


def anything(record: Any) -> Any:
    """It runs on everything."""
    return record


def message(code: Any, **said: Any) -> str:
    """What is said of code that is not recognised."""
    with pytest.raises(InputError) as refused:
        recognised(code, Adaptation.of(said))
    return str(refused.value)


@pytest.mark.parametrize(
    ("code", "kind", "article", "formula"),
    [
        (group_advantages, "advantages", "an", "grpo"),
        (kl_k3, "kl-estimator", "a", "k3"),
        (masked_mean, "aggregation", "an", "token-mean"),
        (dpo, "pairwise-loss", "a", "dpo"),
        (PairCollator, "preference-data", "a", "collate"),
    ],
)
def test_names_with_one_meaning_are_recognised(code: Any, kind: str, article: str, formula: str) -> None:
    """And told."""
    subject = recognised(code, Adaptation())

    assert subject.kind == kind
    told = subject.get().assumptions
    assert told[0] == f"{article} {kind} subject: its arguments fit no other kind"
    assert told[1].startswith(f"judged as {formula}: ")
    assert "on a small probe its value is not that of the formula" not in "\n".join(told)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (collate_pairs, "it looks like preference-data, collate, and cannot be checked as it stands, by its name"),
        (anything, "which kind is it? It fits none as it stands, by its name and its arguments (record)"),
    ],
)
def test_one_argument_makes_no_log_probability(code: Any, said: str) -> None:
    """A function is only called with SequenceTensors where it runs on them; a plain kind is not asked for."""
    assert message(code).startswith(said)


def test_a_kind_that_is_said_tells_why_the_code_does_not_fit() -> None:
    """Instead of an error in every claim."""
    from alignprops.subjects.recognition import named_kind

    with pytest.raises(InputError, match="is called with SequenceTensors, on which it raised AttributeError"):
        named_kind(group_advantages, "sequence-logprob", Adaptation())
    with pytest.raises(InputError, match=r"a SequenceTensors came back where one log-probability a row was expected"):
        named_kind(anything, "sequence-logprob", Adaptation())


def test_the_nearest_kind_comes_with_a_whole_command() -> None:
    """What it knows, what is missing, and the names of the other kinds only."""
    told = message(kl_penalty)

    assert "no kind knows config: say which role each has, --map ROLE=ARGUMENT, or a constant for it" in told
    assert "kl-estimator: it knows logp, ref_logp\n    missing: its formula, --loss, one of k3, k1" in told
    assert "--kind kl-estimator --loss NAME --set config=VALUE" in told
    assert "other kinds: pairwise-loss, " in told
    assert len(told.splitlines()) <= 9


def test_where_nothing_is_known_an_example_has_the_roles() -> None:
    """All that must be mapped."""
    told = message(opaque)

    assert "no kind knows a, b" in told
    assert "say which with --kind: pairwise-loss, unpaired-loss" in told
    roles = ("policy_chosen_logps", "policy_rejected_logps", "reference_chosen_logps", "reference_rejected_logps")
    command = "--kind pairwise-loss --loss NAME --map " + " ".join(f"{role}=ARGUMENT" for role in roles)
    assert command in told


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"map": {"policy_choosen_logps": "pi_w"}}, "role in --map .* did you mean 'policy_chosen_logps'"),
        ({"map": {"beta": "betta"}}, "unknown argument of the subject 'betta'; did you mean 'beta'"),
        ({"loss": "dppo"}, "unknown formula 'dppo'; did you mean 'ppo' or 'dpo'"),
    ],
)
def test_a_misspelt_word_is_an_error_of_its_own(said: dict[str, Any], text: str) -> None:
    """Before anything about kinds."""
    with pytest.raises(UnknownNameError, match=text):
        recognised(dpo, Adaptation.of(said))


def test_a_mask_that_should_be_numbers_points_to_its_option() -> None:
    """With the shapes that the code was given."""
    told = message(gae)

    assert "it was given rewards (2, 4), values (2, 5), dones (2, 4), the form 'episodes'" in told
    assert (
        "the kind's other forms, --form: masked (`rewards`, `values` and `mask` (B, T), which may have holes); " in told
    )
    assert "neighbours (" not in told  # of groups
    assert "--mask-dtype float32 or --mask-dtype int64 gives them as numbers" in told


def simpo_of(self: Any, good: Tensor, bad: Tensor, good_len: Tensor) -> Tensor:
    """A method."""
    return good - bad


def test_everything_that_is_missing_is_asked_for_at_once() -> None:
    """Roles, arguments, free roles, and where options may be."""
    told = message(simpo_of, loss="simpo")

    assert "which of them is policy_chosen_logps and which is policy_rejected_logps?" in told
    assert "simpo_of also needs good, bad, good_len, and nothing says what they are" in told
    assert "chosen_mask, rejected_mask, chosen_lengths" in told
    assert "--map ROLE=self.NAME" in told
    assert "--assume OPTION=VALUE" in told


def test_where_no_form_runs_each_tells_its_keys() -> None:
    """So that the examples can be brought into one of them."""
    told = message(collate_pairs)

    assert "it runs on no form of examples (--form): ids (examples with `prompt_ids`, `chosen_ids`" in told
    assert "input-ids (examples with `prompt_input_ids`" in told


class Trainer:
    """Of the README."""

    def pair_loss(self, lp_w: Tensor, lp_l: Tensor, base_w: Tensor, base_l: Tensor) -> Tensor:
        """DPO, with the strength of the object."""
        beta: float = self.beta  # type: ignore[attr-defined]
        return -torch.nn.functional.logsigmoid(beta * ((lp_w - base_w) - (lp_l - base_l)))


def test_the_method_of_the_readme_is_called_as_the_readme_says() -> None:
    """Word for word."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    command = text.partition("check mypkg.trainer:Trainer.pair_loss ")[2].partition("```")[0].replace("\\", " ")
    words = command.partition("--map ")[2].split()
    said = {"loss": "dpo", "map": dict(word.split("=") for word in words)}

    told = recognised(Trainer.pair_loss, Adaptation.of(said)).get().assumptions
    assert "self.beta is beta: given" in told
    assert "on a small probe its value is not that of the formula" not in "\n".join(told)
