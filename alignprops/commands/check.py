"""`alignprops check`: theorems against somebody's loss, estimator, mask or collator."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignprops._errors import InputError
from alignprops.claims import adapted, claims_of, silent
from alignprops.commands.options import (
    add_configuration,
    add_json,
    configuration_from,
    emit,
    import_from_here,
    require_result_place,
)
from alignprops.commands.run import DEFAULT_REPORT_DIR
from alignprops.config import Configuration
from alignprops.expected import read_expectations
from alignprops.expected_claims import judge
from alignprops.harmless import for_terminal
from alignprops.hosts import HOSTS, callable_ones, host_subjects, is_of_host, subjects_like
from alignprops.report.checked import outcome
from alignprops.report.json_report import WITNESSES
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict
from alignprops.subjects import Subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Tells defaults, but neither that there is none nor one that the text tells already."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, []) or "(default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "check",
        help="check a loss, an estimator, a mask or a collator of somebody's code",
        description="Check somebody's code against every theorem that speaks of it: package.module:attribute, "
        f"or all that applies in an installed host ({', '.join(HOSTS)}; host:glob for some of it).",
        formatter_class=_Defaults,
    )
    parser.add_argument("subjects", nargs="+", metavar="SUBJECT|HOST", help="package.module:attribute, or a host")
    parser.add_argument("--kind", choices=HOST_KINDS, help="what it is; without it, recognised by its arguments")
    parser.add_argument("--loss", metavar="NAME", help="the formula that it computes; without it, by its name")
    parser.add_argument("--convention", metavar="NAME", help="which documented convention of the formula it follows")
    parser.add_argument("--form", metavar="NAME", help="how it takes its inputs (docs/conventions.md)")
    parser.add_argument("--reduction", choices=("none", "mean", "sum"), help="of its main output, over the batch")
    parser.add_argument("--returns", metavar="NAMES", help="what it returns in order, e.g. loss,chosen_rewards,_")
    _pairs(parser, "--map", "ROLE=ARGUMENT", "which argument is what (self.x: of a stand-in, init.x: of a constructor)")
    _pairs(parser, "--set", "ARGUMENT=VALUE", "a constant argument, as a Python literal")
    _pairs(parser, "--assume", "OPTION=VALUE", "the value of an option that it has built in")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="what it computes in, if that is coarser")
    parser.add_argument("--sign", type=int, choices=(1, -1), default=1, help="-1: it returns what is to be maximised")
    parser.add_argument(
        "--mask-dtype", choices=("bool", "int64", "float32"), default="bool", help="what masks and flags are given as"
    )
    parser.add_argument("--full", action="store_true", help="print every failure in full, not only the most telling")
    parser.add_argument("--explain", action="store_true", help="only tell how the code is called and what is checked")
    add_json(parser)
    add_configuration(parser)
    parser.set_defaults(execute=execute)


def _pairs(parser: argparse.ArgumentParser, flag: str, metavar: str, told: str) -> None:
    parser.add_argument(flag, nargs="+", action="extend", default=[], metavar=metavar, help=told)


def execute(arguments: argparse.Namespace) -> int:
    """Check every claim, print what fails, the most telling first, and say how many held."""
    configuration = configuration_from(arguments)
    require_result_place(arguments.json)
    import_from_here()
    _one_thread()
    patterns = configuration.theorems or ("*",)
    subjects, refused = callable_ones(_subjects(arguments))
    for reason in refused.values():
        sys.stderr.write(for_terminal(f"not checked: {reason}\n"))
    if arguments.explain:
        told = [_explained(subject, patterns) for subject in subjects]
        emit(arguments, [part for part, _ in told], for_terminal("\n\n".join(text for _, text in told)))
        return 1 if refused else 0
    results = [pair for subject in subjects for pair in _checked(subject, patterns, configuration)]
    if not results:
        sys.stderr.write(f"nothing was checked: no theorem among {', '.join(patterns)} speaks of what was asked for\n")
        return 1 if refused else 5
    rows = [_row(theorem, result) for theorem, result in results]
    told_all = {"schema": "alignprops-check/1", "subjects": _subjects_json(subjects), "claims": rows}
    emit(arguments, told_all, outcome(subjects, results, folder=_witness_folder(configuration), full=arguments.full))
    strict = configuration.strict
    return 1 if refused or any(result.fails(strict=strict) for _, result in results) else 0


def _one_thread() -> None:
    """The tensors of claims are small: more threads than one only wait for each other."""
    import torch

    torch.set_num_threads(1)


def _subjects(arguments: argparse.Namespace) -> list[Subject]:
    made: list[Subject] = []
    adaptation = _adaptation(arguments)
    for spec in arguments.subjects:
        if spec.partition(":")[0] in HOSTS and (arguments.kind is not None or adaptation != Adaptation()):
            raise InputError(
                f"{spec} has adapters of its own: --kind, --loss, --map … are for package.module:attribute"
            )
        if is_of_host(spec):
            made += subjects_like(spec)
        elif ":" in spec:
            made.append(adapted(spec, arguments.kind, adaptation))
        else:
            made += host_subjects(spec)
    return made


def _adaptation(arguments: argparse.Namespace) -> Adaptation:
    parameters: dict[str, Any] = {
        "loss": arguments.loss,
        "variant": arguments.convention,
        "form": arguments.form,
        "reduction": arguments.reduction,
        "map": dict(_split(arguments.map, "--map")),
        "fixed": {name: _literal(text) for name, text in _split(arguments.set, "--set")},
        "assume": {name: _literal(text) for name, text in _split(arguments.assume, "--assume")},
        "precision": arguments.precision,
        "sign": arguments.sign,
        "mask_dtype": arguments.mask_dtype,
    }
    return Adaptation.of(parameters | ({"returns": arguments.returns} if arguments.returns else {}))


def _split(pairs: Iterable[str], flag: str) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise InputError(f"{flag} {pair}: expected NAME=VALUE")
        yield name, value


def _literal(text: str) -> Any:
    """A Python literal; what is none is meant as text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _explained(subject: Subject, patterns: Sequence[str]) -> tuple[dict[str, Any], str]:
    made = subject.get()
    names = [claim.theorem.id for claim in claims_of(subject, patterns)]
    unasked = silent(subject, patterns)
    lines = [f"{subject.id}: {subject.kind}", *(f"  assumed  {line}" for line in made.assumptions)]
    lines += [f"  checked  {name}" for name in names]
    lines += [f"  silent   {name}: {reason}" for name, reason in unasked.items()]
    told = {"subject": subject.id, "kind": subject.kind, "assumptions": list(made.assumptions)}
    return {**told, "theorems": names, "silent": unasked}, "\n".join(lines)


def _checked(
    subject: Subject, patterns: Sequence[str], configuration: Configuration
) -> Iterable[tuple[Theorem, Result]]:
    expectations = read_expectations(configuration.expected)
    folder = _witness_folder(configuration)
    for claim in claims_of(subject, patterns):
        result = judge(claim.theorem, subject, configuration.settings, expectations)
        if result.verdict is Verdict.REFUTED:
            for witness in (result.witness or {}).values():
                witness.save(folder)
        yield claim.theorem, result


def _witness_folder(configuration: Configuration) -> Path:
    return (configuration.report_dir or Path(DEFAULT_REPORT_DIR)) / WITNESSES


def _row(theorem: Theorem, result: Result) -> dict[str, Any]:
    return {**result.to_json(), "statement": describe(theorem)["statement"]}


def _subjects_json(subjects: list[Subject]) -> list[Mapping[str, Any]]:
    return [{"id": s.id, "kind": s.kind, "assumptions": list(s.get().assumptions)} for s in subjects]
