"""The host's front door without pytest: claims as text, reports, and what `check` does with each verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alignprops as ap
from alignprops import InputError, Result, Settings, UnknownNameError, Verdict, ambient, claims, engine
from alignprops.claims import Claim, ClaimFailed, Report
from alignprops.config import resolve
from alignprops.dynamics.last_layer import train
from alignprops.subjects.last_layer import single_rate

THEOREM = "learning-dynamics.initial-rate"
FEW = Settings(max_examples=10)


def trajectory(problem: Any) -> Any:
    """A host's trainer: the bare trajectory of the difference of the two rows."""
    return np.stack(list(train(problem).updates))


def test_a_claim_is_its_id() -> None:
    """Text that can be a test id, with the theorem and the subject at hand."""
    (claim,) = claims.claims(trajectory, kind="last-layer", theorems=THEOREM)

    assert claim == f"{THEOREM}::{trajectory.__module__}:trajectory"
    assert type(f"{claim}") is str
    assert (claim.theorem.id, claim.subject.kind) == (THEOREM, "last-layer")


def test_subjects_and_theorems_come_one_or_several() -> None:
    """Objects, dotted names, ids, globs and suites; only theorems about the kind are kept."""
    two = ["alignprops.dynamics.last_layer:train", trajectory]

    assert len(claims.claims(two, kind="last-layer", theorems=[THEOREM, "*.update-rate.*"])) == 2 * 6
    everything = claims.claims(tuple(two[:1]), kind="last-layer")
    assert {claim.theorem.kind for claim in everything} == {"last-layer"}
    assert len(everything) == len(claims.claims(two[0], kind="last-layer", theorems="learning_dynamics"))


def test_check_reports_every_claim() -> None:
    """A row of report.json each, and the failures among them."""
    good = ap.check(trajectory, kind="last-layer", theorems=THEOREM, settings=FEW)
    bad = ap.check(single_rate, kind="last-layer", theorems=[THEOREM, "*.symmetry.rotation"], settings=FEW)

    assert [result.verdict for result in good.results] == [Verdict.HELD]
    assert good.failures == ()
    assert [row["id"] for row in good.to_json()] == [f"{THEOREM}::{trajectory.__module__}:trajectory"]
    assert [result.theorem for result in bad.failures] == [THEOREM]
    assert {result.verdict for result in bad.results} >= {Verdict.REFUTED}


def test_a_report_is_no_truth_value() -> None:
    """`assert ap.check(…)` would pass whatever the verdicts are."""
    with pytest.raises(TypeError, match="a report is no truth value; look at its results, or at `failures`"):
        bool(Report(()))
    with pytest.raises(TypeError, match="a result is no truth value"):
        bool(Result("a.b", "s", Verdict.HELD, "held"))


def test_a_refutation_raises_with_the_whole_report() -> None:
    """An AssertionError, so that a host's test fails and does not break."""
    (claim,) = claims.claims(single_rate, kind="last-layer", theorems=THEOREM)

    with pytest.raises(ClaimFailed) as caught:
        claim.check(Settings(max_examples=10, seed=3))

    assert isinstance(caught.value, AssertionError)
    told = str(caught.value)
    assert told.startswith(f"refuted: {claim}\n")
    assert f"replay     python -m pytest -k '{claim}' --alignprops-seed=3 --alignprops-max-examples=10" in told


@pytest.mark.parametrize(
    ("verdict", "strict", "outcome"),
    [
        (Verdict.ERROR, False, "fails"),
        (Verdict.REFUTED, False, "fails"),
        (Verdict.VACUOUS, False, "fails"),
        (Verdict.INCONCLUSIVE, False, "skips"),
        (Verdict.INCONCLUSIVE, True, "fails"),
        (Verdict.NOT_APPLICABLE, True, "skips"),
        (Verdict.HELD, True, "passes"),
        (Verdict.PROVED, True, "passes"),
    ],
)
def test_every_verdict_has_its_outcome(
    verdict: Verdict, strict: bool, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for theorems that pytest collects; a skip gives its reason."""
    (claim,) = claims.claims(trajectory, kind="last-layer", theorems=THEOREM)
    found = Result(THEOREM, claim.subject.id, verdict, "because")
    monkeypatch.setattr(engine, "evaluate", lambda *_: found)
    settings = Settings(strict=strict)

    if outcome == "passes":
        claim.check(settings)
    elif outcome == "skips":
        with pytest.raises(pytest.skip.Exception, match=f"{verdict.value}: because"):
            claim.check(settings)
    else:
        with pytest.raises(ClaimFailed, match="because"):
            claim.check(settings)


def test_settings_are_those_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The innermost of sessions that are running; outside of pytest those of the environment."""
    seen: list[Settings] = []
    monkeypatch.setattr(engine, "evaluate", lambda *given: seen.append(given[2]) or Result("a", "b", Verdict.HELD, ""))
    monkeypatch.setattr(ambient, "_sessions", [])
    monkeypatch.setenv("ALIGNPROPS_SEED", "5")
    (claim,) = claims.claims(trajectory, kind="last-layer", theorems=THEOREM)

    claim.check()
    leave = ambient.enter(lambda: resolve({"seed": "7", "max_examples": "12"}))
    claim.check()
    leave()
    claim.check()
    claim.check(FEW)

    assert [(settings.seed, settings.max_examples) for settings in seen[:2]] == [(5, seen[0].max_examples), (7, 12)]
    assert [settings.seed for settings in seen[2:]] == [5, 0]


def test_bad_selections_are_refused() -> None:
    """Told before anything runs."""
    with pytest.raises(UnknownNameError, match="unknown subject kind 'last'"):
        claims.claims(trajectory, kind="last")
    with pytest.raises(InputError, match=r"two subjects have the id '.*<?lambda>?'; give them names of their own"):
        claims.claims([lambda _: None, lambda _: None], kind="last-layer")
    with pytest.raises(InputError, match=r"no theorem among learning-dynamics\.reduction is about a 'policy' subject"):
        claims.claims(trajectory, kind="policy", theorems="learning-dynamics.reduction")


def test_parametrize_gives_string_ids() -> None:
    """A mark that pytest can distribute: the values are text."""
    mark = ap.parametrize_claims(trajectory, kind="last-layer", theorems=THEOREM).mark

    assert mark.args[0] == "claim"
    assert mark.kwargs["ids"] == [str(value) for value in mark.args[1]]
    assert all(isinstance(value, Claim) for value in mark.args[1])
