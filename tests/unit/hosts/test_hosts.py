"""`alignprops check HOST`: what is absent is told, wrappers work end to end, and a planted mistake is refuted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.hosts import fake_trl

from alignprops import InputError
from alignprops._errors import UnknownNameError
from alignprops.claims import claims_of
from alignprops.commands.replay import subject_of
from alignprops.engine import evaluate
from alignprops.hosts import HOSTS, callable_ones, host_subjects, is_of_host, subjects_like
from alignprops.settings import Settings

QUICK = Settings(max_examples=8, shrink_seconds=0.2)
VALUE = ["preference-losses.reference.value"]
Install = Callable[..., None]


def verdicts(pattern: str, theorems: list[str]) -> dict[str, str]:
    """The verdicts of some theorems on the subjects of a host, by subject."""
    found = {}
    for subject in subjects_like(pattern):
        for claim in claims_of(subject, theorems):
            found[subject.id] = evaluate(claim.theorem, subject, QUICK).verdict.value
    return found


@pytest.mark.parametrize("name", HOSTS)
def test_an_absent_host_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the host and says what to install."""
    monkeypatch.setattr("alignprops.hosts.making.version", _absent)
    with pytest.raises(InputError, match=rf"{name} is not installed in this environment: pip install {name}"):
        host_subjects(name)


def _absent(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(distribution)


def test_an_old_host_is_told(install: Install) -> None:
    """With the oldest version that can be checked."""
    install("trl", "0.7.4", {"trl/__init__.py": ""})
    with pytest.raises(InputError, match=r"trl 0\.7\.4 is too old, 0\.12 is the oldest that can be checked"):
        host_subjects("trl")


def test_a_host_that_cannot_be_imported_is_told(install: Install) -> None:
    """With the exception, and the package that is missing."""
    files = {"trl/__init__.py": "", "trl/trainer/dpo_trainer.py": "import package_of_nobody"}
    install("trl", "1.0", files)
    with pytest.raises(InputError, match=r"trl 1\.0 cannot be imported .*; pip install package_of_nobody"):
        host_subjects("trl")


def test_the_method_of_older_releases(install: Install) -> None:
    """Every loss type that the method knows is a subject; honest code holds, with what was assumed told."""
    install("trl", "0.27.1", fake_trl.method())
    assert verdicts("trl:*", VALUE) == {
        "trl:DPOTrainer.dpo_loss/sigmoid": "held",
        "trl:DPOTrainer.dpo_loss/hinge": "held",
    }
    (subject,) = subjects_like("trl:*sigmoid")
    assert subject.get().assumptions[0] == "trl 0.27.1"
    assert "stand-in trainer" in subject.get().assumptions[1]


def test_a_mistake_in_the_method_is_refuted(install: Install) -> None:
    """The reference's terms exchanged."""
    install("trl", "0.27.1", fake_trl.method("rejected - chosen"))
    assert set(verdicts("trl:*", VALUE).values()) == {"refuted"}


def test_the_inline_loss_of_newer_releases(install: Install) -> None:
    """Called with models that return the given log-probabilities, also where the row starts with the completion."""
    install("trl", "1.3", fake_trl.inline())
    prefix = "trl:DPOTrainer._compute_loss"
    expected = dict.fromkeys((f"{prefix}/sigmoid", f"{prefix}/ipo", f"{prefix}/ipo/keep_end"), "held")
    assert verdicts(f"{prefix}*", ["preference-losses.reference.value"]) == expected
    assert set(verdicts(f"{prefix}*", ["preference-losses.rewards.value"]).values()) == {"held"}


def test_a_length_that_counts_a_token_without_log_probability_is_refuted(install: Install) -> None:
    """Only where the prompt is cut off does the mistake show."""
    install("trl", "1.3", fake_trl.inline("mask"))
    found = verdicts("trl:*/ipo*", VALUE)
    assert found["trl:DPOTrainer._compute_loss/ipo"] == "held"
    assert found["trl:DPOTrainer._compute_loss/ipo/keep_end"] == "refuted"


def test_a_function_that_cannot_be_called_is_told_and_the_others_are_checked(install: Install) -> None:
    """A release that reads something new of its trainer is no reason to check nothing."""
    files = fake_trl.method()
    files["trl/trainer/dpo_trainer.py"] = files["trl/trainer/dpo_trainer.py"].replace("torch.relu", "self.new.relu")
    install("trl", "0.27.1", files)
    usable, refused = callable_ones(host_subjects("trl"))
    assert [subject.id for subject in usable] == ["trl:DPOTrainer.dpo_loss/sigmoid"]
    assert list(refused) == ["trl:DPOTrainer.dpo_loss/hinge"]
    assert (
        "of trl 0.27.1 cannot be called: it raised on a small float64 input" in refused["trl:DPOTrainer.dpo_loss/hinge"]
    )


def test_a_subject_of_a_host_is_found_again_by_its_id(install: Install) -> None:
    """So that a stored witness can be replayed; and a user's own module is not taken for a host."""
    install("trl", "0.27.1", fake_trl.method())
    assert subject_of("trl:DPOTrainer.dpo_loss/sigmoid", "pairwise-loss").id == "trl:DPOTrainer.dpo_loss/sigmoid"
    with pytest.raises(UnknownNameError, match="subject of trl"):
        subject_of("trl:DPOTrainer.dpo_loss/sgmoid", "pairwise-loss")
    assert not is_of_host("trl.trainer.dpo_trainer:DPOTrainer")
    assert not is_of_host("trl")


def test_a_name_that_is_no_host(install: Any) -> None:
    """With the hosts that there are."""
    with pytest.raises(UnknownNameError, match="openrlhf"):
        host_subjects("openrlfh")
