"""Verdicts and results."""

from __future__ import annotations

import json

import pytest
from specimens import COUNTERFEIT, HONEST, IDENTITY, QUICK

from alignprops import Verdict
from alignprops.engine import attack_mutants, evaluate, prove
from alignprops.results import merged


def test_verdicts_have_an_order_of_precedence() -> None:
    """error > refuted > vacuous > inconclusive > held > proved, and not-applicable last."""
    order = ["error", "refuted", "vacuous", "inconclusive", "held", "proved", "not-applicable"]

    assert [verdict.value for verdict in Verdict] == order
    for weaker, stronger in zip(order[1:], order, strict=False):
        assert merged([Verdict(weaker), Verdict(stronger), Verdict(weaker)]) is Verdict(stronger)
    assert merged([]) is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_fails_a_run(verdict: Verdict) -> None:
    """An inconclusive claim fails only under strict, which is not the verdict's to say."""
    assert verdict.fails == (verdict.value in ("error", "refuted", "vacuous"))


def test_results_are_plain_data() -> None:
    """Every result goes through JSON unchanged."""
    results = (evaluate(IDENTITY, HONEST, QUICK), evaluate(IDENTITY, COUNTERFEIT, QUICK))
    for told in (*(r.to_json() for r in results), attack_mutants(IDENTITY, QUICK).to_json(), prove(IDENTITY).to_json()):
        assert json.loads(json.dumps(told)) == told
    held, refuted = (result.to_json() for result in results)

    assert held["id"] == "specimen.square.identity::toy"
    assert held["witness"] is None
    assert set(refuted["witness"]) == {"simplest", "worst"}
    assert set(refuted["witness"]["simplest"]) == {"hash", "instance"}
    assert set(held["evidence"]["sampled"]) == {
        "examples", "effective", "premises", "statements", "tightness", "slack", "within_rounding", "attained",
    }  # fmt: skip
