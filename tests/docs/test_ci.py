"""The CI recipe: the action and the workflows of docs/ci.md are what they say, as far as that shows on one machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from theorem_files import FALSE, THEOREMS

from alignprops.cli import build_parser
from alignprops.expected import read_expectations
from alignprops.options import OPTIONS
from alignprops.registry import find_theorem

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
GUIDE = (ROOT / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
WORKFLOWS = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]
STEPS: list[Mapping[str, Any]] = ACTION["runs"]["steps"]
BASH = str(shutil.which("bash"))
SCRIPTS = {step["name"]: step["run"] for step in STEPS if "run" in step}


def steps_of(workflow: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All steps of a workflow."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def texts(value: Any) -> Iterator[str]:
    """Every text in a YAML document."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


# --- the files say what is there ----------------------------------------------------------------------------------


def test_inputs_are_declared_explained_and_used() -> None:
    """Each one somewhere, and none that is not declared; all may be left out."""
    used = {name for text in texts(STEPS) for name in re.findall(r"inputs\.([\w-]+)", text)}

    assert ACTION["runs"]["using"] == "composite"
    assert used == set(ACTION["inputs"])
    for name, told in ACTION["inputs"].items():
        assert told["description"], name
        assert isinstance(told["default"], str), f"{name}: YAML makes numbers of what is not quoted"


def test_texts_of_users_reach_the_shell_as_variables_only() -> None:
    """An expression inside a script would be run as a part of it."""
    for name, script in SCRIPTS.items():
        assert "${{" not in script, name
    for step in STEPS:
        if "run" in step:
            assert step["shell"] == "bash"
            known = {"GITHUB_STEP_SUMMARY", "PATH", *step.get("env", {})}
            assert set(re.findall(r"\$\{?([A-Z_]+)", step["run"])) <= known, step["name"]


def test_steps_that_are_referred_to_exist() -> None:
    """A misspelt step is always of no outcome."""
    named = {name for text in texts(STEPS) for name in re.findall(r"steps\.([\w-]+)", text)}

    assert named <= {step.get("id") for step in STEPS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_bash(script: str) -> None:
    """Read by bash, not run."""
    done = subprocess.run([BASH, "-n"], input=SCRIPTS[script], text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_no_place_of_one_machine_is_named() -> None:
    """Nor any package index."""
    for text in (*texts(ACTION), GUIDE):
        assert not re.search(r"(?<![\w.\]*])/(work|home|root|usr|opt|tmp)\b", text)
        assert not re.search(r"pypi|whl|simple/", text)


def test_the_workflows_use_inputs_that_the_action_has() -> None:
    """And the guide shows both: with the action, and without."""
    (with_action,) = [step for workflow in WORKFLOWS for step in steps_of(workflow) if "alignprops@" in str(step)]

    assert len(WORKFLOWS) == 2
    assert with_action["with"].keys() <= ACTION["inputs"].keys()
    for workflow in WORKFLOWS:
        assert {"name", "jobs", "permissions"} <= workflow.keys()
        assert workflow.get("on") or workflow.get(True)  # YAML 1.1 reads `on` as true
        for step in steps_of(workflow):
            assert ("uses" in step) != ("run" in step)


# --- commands have the options that they are shown with -----------------------------------------------------------


def commands() -> list[str]:
    """Every command in the guide, in its workflows, its console blocks and its list of subjects."""
    runs = [step["run"] for workflow in WORKFLOWS for step in steps_of(workflow) if "run" in step]
    consoles = [
        line[2:] for name, text in BLOCKS if name == "console" for line in text.splitlines() if line[:2] == "$ "
    ]
    return [*runs, *consoles, *(f"alignprops check {line}" for line in subjects()), *action_commands()]


def subjects() -> list[str]:
    """The subjects of the workflow with the action."""
    (told,) = [s["with"]["subjects"] for w in WORKFLOWS for s in steps_of(w) if "subjects" in s.get("with", {})]
    return str(told).splitlines()


def action_commands() -> list[str]:
    """The commands of the action that run alignprops."""
    joined = [script.replace("\\\n", " ") for script in SCRIPTS.values()]
    found = [
        part for script in joined for part in re.findall(r"xargs ((?:alignprops|python -m pytest)[^|\n]*)", script)
    ]
    return [f"{part} mypkg.losses:dpo" if part.startswith("alignprops") else part for part in found]


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("alignprops ")])
def test_commands_of_ours_are_understood(command: str) -> None:
    """Every verb, option and choice, by the parser itself."""
    words = shlex.split(command, comments=True)[1:]

    parsed = build_parser(words[0]).parse_args(words)

    assert callable(parsed.execute)


def test_both_steps_of_the_action_are_among_the_commands() -> None:
    """So that the tests above and below speak of them."""
    assert [command.split()[0] for command in action_commands()] == ["python", "alignprops"]


def test_pytest_is_given_options_of_ours_that_exist() -> None:
    """In prose as well."""
    known = {f"--alignprops-{option.name}" for option in OPTIONS} | {"--alignprops-"}
    named = set(re.findall(r"--alignprops-[a-z-]*", GUIDE + "\n".join(SCRIPTS.values())))

    assert "--alignprops-report-dir" in named
    assert named <= known


def test_the_example_of_an_entry_is_one(tmp_path: Path) -> None:
    """Read by the reader of entries."""
    (text,) = [text for language, text in BLOCKS if language == "toml"]
    file = tmp_path / "entries.toml"
    file.write_text(text)

    (entry,) = read_expectations(file).entries

    assert find_theorem(entry.theorem).kind == "pairwise-loss"
    assert entry.claim == "preference-losses.reference.value::mypkg.losses:ipo_loss"
    assert tomllib.loads(text)["expected"][0].keys() == {
        "theorem", "subject", "reason", "issue", "expires", "added", "witness"
    }  # fmt: skip


def test_the_test_file_is_python() -> None:
    """The three lines, and their check."""
    (text,) = [text for language, text in BLOCKS if language == "python"]

    compile(text, "test_alignprops.py", "exec")
    assert "claim.check()" in text


# --- the steps, run by bash ---------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A repository with a theorem that holds and one that does not; its `alignprops` only says how it is called."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_alignprops.py").write_text(THEOREMS + FALSE)
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "alignprops"
    stub.write_text('#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\ncase "$*" in *wrong*) exit 1 ;; esac\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def bash(host: Path, step: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as the runner does."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", "CI")},
        "PATH": os.pathsep.join((str(host / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])),
        "REPORT_DIR": "told",
        "GITHUB_STEP_SUMMARY": str(host / "summary.md"),
        **variables,
    }
    command = [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[step]]
    return subprocess.run(command, cwd=host, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_pytest_fails_the_step_and_leaves_its_reports(host: Path) -> None:
    """Arguments keep their quotes; what it found is kept, and the summary has the claims."""
    arguments = "tests/test_alignprops.py -p no:cacheprovider -k 'false::toy or upper-bound::toy'\n"

    done = bash(host, "pytest", PYTEST_ARGUMENTS=arguments)

    assert done.returncode != 0, done.stdout + done.stderr
    told = json.loads((host / "told" / "report.json").read_text())
    assert told["totals"]["claims"] == {"of": 2, "proved": 1, "refuted": 1}
    assert (host / "told" / "junit.xml").is_file()
    assert bash(host, "Summary").returncode == 0
    summary = (host / "summary.md").read_text("utf-8")
    assert summary.startswith("## alignprops\n\n### pytest\n\n~~~~text\n")
    assert "refuted: squares.mean.false::toy" in summary
    assert summary.count("~~~~") == 2


def test_every_subject_is_checked_also_after_a_refutation(host: Path) -> None:
    """One call a line, with a report each; a refutation fails the step at its end."""
    lines = "mypkg:right --kind pairwise-loss\n\n# a remark\nmypkg:wrong --set 'mode=\"a b\"' $HOME `id`\nmypkg:last"

    done = bash(host, "alignprops check", SUBJECTS=lines)

    assert done.returncode == 1, done.stderr
    files = sorted(path.name for path in (host / "told").iterdir())
    assert files == ["check-1.txt", "check-2.txt", "check-3.txt"]
    first, second, third = ((host / "told" / name).read_text().splitlines() for name in files)
    report = ["<check>", "<--report-dir>", "<told>", "<--json>"]
    assert first == [*report, "<told/check-1.json>", "<mypkg:right>", "<--kind>", "<pairwise-loss>"]
    assert second == [*report, "<told/check-2.json>", "<mypkg:wrong>", "<--set>", '<mode="a b">', "<$HOME>", "<`id`>"]
    assert third == [*report, "<told/check-3.json>", "<mypkg:last>"]
    assert bash(host, "alignprops check", SUBJECTS="mypkg:right\n").returncode == 0


def test_the_summary_of_a_run_that_left_nothing(host: Path) -> None:
    """As after an installation that failed."""
    done = bash(host, "Summary")

    assert (done.returncode, done.stderr) == (0, "")
    assert (host / "summary.md").read_text() == "## alignprops\n"


def test_the_command_that_installs_is_one_of_a_shell(host: Path) -> None:
    """It may be several, and the first that fails fails the step."""
    name = "Install the repository and alignprops"

    assert bash(host, name, INSTALL="echo one && echo two > two.txt").stdout == "one\n"
    assert (host / "two.txt").read_text() == "two\n"
    assert bash(host, name, INSTALL="false\necho later").returncode != 0
