"""The command line: `alignprops VERB …`.

Exit codes:
    0    as expected
    1    a refutation, an error, a vacuous (or, strict, inconclusive) claim
    2    bad configuration or input
    3    an internal error
    5    a valid selection that leaves nothing
    130  interrupted
"""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from alignprops._errors import AlignpropsError, InputError
from alignprops.commands import doctor, listing, measure, replay, report, reproduce, run, show, train

OK, FAILED, BAD_INPUT, INTERNAL_ERROR, NOTHING_SELECTED, INTERRUPTED = 0, 1, 2, 3, 5, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong like every other error of ours."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = _Parser(
        prog="alignprops",
        description="Executable theorems about preference-based alignment of language models.",
        epilog="exit codes: 0 as expected, 1 refuted, 2 bad input, 3 internal error, 5 nothing selected, "
        "130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"alignprops {version('alignprops')}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    for verb in (run, listing, show, measure, train, reproduce, report, replay, doctor):
        verb.add_to(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what follows a first `--` goes to pytest (verb `run`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # mathematics on a terminal that has no such signs
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, for_pytest = _split(given)
    try:
        parsed = build_parser().parse_args(own)
        parsed.for_pytest = for_pytest
        code: int = parsed.execute(parsed)
    except AlignpropsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # what a command line is for
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone (`| head`): nothing to tell, and no one to tell it to
        return OK
    except Exception:  # noqa: BLE001  # the last line of defence: a defect must not look like a refutation
        traceback.print_exc()
        print("error: internal; this is a defect of alignprops, please report it", file=sys.stderr)  # noqa: T201
        return INTERNAL_ERROR
    return code


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and what follows the first `--` of the verb `run`."""
    if given[:1] != ["run"] or "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]
