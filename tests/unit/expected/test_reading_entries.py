"""The file of expected refutations: what it may say, and what is said of it when it is wrong."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from alignprops import InputError
from alignprops.expected import Entry, Expectations, read_expectations, write_entries

FULL = """
[[expected]]
theorem = "losses.value"
subject = "mypkg.losses:dpo"
reason = " until release 2 "
issue = "https://example.org/7"
expires = 2027-06-30
added = "2026-01-31"
witness = "alignprops-witnesses/0123456789abcdef.safetensors"

[[expected]]
theorem = "losses.value"
subject = "mypkg.losses:ipo"
reason = "summed"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the entries are."""
    return tmp_path / "alignprops-expected.toml"


def test_every_key_is_read(file: Path) -> None:
    """Days as TOML has them or as text; the witness is beside the file."""
    file.write_text(FULL)

    found = read_expectations(file)

    full, short = found.entries
    assert full == Entry(
        theorem="losses.value",
        subject="mypkg.losses:dpo",
        reason="until release 2",
        issue="https://example.org/7",
        expires=date(2027, 6, 30),
        added=date(2026, 1, 31),
        witness="alignprops-witnesses/0123456789abcdef.safetensors",
    )
    assert found.witness_of(full) == file.parent / "alignprops-witnesses" / "0123456789abcdef.safetensors"
    assert short == Entry(theorem="losses.value", subject="mypkg.losses:ipo", reason="summed")
    assert found.witness_of(short) is None
    assert found.of("losses.value", "mypkg.losses:ipo") is short
    assert found.of("losses.value", "mypkg.losses:kto") is None


def test_no_file_expects_nothing() -> None:
    """The usual case."""
    assert read_expectations(None) == Expectations(None, ())


def test_an_entry_counts_to_the_end_of_its_day() -> None:
    """And for ever, if it has none."""
    entry = Entry(theorem="a", subject="b", reason="c", expires=date(2027, 6, 30))

    assert not entry.expired(date(2027, 6, 30))
    assert entry.expired(date(2027, 7, 1))
    assert not Entry(theorem="a", subject="b", reason="c").expired(date.max)


WRONG = {
    "no TOML": ("[[expected]\n", "is not TOML: "),
    "no text": (b"\xff\xfe", "is not TOML: "),
    "another table": ("[[expect]]\n", "unknown table in {file}: 'expect'; did you mean 'expected'?"),
    "one table": ('[expected]\ntheorem = "a"\n', "'expected' is to be an array of tables; begin each entry with [[exp"),
    "a key too many": (FULL + 'reasn = "x"\n', "unknown key in {file}, entry 2: 'reasn'; did you mean 'reason'"),
    "no reason": ('[[expected]]\ntheorem = "a"\nsubject = "b"\n', "{file}, entry 1 has no reason; say why "),
    "an empty reason": (FULL.replace("summed", " "), "entry 2: reason is ' '; expected a text that is not empty"),
    "a reason that is no text": (FULL.replace('"summed"', "3"), "entry 2: reason is 3; expected a text"),
    "no theorem": ('[[expected]]\nsubject = "b"\nreason = "c"\n', "entry 1 has no theorem; expected a theorem's id"),
    "no subject": ('[[expected]]\ntheorem = "b"\nreason = "c"\n', "entry 1 has no subject; expected a subject's id"),
    "a glob": (FULL.replace('"losses.value"', '"losses.*"'), "entry 1: theorem is 'losses.*'; expected a theorem's id"),
    "a claim as subject": (FULL.replace("mypkg.losses:dpo", "a::b"), "entry 1: subject is 'a::b'; expected a subject"),
    "no such day": (FULL.replace("2026-01-31", "2026-02-31"), "entry 1: added is '2026-02-31'; expected a day such as"),
    "a day in words": (FULL.replace("2027-06-30", '"June"'), "entry 1: expires is 'June'; expected a day such as 2027"),
    "a time": (
        FULL.replace("2027-06-30", "2027-06-30T12:00:00"),
        "entry 1: expires is '2027-06-30 12:00:00'; expected",
    ),
    "a number": (FULL.replace("2027-06-30", "2027"), "entry 1: expires is '2027'; expected a day"),
    "a witness elsewhere": (FULL.replace("alignprops-w", "../w"), "expected a .safetensors file below the folder"),
    "an absolute witness": (FULL.replace("alignprops-w", "/w"), "expected a .safetensors file below the folder"),
    "a pickle": (FULL.replace(".safetensors", ".pkl"), "expected a .safetensors file below the folder of this file"),
    "the same twice": (
        FULL.replace("ipo", "dpo"),
        "entries 1 and 2 are of the same claim losses.value::mypkg.losses:d",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(file: Path, case: str) -> None:
    """One line: the file, the entry, what was expected."""
    text, message = WRONG[case]
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(InputError) as caught:
        read_expectations(file)

    assert message.format(file=file) in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """It is not passed over in silence, and neither is a folder."""
    with pytest.raises(InputError, match=r"none\.toml cannot be read: No such file .*; name the file of another place"):
        read_expectations(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_expectations(tmp_path)


def test_what_is_written_is_read_again_in_the_order_of_the_claims(file: Path) -> None:
    """Whatever the texts hold; nothing that is absent is written."""
    entries = (
        Entry(theorem="losses.value", subject="b", reason='a "quoted" \\ reason\nof two lines, × and ☃'),
        Entry(theorem="losses.value", subject="a", reason="r", expires=date(2027, 6, 30), added=date(2026, 1, 1)),
    )

    write_entries(file, entries)

    assert read_expectations(file).entries == (entries[1], entries[0])
    assert "witness" not in file.read_text("utf-8").partition("[[expected]]")[2]
    assert "expires = 2027-06-30\n" in file.read_text("utf-8")


def test_a_file_of_no_entries_can_be_written_and_read(file: Path) -> None:
    """What is left when everything is mended."""
    write_entries(file, ())

    assert read_expectations(file).entries == ()


def test_a_file_that_changed_is_read_anew(file: Path) -> None:
    """Reading is remembered for as long as the file stays as it is."""
    file.write_text(FULL)
    first = read_expectations(file)
    assert read_expectations(file) is first
    changed = file.stat().st_mtime_ns + 1_000_000
    file.write_text(FULL.replace("summed", "totals"))
    os.utime(file, ns=(changed, changed))

    assert read_expectations(file).entries[1].reason == "totals"


def test_entries_of_another_kind_are_impossible_only_if_both_were_asked_for() -> None:
    """A subject's id may be that of several kinds."""
    found = Expectations(None, (Entry(theorem="squares.a", subject="toy", reason="r"),))

    assert found.impossible({"squares.a": "squares"}, {"toy": {"cubes"}}) == found.entries
    assert found.impossible({"squares.a": "squares"}, {"toy": {"cubes", "squares"}}) == ()
    assert found.impossible({"squares.b": "squares"}, {"toy": {"cubes"}}) == ()
    assert found.impossible({"squares.a": "squares"}, {"other": {"cubes"}}) == ()
