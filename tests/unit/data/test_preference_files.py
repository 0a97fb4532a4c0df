"""Preference files: what is read, and what is refused with which words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alignprops._errors import DataError, UnknownNameError
from alignprops.data import Behaviour, Statement, load_preferences

YES, NO = " Yes", " No"


def persona(question: str, chosen: str = YES) -> dict[str, object]:
    """A statement as the persona evaluations write it."""
    return {
        "question": question,
        "statement": "ignored",
        "answer_matching_behavior": chosen,
        "answer_not_matching_behavior": NO if chosen == YES else YES,
    }


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, object]:
    """A preference pair."""
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def write(path: Path, *records: object) -> Path:
    """Write records a line each."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_persona_statements_become_prompt_and_answers(tmp_path: Path) -> None:
    """The prompt is the question and a newline; the matching answer is preferred."""
    path = write(tmp_path / "kind.jsonl", persona("Q1"), persona("Q2", NO))

    preferences = load_preferences(path)

    assert preferences.format == "persona"
    assert preferences.names == ("kind",)
    assert preferences.behaviours[0].statements == (
        Statement("Q1\n", YES, NO, 1),
        Statement("Q2\n", NO, YES, 2),
    )


def test_pairs_are_kept_as_written(tmp_path: Path) -> None:
    """A preference pair's prompt gets nothing appended."""
    path = write(tmp_path / "p.jsonl", pair("a:", " b c", " d"), pair("e:", " d", " b"))

    preferences = load_preferences([path])

    assert preferences.format == "pairs"
    assert preferences.behaviours[0].statements[0] == Statement("a:", " b c", " d", 1)


def test_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    """One behaviour a file, sorted; other files are left alone."""
    for name in ("b", "a"):
        write(tmp_path / f"{name}.jsonl", persona("Q"), persona("R", NO))
    (tmp_path / "README.md").write_text("no data")

    assert load_preferences(tmp_path).names == ("a", "b")


def test_only_the_behaviours_asked_for_are_opened(tmp_path: Path) -> None:
    """A broken file beside the one asked for does not matter."""
    write(tmp_path / "good.jsonl", persona("Q"), persona("R", NO))
    (tmp_path / "broken.jsonl").write_text("{")

    assert load_preferences(tmp_path, behaviours=["good"]).names == ("good",)


def test_unknown_behaviour_is_told_with_the_nearest(tmp_path: Path) -> None:
    """A mistyped name is answered with the one probably meant."""
    write(tmp_path / "risk-averse.jsonl", persona("Q"), persona("R", NO))

    with pytest.raises(UnknownNameError, match="unknown behaviour 'risk-avers'; did you mean 'risk-averse'"):
        load_preferences(tmp_path, behaviours=["risk-avers"])


def test_max_statements_reads_only_the_first(tmp_path: Path) -> None:
    """Lines after the last one wanted are not even parsed."""
    path = write(tmp_path / "kind.jsonl", persona("Q"), persona("R", NO))
    path.write_text(path.read_text() + "\n\nnot JSON\n")

    assert len(load_preferences(path, max_statements=2)) == 2


def test_names_are_made_safe_and_distinct(tmp_path: Path) -> None:
    """File names are untrusted; two that look alike afterwards are told apart."""
    for name in ("a b", "a|b", "::x"):
        write(tmp_path / f"{name}.jsonl", persona("Q"), persona("R", NO))

    assert load_preferences(tmp_path).names == ("x", "a-b", "a-b-2")


def test_contradictions_and_duplicates_are_counted() -> None:
    """The same statement with both labels, or twice with one, is real data."""
    both = [Statement("Q\n", YES, NO, 1), Statement("Q\n", NO, YES, 2), Statement("Q\n", YES, NO, 3)]
    behaviour = Behaviour("b", (*both, Statement("R\n", NO, YES, 4)), "b.jsonl")

    assert behaviour.contradictory == 1
    assert behaviour.duplicates == 1


def test_byte_order_mark_and_blank_lines_are_read_over(tmp_path: Path) -> None:
    """Windows editors write both; line numbers still count every line."""
    path = write(tmp_path / "kind.jsonl", persona("Q"), persona("R", NO))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n\r\n"))

    assert [s.line for s in load_preferences(path).behaviours[0].statements] == [1, 3]


LINES = {
    "{": r"kind.jsonl:2: not JSON \(.+\); expected one JSON object a line",
    "[" * 100_000: r"kind.jsonl:2: not JSON",
    "[1]": "kind.jsonl:2: expected a JSON object, found a list; one object a line",
    "null": "kind.jsonl:2: expected a JSON object, found null",
    '{"question": "Q"}': "kind.jsonl:2: missing 'answer_matching_behavior', 'answer_not_matching_behavior'",
    json.dumps(persona("Q") | {"question": 3}): "kind.jsonl:2: 'question' must be text, found a number",
    json.dumps(persona("Q") | {"question": None}): "kind.jsonl:2: 'question' must be text, found null",
    json.dumps(persona("\ud800")): "kind.jsonl:2: 'question' is not valid Unicode",
    json.dumps(persona("Q") | {"answer_matching_behavior": "Yes"}): (
        "kind.jsonl:2: unknown label 'Yes' in 'answer_matching_behavior'; expected ' Yes' or ' No'"
    ),
    json.dumps(persona("Q") | {"answer_not_matching_behavior": YES}): (
        "kind.jsonl:2: 'answer_matching_behavior' and 'answer_not_matching_behavior' are identical"
    ),
}


@pytest.mark.parametrize(("line", "message"), LINES.items(), ids=[m[:50] for m in LINES.values()])
def test_bad_line_is_refused_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    """The message names the place and what was expected there."""
    path = write(tmp_path / "kind.jsonl", persona("Q"))
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(DataError, match=message):
        load_preferences(path)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "kind.jsonl: empty"),
        ([persona("Q")], "kind.jsonl:1: the only statement of its behaviour; at least 2"),
        ([persona("Q"), persona("R")], "all 2 statements have one label .' Yes'., both classes are needed$"),
        ([{"text": "x"}], "neither a persona statement .* nor a preference pair .* found: text"),
        ([pair("p", "a", "a")], "kind.jsonl:1: 'chosen' and 'rejected' are identical"),
        ([pair("p", "a", "")], "kind.jsonl:1: 'rejected' is empty"),
        ([{"chosen": "a", "rejected": "b"}], "kind.jsonl:1: missing 'prompt'"),
        ([pair("p", "a", "b") | {"prompt": [{"role": "user"}]}], "'prompt' must be text, found a list"),
    ],
)
def test_insufficient_or_malformed_file_is_refused(tmp_path: Path, records: list[object], message: str) -> None:
    """One clear message about the whole file."""
    with pytest.raises(DataError, match=message):
        load_preferences(write(tmp_path / "kind.jsonl", *records))


def test_one_class_because_of_max_statements_says_so(tmp_path: Path) -> None:
    """The advice fits the cause."""
    path = write(tmp_path / "kind.jsonl", persona("Q"), persona("R"), persona("S", NO))

    with pytest.raises(DataError, match="both classes are needed; raise max statements"):
        load_preferences(path, max_statements=2)


@pytest.mark.parametrize("number", [1, 0, -3])
def test_too_few_statements_cannot_be_asked_for(tmp_path: Path, number: int) -> None:
    """A behaviour needs two."""
    with pytest.raises(DataError, match=f"max statements is {number}"):
        load_preferences(tmp_path, max_statements=number)


def test_missing_path_empty_folder_and_nothing_are_refused(tmp_path: Path) -> None:
    """Each with its own words."""
    with pytest.raises(DataError, match="absent: no such file or folder"):
        load_preferences(tmp_path / "absent")
    with pytest.raises(DataError, match=r"no \.jsonl file in this folder"):
        load_preferences(tmp_path)
    with pytest.raises(DataError, match="no preference data was given"):
        load_preferences([])


def test_not_utf8_is_refused(tmp_path: Path) -> None:
    """A binary file is told by its line."""
    path = write(tmp_path / "kind.jsonl", persona("Q"))
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")

    with pytest.raises(DataError, match=r"kind\.jsonl:2: not UTF-8 text"):
        load_preferences(path)


def test_same_behaviour_twice_is_refused(tmp_path: Path) -> None:
    """Two files of one stem would be one behaviour."""
    (tmp_path / "x").mkdir()
    files = [write(p, persona("Q"), persona("R", NO)) for p in (tmp_path / "k.jsonl", tmp_path / "x/k.jsonl")]

    with pytest.raises(DataError, match="both hold the behaviour 'k'; rename one"):
        load_preferences(files)


def test_mixed_formats_are_refused(tmp_path: Path) -> None:
    """The answers of the two formats are resolved differently."""
    write(tmp_path / "a.jsonl", persona("Q"), persona("R", NO))
    write(tmp_path / "b.jsonl", pair("p", "a", "b"), pair("q", "b", "a"))

    with pytest.raises(DataError, match=r"b\.jsonl is in pairs format and .*a\.jsonl in persona format"):
        load_preferences(tmp_path)


def test_data_needs_no_torch() -> None:
    """Reading statements stays cheap in a host repository."""
    code = "import alignprops.data, sys; assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_persona_evaluations_load_whole() -> None:
    """The published files, where a checkout has them beside it."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "persona"
    if not folder.is_dir():
        pytest.skip("the persona evaluations are not beside this checkout")

    preferences = load_preferences(folder, max_statements=20)

    assert len(preferences.behaviours) == 36
    assert len(preferences) == 720
