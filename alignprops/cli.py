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
import importlib
import io
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from alignprops._errors import AlignpropsError, InputError
from alignprops.console import INTERRUPTED
from alignprops.harmless import for_terminal

OK, FAILED, BAD_INPUT, INTERNAL_ERROR, NOTHING_SELECTED = 0, 1, 2, 3, 5

#: The verbs: the module of each in `alignprops.commands`, and its line of help, which needs no import.
VERBS = {
    "run": ("run", "check the theorems of the installed suites"),
    "list": ("listing", "the suites and their theorems"),
    "show": ("show", "one theorem: statement, premises, source, proofs, mutants"),
    "measure": ("measure", "a language model and its preference data: geometry, predictions, claims"),
    "train": ("train", "train a language model on preferences, and leave a trace"),
    "reproduce": ("reproduce", "the paper's experiments on a model and its preferences"),
    "report": ("report", "experiments, suite runs, measurements and traces as one HTML page"),
    "expect": ("expect", "the refutations that are expected: update, list, prune"),
    "replay": ("replay", "judge a stored witness again"),
    "check": ("check", "check a loss, an estimator, a mask or a collator of somebody's code"),
    "doctor": ("doctor", "versions, entry points and folders, and what is wrong with them"),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong like every other error of ours."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def build_parser(*loaded: str) -> argparse.ArgumentParser:
    """Return the parser of the verbs; only those of `loaded`, by default all, are imported and have their options."""
    parser = _Parser(
        prog="alignprops",
        description="Executable theorems about preference-based alignment of language models.",
        epilog="exit codes: 0 as expected, 1 refuted, 2 bad input, 3 internal error, 5 nothing selected, "
        "130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"alignprops {version('alignprops')}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    for verb, (module, told) in VERBS.items():
        if verb in (loaded or VERBS):
            importlib.import_module(f"alignprops.commands.{module}").add_to(verbs)
        else:
            verbs.add_parser(verb, help=told)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what follows a first `--` goes to pytest (verb `run`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # mathematics on a terminal that has no such signs
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, for_pytest = _split(given)
    try:
        parsed = build_parser(_verb(own)).parse_args(own)
        parsed.for_pytest = for_pytest
        code: int = parsed.execute(parsed)
    except AlignpropsError as error:
        print(for_terminal(f"error: {error}"), file=sys.stderr)  # noqa: T201  # what a command line is for
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


def _verb(own: list[str]) -> str:
    """The verb that is asked for; what follows it is its own."""
    return next((argument for argument in own if not argument.startswith("-")), "")


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and what follows the first `--` of the verb `run`."""
    if given[:1] != ["run"] or "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]
