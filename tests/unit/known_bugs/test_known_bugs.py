"""The list of known bugs is complete, its links have the right form, and what looks alike comes first."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from alignprops import InputError
from alignprops.known_bugs import PROPERTY_CODES, KnownBug, bugs_like, known_bug, known_bugs
from alignprops.subjects import kind_named

KINDS = {
    "pairwise-loss",
    "unpaired-loss",
    "sequence-logprob",
    "aggregation",
    "kl-estimator",
    "policy-loss",
    "advantages",
    "preference-data",
}
LINK = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(issues/\d+|pull/\d+|commit/[0-9a-f]{7,40})")


def test_the_list_has_every_bug_once() -> None:
    """93 rows, numbered from 1 without a gap, and no two of them the same."""
    assert [bug.number for bug in known_bugs()] == list(range(1, 94))
    assert len({(bug.source, bug.symptom) for bug in known_bugs()}) == 93


@pytest.mark.parametrize("bug", known_bugs(), ids=lambda bug: str(bug.number))
def test_every_bug_is_told_in_full(bug: KnownBug) -> None:
    """Links to an issue, a pull request or a commit that the source names; codes and kinds that exist."""
    assert bug.links
    assert all(LINK.fullmatch(link) for link in bug.links), bug.links
    assert len(set(bug.links)) == len(bug.links)
    for link in bug.links:
        assert link.rpartition("/")[2] in bug.source
    named = set(re.findall(r"#(\d+)", bug.source)) | set(re.findall(r"\b[0-9a-f]{7,8}\b", bug.source))
    assert named == {link.rpartition("/")[2] for link in bug.links}
    assert bug.codes
    assert set(bug.codes) <= PROPERTY_CODES.keys()
    assert len(set(bug.codes)) == len(bug.codes)
    assert set(bug.kinds) <= KINDS
    assert len(set(bug.kinds)) == len(bug.kinds)
    assert bug.symptom
    assert bug.exposed_by
    wrong, arrow, right = bug.mistake.partition(" -> ")
    assert arrow
    assert wrong
    assert right


def test_every_code_and_kind_is_used() -> None:
    """16 codes with a meaning each; every kind has bugs, and some bugs take a whole trainer."""
    assert len(PROPERTY_CODES) == 16
    assert all(PROPERTY_CODES.values())
    assert {code for bug in known_bugs() for code in bug.codes} == set(PROPERTY_CODES)
    assert {kind for bug in known_bugs() for kind in bug.kinds} == KINDS
    assert any(not bug.kinds for bug in known_bugs())


def test_a_bug_is_found_by_its_number() -> None:
    """A number outside of the list is told."""
    assert known_bug(7).symptom.startswith("ORPO SFT term has the wrong sign")
    assert known_bug(93).number == 93
    for number in (0, 94, -1):
        with pytest.raises(InputError, match=f"unknown known bug '{number}'"):
            known_bug(number)


def test_bugs_alike_come_with_the_most_codes_in_common_first() -> None:
    """Only those of the kind that share a code; the most direct first among equals."""
    alike = bugs_like("pairwise-loss", ["SGN", "REF"])

    shared = [len({"SGN", "REF"} & set(bug.codes)) for bug in alike]
    assert shared == sorted(shared, reverse=True)
    assert min(shared) == 1
    assert {bug.number for bug in alike if len({"SGN", "REF"} & set(bug.codes)) == 2} == {7, 19}
    assert all("pairwise-loss" in bug.kinds for bug in alike)
    assert bugs_like("pairwise-loss", ["SGN"])[0].codes[0] == "SGN"
    assert bugs_like("preference-data", ["KL"]) == ()
    assert bugs_like("last-layer", ["SGN"]) == ()


def test_a_bug_of_another_formula_is_not_alike() -> None:
    """The sign of ORPO's own term cannot be wrong in DPO; a gradient that is zero can."""
    numbers = {
        formula: [bug.number for bug in bugs_like("pairwise-loss", ["SGN"], formula=formula)]
        for formula in ("dpo", "orpo")
    }

    assert numbers == {"dpo": [20], "orpo": [20, 7, 19]}
    assert [bug.number for bug in bugs_like("pairwise-loss", ["SGN"])] == [20, 22, 7, 19]


def test_every_formula_of_a_bug_is_one_of_a_kind_of_it() -> None:
    """And each of its kinds has one of them, so that the bug is found there."""
    formulas = {kind: {subject.get().specification.name for subject in kind_named(kind).references} for kind in KINDS}

    for bug in known_bugs():
        if bug.formulas:
            assert all(formulas[kind] & set(bug.formulas) for kind in bug.kinds), bug
            assert set(bug.formulas) <= set().union(*(formulas[kind] for kind in bug.kinds)), bug


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    """A typing error must not look like 'no bug is alike'."""
    with pytest.raises(InputError, match=r"unknown property code 'SNG'; did you mean 'SGN'"):
        bugs_like("pairwise-loss", ["SNG"])


def test_reading_the_list_imports_nothing_heavy() -> None:
    """Reports of a host's run read it."""
    heavy = ("numpy", "sympy", "torch", "hypothesis", "transformers")
    code = f"import sys, alignprops.known_bugs as k; k.known_bugs(); print([m for m in {heavy} if m in sys.modules])"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert told.stdout.strip() == "[]"
