"""Text of others is shown on a terminal, and is not obeyed by it."""

from __future__ import annotations

import pytest
from rich.text import Text

from alignprops._errors import InputError
from alignprops.cli import BAD_INPUT, main
from alignprops.harmless import for_terminal
from alignprops.report.failure import explain
from alignprops.report.terminal import rendered

CLEAR = "\x1b[2J\x1b[1;31mred"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü and ∑\n\tindented", "plain, ü and ∑\n\tindented"),
        (CLEAR, "\\x1b[2J\\x1b[1;31mred"),
        ("over\rwritten", "over\\x0dwritten"),
        ("bell\a, back\b, \x9b1A, \x7f", "bell\\x07, back\\x08, \\x9b1A, \\x7f"),
        ("user\u202etxt.exe\u2069", "user\\u202etxt.exe\\u2069"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, shown: str) -> None:
    """Everything else stays."""
    assert for_terminal(text) == shown


def test_colours_may_be_left() -> None:
    """Those codes and no others."""
    assert for_terminal(CLEAR, coloured=True) == "\\x1b[2J\x1b[1;31mred"


@pytest.mark.parametrize("colour", [True, False])
def test_what_rich_renders_is_safe(colour: bool) -> None:
    """Its colours come through, if they are wanted; a name that clears the screen does not."""
    text = rendered(Text(f"name \x1b[2J{'end'}", style="bold red"), colour=colour, width=80)

    assert "\x1b[2J" not in text
    assert "\\x1b[2J" in text
    assert ("\x1b[1;31m" in text) is colour


def test_a_failure_report_is_safe() -> None:
    """The text of an exception that host code raised is somebody's text."""
    described = {"id": "a.b", "title": "A.", "statement": "x = 1", "source": "nobody"}
    result = {"verdict": "error", "subject": "m:f", "reason": f"m:f raised ValueError: {CLEAR}"}

    shown = explain(described, result, replay="again")

    assert "\x1b" not in shown
    assert "ValueError: \\x1b[2J" in shown


def test_an_error_message_is_safe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever verb it comes from."""

    def refuse(_: object) -> int:
        raise InputError(f"no such thing: {CLEAR}")

    monkeypatch.setattr("alignprops.commands.listing.execute", refuse)

    assert main(["list"]) == BAD_INPUT
    assert capsys.readouterr().err == "error: no such thing: \\x1b[2J\\x1b[1;31mred\n"
