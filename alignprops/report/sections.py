"""The sections of a report: one a document, all of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alignprops.report.claims_view import Claim, TheoremView, read_theorems
from alignprops.report.documents import EXPERIMENT, MEASURE, SUITE, Document
from alignprops.report.experiment import Measured, PlainTable, read_experiment
from alignprops.report.fields import Fields
from alignprops.report.figures.specs import Figure
from alignprops.report.mathematics import Typesetter
from alignprops.report.measure_view import measure_figures, measure_tables
from alignprops.report.presentation import counted, date, told
from alignprops.report.trace_view import read_trace, settings_table, trace_figures, trace_notice, trace_tables

GEOMETRY = (
    "Geometry of the final hidden states, by behaviour, and what follows from it before any training; "
    "the claims are observed on head-only runs of "
)


@dataclass(frozen=True, slots=True)
class Section:
    """One document, ready to be laid out."""

    kind: str
    name: str
    title: str
    date: str
    summary: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...] = ()
    measurements: tuple[Measured, ...] = ()
    theorems: tuple[TheoremView, ...] = ()
    tables: tuple[PlainTable, ...] = ()
    traces: tuple[str, ...] = ()
    notice: str = ""
    """What a reader must know before the rest."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims of the document."""
        return tuple(claim for theorem in self.theorems for claim in theorem.claims)

    @property
    def troubled(self) -> tuple[tuple[TheoremView, Claim], ...]:
        """The claims that fail, or could not be decided, with their theorems."""
        return tuple(
            (theorem, claim)
            for theorem in self.theorems
            for claim in theorem.claims
            if claim.fails or claim.verdict == "inconclusive"
        )


def section(document: Document, setting: Typesetter) -> Section:
    """Read a document.

    Raises:
        InputError: something is missing in it, or of another kind than expected.
    """
    readers = {EXPERIMENT: _experiment, SUITE: _suite, MEASURE: _measure}
    return readers[document.schema](document, setting) if document.schema in readers else _trace(document)


def _experiment(document: Document, setting: Typesetter) -> Section:
    read = read_experiment(document)
    return Section(
        kind="experiment",
        name=read.name,
        title=read.title,
        date=_date(read.run),
        summary=tuple(part.strip() for part in read.summary.split("\n\n") if part.strip()),
        facts=tuple(_facts(read.run)),
        figures=read.figures,
        measurements=read.measurements,
        theorems=read_theorems(Fields(document.content, str(document.path)), setting),
        tables=read.tables,
        traces=read.traces,
    )


def _suite(document: Document, setting: Typesetter) -> Section:
    fields = Fields(document.content, str(document.path))
    run = fields.required("run")
    theorems = read_theorems(fields, setting)
    facts = fields.pairs("run")
    examples = facts.get("configuration") or {}
    limit = examples.get("max_examples", {}) if isinstance(examples, dict) else {}
    claims = sum(len(theorem.claims) for theorem in theorems)
    mutants = sum(len(theorem.mutants) for theorem in theorems)
    proofs = sum(len(theorem.proofs) for theorem in theorems)
    told_of = (
        f"{counted(len(theorems), 'theorem')} checked in {counted(claims, 'claim')}. "
        f"{sum(theorem.killed for theorem in theorems)} of {counted(mutants, 'mutant')} killed, "
        f"{sum(theorem.decided for theorem in theorems)} of {counted(proofs, 'proof')} decided; "
        f"profile {run.text('profile', 'unknown')}"
    )
    if isinstance(limit, dict) and isinstance(limit.get("value"), int):
        told_of += f", at most {counted(limit['value'], 'example')} a claim"
    suites = list(dict.fromkeys(item.text("suite", "") for item in fields.items("theorems")))
    return Section(
        kind="suite run",
        name="suite",
        title="Theorems: " + (", ".join(name.replace("_", " ") for name in suites if name) or "none"),
        date=_date(facts),
        summary=(told_of + ".",),
        facts=tuple(_facts(facts)),
        theorems=theorems,
    )


def _measure(document: Document, setting: Typesetter) -> Section:
    fields = Fields(document.content, str(document.path))
    model, run = fields.required("model"), fields.pairs("run")
    name = model.text("name")
    facts = {key: value for key, value in fields.pairs("model").items() if not isinstance(value, dict)}
    return Section(
        kind="measurement",
        name=f"measure-{name}",
        title=f"What the theory reads in {name}",
        date="",
        summary=(GEOMETRY + f"{told(run.get('steps'))} steps with β = {told(run.get('beta'))}.",),
        facts=tuple((key.replace("_", " "), told(value)) for key, value in facts.items()),
        figures=measure_figures(fields),
        theorems=read_theorems(fields, setting),
        tables=measure_tables(fields),
    )


def _trace(document: Document) -> Section:
    trace = read_trace(document.path)
    settings, model = trace.settings, trace.metadata["model"]
    method, loss = settings.get("method", "training"), settings.get("loss", "")
    name = model.get("name", "a model") if isinstance(model, dict) else "a model"
    how = "finished" if trace.finished else "not finished"
    steps, trained = counted(len(trace.steps["step"]), "step"), counted(len(trace.behaviours), "behaviour")
    return Section(
        kind="trace",
        name=f"trace-{document.path.resolve().name}",
        title=f"Training run: {method} on {name}",
        date=date(str(trace.metadata.get("created", ""))),
        summary=(f"{steps} of {loss} training of {trained}, {how}. All curves are measurements of this run.",),
        facts=tuple(_facts({**trace.metadata, "created": None})),
        figures=trace_figures(trace),
        tables=(*trace_tables(trace), settings_table(trace)),
        notice=trace_notice(trace),
    )


def _date(run: dict[str, Any]) -> str:
    found = run.get("date") or run.get("started") or ""
    return date(found) if isinstance(found, str) else ""


#: Facts of a run that are told elsewhere, or are too long to tell.
LEFT_OUT = (
    "date",
    "started",
    "created",
    "configuration",
    "behaviours",
    "settings",
    "digest",
    "schema",
    "run",
    "counts",
)


def _facts(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a run was made with, in words."""
    for key, value in run.items():
        if key in LEFT_OUT or value is None:
            continue
        if isinstance(value, dict):
            inner = ", ".join(f"{name} {told(part)}" for name, part in value.items() if part is not None)
        elif isinstance(value, list):
            inner = " ".join(told(part) for part in value)
        else:
            inner = told(value) if key != "seconds" else f"{told(value)} s"
        if inner:
            yield ("time" if key == "seconds" else key.replace("_", " ")), inner
