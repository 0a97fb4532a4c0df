"""Reports: assembled, counted, written whole, and readable on 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alignprops import InputError
from alignprops.config import Configuration
from alignprops.report import json_report
from alignprops.report.failure import explain
from alignprops.report.terminal import summary

LONG = "learning-dynamics.update-rate.straight-line-of-a-remarkably-long-name"


def described(theorem: str) -> dict[str, Any]:
    """Return a theorem as reports describe it."""
    return {
        "id": theorem,
        "suite": "acme",
        "title": "A is at most B.",
        "source": "nobody, nowhere",
        "statement": "a <= b",
        "latex": r"a \leq b",
    }


def sampled(effective: int = 90, tightness: float | None = 0.98765) -> dict[str, Any]:
    """Return sampled evidence."""
    return {
        "examples": 100,
        "effective": effective,
        "premises": {"small step": {"held": effective, "of": 100}},
        "tightness": tightness,
        "slack": 3.5,
        "within_rounding": 0,
        "attained": 2,
    }


def claim(theorem: str, verdict: str = "held", **facts: Any) -> dict[str, Any]:
    """Return a result as the plugin puts it on a report."""
    result = {
        "theorem": theorem,
        "subject": "toy",
        "verdict": verdict,
        "reason": "because",
        "evidence": {"sampled": sampled()},
        "witness": None,
        "seconds": 0.5,
        **facts,
    }
    return {"item": "claim", "theorem": described(theorem), "result": result}


def mutants(theorem: str, *killed: bool) -> dict[str, Any]:
    """Return the fates of some mutants."""
    fates = [{"name": f"m{n}", "killed": dead, "by": None, "examples": 7} for n, dead in enumerate(killed)]
    verdict = "held" if all(killed) else "error"
    result = {"theorem": theorem, "verdict": verdict, "reason": "counted", "mutants": fates, "seconds": 0.1}
    return {"item": "mutants", "theorem": described(theorem), "result": result}


def proof(theorem: str, status: str = "proved") -> dict[str, Any]:
    """Return the fate of one proof."""
    fate = {
        "name": "secant",
        "concludes": "lemma",
        "status": status,
        "method": "factor",
        "domain": "all reals",
        "seconds": 0.2,
        "reason": "resisted",
    }
    result = {"theorem": theorem, "verdict": "held", "reason": "decided", "proofs": [fate], "seconds": 0.2}
    return {"item": "proof", "theorem": described(theorem), "result": result}


def assembled(*results: dict[str, Any]) -> dict[str, Any]:
    """Return the report of these results."""
    return json_report.assemble(json_report.describe_run(Configuration(), 0.0, "ok"), results)


WITNESS = {
    "simplest": {"hash": "0123456789abcdef", "instance": {"signs": [1, -1], "eta": float("inf")}, "file": None},
    "worst": {"hash": "0123456789abcdef", "instance": {"signs": [1, -1], "eta": float("inf")}, "file": None},
}


def test_results_of_any_order_make_one_report() -> None:
    """Parts of a theorem meet under its id; theorems and claims are sorted."""
    parts = [proof("b.x.y"), claim("b.x.y"), mutants("b.x.y", True, False), claim("a.x.y", "refuted")]

    report, reverse = assembled(*parts), assembled(*reversed(parts))

    assert [theorem["id"] for theorem in report["theorems"]] == ["a.x.y", "b.x.y"]
    assert report["totals"] == {
        "theorems": 2,
        "claims": {"of": 2, "held": 1, "refuted": 1},
        "mutants": {"of": 2, "killed": 1},
        "proofs": {"of": 1, "proved": 1},
    }
    assert reverse["theorems"] == report["theorems"]
    assert reverse["claims"] == report["claims"]


def test_the_written_report_fits_the_schema(tmp_path: Path) -> None:
    """Numbers that JSON does not have are spelled; nothing but the report is left in the folder."""
    report = assembled(
        claim("a.x.y", "refuted", witness=WITNESS, evidence={"sampled": sampled(tightness=float("inf"))}),
        mutants("a.x.y", True),
        proof("a.x.y"),
    )

    json_report.write(report, tmp_path)

    read = json.loads((tmp_path / "report.json").read_text("utf-8"))
    jsonschema.validate(read, json_report.json_schema(), cls=jsonschema.Draft202012Validator)
    assert read["claims"][0]["evidence"]["sampled"]["tightness"] == "inf"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("spoilt", ["verdict", "killed", "id"])
def test_the_schema_refuses_what_is_no_report(spoilt: str) -> None:
    """The schema test can fail."""
    report = assembled(claim("a.x.y"), mutants("a.x.y", True))
    if spoilt == "verdict":
        report["claims"][0]["verdict"] = "fine"
    elif spoilt == "killed":
        del report["theorems"][0]["mutants"][0]["killed"]
    else:
        report["claims"][0]["id"] = "no claim id"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, json_report.json_schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_itself_is_valid() -> None:
    """As JSON schema, draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(json_report.json_schema())


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the way, before any work."""
    (tmp_path / "out").write_text("in the way")

    with pytest.raises(InputError, match=r"the report folder .*out cannot be written: .*; choose another"):
        json_report.require_writable(tmp_path / "out")


def test_the_summary_is_readable_on_80_columns() -> None:
    """Rows a claim with counts, then totals with denominators; long ids fold."""
    report = assembled(
        claim("acme.a.b"),
        mutants("acme.a.b", True, True),
        proof("acme.a.b"),
        claim("acme.c.d", "refuted"),
        claim(LONG, "vacuous", evidence={"sampled": sampled(0, None)}),
        proof("acme.symbolic.only"),
    )

    shown = summary(report, table=True, colour=False, width=80)

    assert max(map(len, shown.splitlines())) <= 80
    assert shown.splitlines()[:3] == [
        "claim                                 verdict  effective  tight  mutants  proofs",
        "acme",
        " a.b::toy                             held        90/100  0.988      2/2     1/1",
    ]
    assert shown.splitlines()[-3:] == [
        "4 theorems, 3 claims: 1 refuted, 1 vacuous, 1 held",
        "mutants 2/2 killed, proofs 2/2 decided",
        "profile dev: 100 examples a claim, seed 0",
    ]


def test_a_failure_tells_everything_once() -> None:
    """Statement, source, reason, premises, witnesses, and the command that gives it again."""
    result = claim("acme.a.b", "refuted", witness=WITNESS)["result"]

    shown = explain(described("acme.a.b"), result, replay="alignprops replay x")

    assert shown.splitlines() == [
        "refuted: acme.a.b::toy",
        "  A is at most B.",
        "  statement  a <= b",
        "  source     nobody, nowhere",
        "  reason     because",
        "  premise    small step: met by 90 of 100 inputs",
        "  simplest witness 01234567 (and the worst):",
        "      signs = [1, -1]",
        "      eta = Infinity",
        "  replay     alignprops replay x",
    ]


def test_a_failure_names_survivors_and_undecided_proofs() -> None:
    """What is wrong with mutants and proofs is told by name."""
    survivors = explain(described("a.b"), mutants("a.b", True, False)["result"], replay="pytest x")
    undecided = explain(described("a.b"), proof("a.b", "undecided")["result"], replay="pytest x")

    assert "  survivor   'm1', after 7 inputs" in survivors.splitlines()
    assert "  undecided  'secant' (all reals): resisted" in undecided.splitlines()
