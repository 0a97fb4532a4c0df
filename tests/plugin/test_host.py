"""A host repository's three lines: its own trainer against the theorems, under its own pytest options."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import torch  # noqa: F401  # inner runs share this process, and torch must not be imported twice

from alignprops.registry import find_theorems
from alignprops.report.json_report import json_schema
from alignprops.subjects import kind_named

TRAINERS = '''
import numpy as np


def _descend(problem, factor):
    z = problem.signs[:, None] * problem.features
    weights = problem.counts / problem.counts.sum()
    updates = [np.zeros(z.shape[1])]
    for _ in range(problem.steps):
        margins = problem.beta * (z @ updates[-1])
        with np.errstate(over="ignore"):
            pull = weights / (1 + np.exp(margins))
        updates.append(updates[-1] + factor * problem.eta * problem.beta * (pull @ z))
    return np.stack(updates)


def right(problem):
    """DPO on the last layer: both rows move, so that their difference moves by 2η."""
    return _descend(problem, 2)


def wrong(problem):
    """Forgets that both rows move."""
    return _descend(problem, 1)


def short(problem):
    """Forgets the start."""
    return _descend(problem, 2)[1:]


def broken(problem):
    raise ZeroDivisionError("no such trainer")
'''

HOST = """
import alignprops as ap


@ap.parametrize_claims({subjects}, kind="last-layer", theorems={theorems})
def test_alignprops(claim):
    claim.check()
"""

THEOREMS = ["learning-dynamics.initial-rate", "learning-dynamics.update-rate.upper-bound"]
RIGHT = "test_mine.py::test_alignprops[{}::mypkg.heads:right]"


@pytest.fixture(scope="module", autouse=True)
def _suites() -> None:
    """Imported once, and not anew by every inner run."""
    find_theorems()
    kind_named("last-layer")


@pytest.fixture
def host(pytester: pytest.Pytester) -> pytest.Pytester:
    """A package with trainers, importable from the rootdir."""
    pytester.makepyfile(**{"mypkg/__init__": "", "mypkg/heads": TRAINERS})
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def write(host: pytest.Pytester, *names: str, theorems: object = THEOREMS, **more: str) -> Path:
    """The host's test file, about the trainers of these names."""
    subjects = [f"mypkg.heads:{name}" for name in names]
    return host.makepyfile(test_mine=HOST.format(subjects=subjects, theorems=repr(theorems)), **more)


def test_a_right_trainer_passes_and_the_ids_are_the_claims(host: pytest.Pytester) -> None:
    """Ids are plain strings, safe to distribute and to paste back; no marker of ours is unknown to the host."""
    write(host, "right")

    result = host.runpytest_subprocess("-v", "--strict-markers", "-n", "2", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random([f"*PASSED*{RIGHT.format(name)}*".replace("[", "[[]") for name in THEOREMS])
    host.runpytest(RIGHT.format(THEOREMS[0])).assert_outcomes(passed=1)


def test_a_right_trainer_passes_every_theorem(host: pytest.Pytester) -> None:
    """All that the suite says of a trained head, on a few examples each."""
    write(host, "right", theorems="learning-dynamics.*")

    result = host.runpytest("--alignprops-max-examples=10", "-q")

    counted = result.parseoutcomes()
    assert counted.keys() <= {"passed", "skipped"}
    assert counted["passed"] >= 20


def test_a_wrong_trainer_fails_with_the_witness(host: pytest.Pytester) -> None:
    """The failure is the claim, its statement and its witness; frames of ours are not shown."""
    write(host, "wrong", theorems=THEOREMS[0])

    result = host.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*ClaimFailed: refuted: learning-dynamics.initial-rate::mypkg.heads:wrong",
            "E*statement  *",
            "E*source     *",
            "E*reason     'rate' refuted beyond the derived tolerance after *",
            "E*simplest witness *",
            "E*features = *",
            "E*replay     python -m pytest -k 'learning-dynamics.initial-rate::mypkg.heads:wrong' --alignprops-seed=*",
        ]
    )
    for frame in ("*engine.py*", "*claims.py*"):
        result.stdout.no_fnmatch_line(frame)


def test_the_printed_command_gives_the_witness_again(host: pytest.Pytester) -> None:
    """Seed and number of examples of the session reach the host's test."""
    write(host, "wrong", "right", theorems=THEOREMS[0])
    first = host.runpytest("--alignprops-seed=5", "--alignprops-max-examples=20")
    command = next(line for line in first.outlines if " replay " in line).split("pytest ")[1]
    witness = next(line for line in first.outlines if "simplest witness" in line)
    assert command.endswith("--alignprops-seed=5 --alignprops-max-examples=20")

    again = host.runpytest(*(part.strip("'") for part in command.split()))

    again.assert_outcomes(failed=1, deselected=1)
    again.stdout.fnmatch_lines([witness])


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_claims_of_a_host_are_rows_of_the_report(host: pytest.Pytester, workers: list[str]) -> None:
    """As those of collected theorems: on the terminal, in report.json and in JUnit; the witness is stored."""
    write(host, "right", "wrong", theorems=THEOREMS[0])
    run = host.runpytest_subprocess if workers else host.runpytest

    result = run("--alignprops-report-dir=told", "--junitxml=junit.xml", *workers)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["1 theorem, 2 claims: 1 refuted, 1 held"])
    report = json.loads((host.path / "told" / "report.json").read_text())
    jsonschema.validate(report, json_schema(), cls=jsonschema.Draft202012Validator)
    claims = {claim["subject"]: claim for claim in report["claims"]}
    assert {name: claim["verdict"] for name, claim in claims.items()} == {
        "mypkg.heads:right": "held",
        "mypkg.heads:wrong": "refuted",
    }
    assert claims["mypkg.heads:right"]["evidence"]["sampled"]["effective"] > 0
    assert Path(claims["mypkg.heads:wrong"]["witness"]["simplest"]["file"]).is_file()
    assert '<property name="alignprops_verdict" value="refuted"' in (host.path / "junit.xml").read_text()


def test_settings_of_the_ini_file_reach_the_hosts_test(host: pytest.Pytester) -> None:
    """As for theorems that pytest collects."""
    host.makeini("[pytest]\npythonpath = .\nalignprops_seed = 11\n")
    write(host, "wrong", theorems=THEOREMS[0])

    host.runpytest().stdout.fnmatch_lines(["*--alignprops-seed=11 *"])


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        ("short", "the trainer returned shape (*), expected (steps + 1, d) = *"),
        ("broken", "ZeroDivisionError: no such trainer"),
    ],
)
def test_a_trainer_that_breaks_its_contract_is_an_error(host: pytest.Pytester, trainer: str, reason: str) -> None:
    """Told with what it should have returned, never a pass."""
    write(host, trainer, theorems=THEOREMS[0])

    result = host.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*error: learning-dynamics.initial-rate::mypkg.heads:{trainer}", f"*{reason}*"])


@pytest.mark.parametrize(
    ("subject", "kind", "theorems", "message"),
    [
        ("mypkg.heads:rigth", "last-layer", "*", "unknown attribute of mypkg.heads 'rigth'; did you mean 'right'?"),
        ("mypkg.head:right", "last-layer", "*", "the module mypkg.head cannot be imported"),
        ("mypkg.heads", "last-layer", "*", "subject 'mypkg.heads': expected package.module:attribute"),
        ("mypkg.heads:right", "last-layr", "*", "unknown subject kind 'last-layr'; did you mean 'last-layer'"),
        ("mypkg.heads:right", "last-layer", "learning-dynamics.initial", "unknown theorem or suite"),
        ("mypkg.heads:right", "last-layer", "learning-dynamics.misalignment-rate", "is about a 'last-layer' subject"),
    ],
)
def test_a_bad_selection_is_a_collection_error(
    host: pytest.Pytester, subject: str, kind: str, theorems: str, message: str
) -> None:
    """Nothing runs, and the message says what was meant."""
    text = HOST.format(subjects=[subject], theorems=repr(theorems)).replace('"last-layer"', repr(kind))
    host.makepyfile(test_mine=text)

    result = host.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*Error: *{message}*".replace("[", "[[]")])
