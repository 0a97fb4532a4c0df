"""`alignprops replay WITNESS`: judge a stored refutation again, bit for bit."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignprops._errors import InputError
from alignprops.commands.options import add_configuration, add_json, configuration_from, emit, import_from_here
from alignprops.commands.run import DEFAULT_REPORT_DIR
from alignprops.dynamics.policy_problem import LANGUAGE_MODEL
from alignprops.engine import replay
from alignprops.evidence.generation import VERSIONS
from alignprops.hosts import is_of_host, subjects_like
from alignprops.registry import find_theorem
from alignprops.report.failure import explain
from alignprops.report.json_report import WITNESSES
from alignprops.report.statement import describe
from alignprops.subjects import Subject, kind_named, parse_subject
from alignprops.subjects.adapters import Adaptation
from alignprops.witness import Stored, find, load


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("replay", help="judge a stored witness again")
    parser.add_argument(
        "witness", metavar="WITNESS", help="its file, or the first 8 digits of its hash (report folder, pytest's cache)"
    )
    add_json(parser)
    add_configuration(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print the verdict; the exit code is 1 if the witness still refutes its claim."""
    configuration = configuration_from(arguments)
    report_dir = configuration.report_dir or Path(DEFAULT_REPORT_DIR)
    import_from_here()
    stored = load(find(arguments.witness, [report_dir / WITNESSES, Path(".pytest_cache/d/alignprops")]))
    theorem_id = stored.claim.partition("::")[0]
    theorem = find_theorem(theorem_id)
    instance = stored.rebuild(theorem.instance_type)
    if getattr(instance, "kind", None) == LANGUAGE_MODEL:
        raise InputError(
            f"{stored.path}: the witness holds the pairs of a language model and not its weights; run the claim "
            f"{stored.claim} again with that model (alignprops run {theorem_id} --tier model --model …)"
        )
    result = replay(theorem, subject_of_stored(stored, theorem.kind), instance, configuration.settings).to_json()
    command = f"alignprops replay {stored.path}"
    emit(arguments, result, "\n".join([*_differences(stored), explain(describe(theorem), result, replay=command)]))
    return 1 if result["verdict"] in ("error", "refuted") else 0


def subject_of(subject_id: str, kind: str) -> Subject:
    """What it names in a host, the reference or counterfeit of that id, that for `model/behaviour`, or the object."""
    if is_of_host(subject_id):
        return subjects_like(subject_id)[0]
    known = kind_named(kind)
    for subject in (*known.references, *known.counterfeits.values()):
        if subject.id == subject_id:
            return subject
    if "/" in subject_id:  # the witness holds all of the model that the reference needs
        return replace(known.references[0], id=subject_id, exact=False)
    return parse_subject(subject_id, kind)


def subject_of_stored(stored: Stored, kind: str) -> Subject:
    """The subject of a stored claim; host code as it was adapted then."""
    subject_id = stored.claim.partition("::")[2]
    if not stored.recipe:
        return subject_of(subject_id, kind)
    return parse_subject(subject_id, kind, adaptation=Adaptation.of(stored.recipe))


def _differences(stored: Stored) -> list[str]:
    """A line if the witness was found with other versions: the verdict may then differ."""
    if stored.versions == VERSIONS:
        return []
    return [f"found with {', '.join(stored.versions)}; now {', '.join(VERSIONS)}"]
