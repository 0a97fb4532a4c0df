"""Theorems as pytest collectors, and their claims, mutants and proofs as items.

Imported by the plugin when the first theorem is collected; the engine is imported when the first item runs.
"""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Generator, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from alignprops._errors import InputError
from alignprops.config import Configuration
from alignprops.installed import installed_suite
from alignprops.pytest_plugin import configuration_of
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict, told_as_expected
from alignprops.subjects import Subject, parse_subject, references_for
from alignprops.subjects.kinds import OBSERVED_KINDS, TUNED_KINDS
from alignprops.theorems import Theorem

_seen = pytest.StashKey[dict[str, tuple[str, str]]]()


def collect_theorem(collector: pytest.Collector, name: str, theorem: Theorem) -> TheoremCollector | list[Any]:
    """Return the collector of `theorem`, found as `name`; nothing if it is imported from elsewhere or an alias."""
    module = collector.getparent(pytest.Module)
    if module is None or module.obj.__name__ != theorem.module:
        return []
    seen = collector.config.stash.setdefault(_seen, {})
    first = seen.setdefault(theorem.id, (theorem.module, name))
    if first == (theorem.module, name):
        return TheoremCollector.from_parent(collector, name=theorem.id, theorem=theorem)
    if first[0] == theorem.module and getattr(module.obj, first[1]) is theorem:
        return []
    raise pytest.Collector.CollectError(
        f"two theorems have the id {theorem.id!r}: {'.'.join(first)} and {theorem.module}.{name}; rename one"
    )


class TheoremCollector(pytest.Collector):
    """A theorem; its items are its claims (named by their subject), `mutants` and `proof`."""

    def __init__(self, *, theorem: Theorem, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theorem = theorem
        self.add_marker("alignprops")
        plugins = self.config.pluginmanager
        if not plugins.hasplugin("alignprops-results"):
            plugins.register(ResultsOnReports(), "alignprops-results")

    def collect(self) -> Iterable[TheoremItem]:
        configuration = configuration_of(self.config)
        if configuration.tier != "symbolic":
            for subject in _subjects(self.theorem, configuration):
                yield ClaimItem.from_parent(self, name=subject.id, subject=subject)
            if self.theorem.mutants:
                yield MutantsItem.from_parent(self, name="mutants")
        yield ProofItem.from_parent(self, name="proof")


def _subjects(theorem: Theorem, configuration: Configuration) -> tuple[Subject, ...]:
    try:
        if configuration.subject:
            return tuple(parse_subject(spec, theorem.kind) for spec in configuration.subject)
        references = () if theorem.tier == "model" else references_for(theorem)
        observed = observed_subjects(theorem, configuration) if configuration.tier == "model" else ()
    except InputError as error:
        raise pytest.Collector.CollectError(f"{theorem.id}: {error}") from None
    return (*references, *observed)


def observed_subjects(theorem: Theorem, configuration: Configuration) -> tuple[Subject, ...]:
    """The subjects of the model tier, for theorems that speak of a trained head or of a model before its first step."""
    if theorem.kind not in (*OBSERVED_KINDS, *TUNED_KINDS):
        return ()
    return tuple(subject for subject in observed(configuration) if subject.speaks_of(theorem))


def observed(configuration: Configuration) -> tuple[Subject, ...]:
    """The subjects of the configured model and preferences, or of the built-in ones."""
    return _observed(configuration.model, configuration.preferences, configuration.dtype, configuration.device)


@lru_cache(maxsize=1)
def _observed(model: str | None, preferences: tuple[str, ...], dtype: str, device: str) -> tuple[Subject, ...]:
    """The subjects of a model; the data is read for its behaviours, the model when a claim first asks."""
    from alignprops.measurement import model_subjects

    return model_subjects(model, preferences or None, dtype=dtype, device=device)


class TheoremItem(pytest.Item):
    """What every item of a theorem does: run the engine, keep its result, and turn the verdict into an outcome."""

    kind: str

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theorem: Theorem = self.parent.theorem  # type: ignore[union-attr]
        self.extra_keyword_matches.add(f"{self.theorem.id}::{self.name}")
        self.result: dict[str, Any] | None = None

    def evaluate(self) -> dict[str, Any]:
        """Ask the engine; return the result as in report.json."""
        raise NotImplementedError

    def runtest(self) -> None:
        self.result = self.evaluate()
        verdict = Verdict(self.result["verdict"])
        self.user_properties += _properties(self.theorem.id, self.name, verdict)
        if "expected" in self.result:
            pytest.xfail(told_as_expected(self.result["expected"]))  # does nothing under --runxfail
        strict = configuration_of(self.config).strict
        gone_wrong = "expectation_problem" in self.result
        if verdict.fails or gone_wrong or (verdict is Verdict.INCONCLUSIVE and strict):
            raise ClaimFailed(f"{self.theorem.id}: {verdict.value}")
        if verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE):
            pytest.skip(f"{verdict.value}: {self.result['reason']}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The witness report; the frames between pytest and the engine tell nothing."""
        if isinstance(excinfo.value, ClaimFailed) and self.result is not None:
            from alignprops.report.failure import explain

            return explain(describe(self.theorem), self.result, replay=self.replay())
        return super().repr_failure(excinfo, style)

    def replay(self) -> str:
        """The command that runs this item again on the same inputs."""
        configuration = configuration_of(self.config)
        names = str(self.nodeid).split("::")[1:]
        node = "::".join([os.path.relpath(self.path), *names])
        options = [f"--alignprops-seed={configuration.seed}", f"--alignprops-max-examples={configuration.max_examples}"]
        options += [f"--alignprops-subject={spec}" for spec in configuration.subject]
        if configuration.tier == "model":
            options += ["--alignprops-tier=model", *_model_options(configuration)]
        return shlex.join(["python", "-m", "pytest", node, *options])

    def reportinfo(self) -> tuple[Path, int, str]:
        code = getattr(inspect.unwrap(self.theorem.measure), "__code__", None)
        # Not the claim id: where the location ends a node id, pytest prints it with every '.' as '::'.
        title = (
            f"{self.kind} {self.theorem.id}::{self.name}"
            if self.kind == "claim"
            else f"{self.kind} of {self.theorem.id}"
        )
        return self.path, code.co_firstlineno - 1 if code else 0, title


def _model_options(configuration: Configuration) -> list[str]:
    """The model and the preferences as options; those of the built-in ones need none."""
    model = [] if configuration.model is None else [f"--alignprops-model={configuration.model}"]
    preferences = [f"--alignprops-preferences={spec}" for spec in configuration.preferences]
    return [*model, *preferences, f"--alignprops-dtype={configuration.dtype}"]


class ClaimFailed(Exception):
    """The verdict on an item fails it; the item has the result."""


class ClaimItem(TheoremItem):
    """A theorem on one subject."""

    kind = "claim"

    def __init__(self, *, subject: Subject, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subject = subject

    def evaluate(self) -> dict[str, Any]:
        from alignprops.expected import read_expectations
        from alignprops.expected_claims import judge

        configuration = configuration_of(self.config)
        try:
            expectations = read_expectations(configuration.expected)
            found = judge(self.theorem, self.subject, configuration.settings, expectations)
        except InputError as error:  # a model that is read only now and cannot be: nor can any other of its claims
            self.session.shouldstop = f"error: {error}"
            return Result(self.theorem.id, self.subject.id, Verdict.ERROR, str(error)).to_json()
        return _with_stored_witnesses(found, self.config)

    def replay(self) -> str:
        """With the stored witness, if that is enough and the theorem is found by its id; else the same inputs again."""
        witness = (self.result or {}).get("witness") or {}
        file = witness.get("simplest", {}).get("file")
        if file is None or not self.subject.self_contained or installed_suite(self.theorem.module) is None:
            return super().replay()
        return f"alignprops replay {shlex.quote(os.path.relpath(file))}"


def _with_stored_witnesses(found: Result, config: pytest.Config) -> dict[str, Any]:
    """A result as in report.json, its witnesses stored and named by their files."""
    told = found.to_json()
    folder = _witness_folder(config)
    for role, witness in (found.witness or {}).items():
        told["witness"][role]["file"] = str(witness.save(folder)) if folder else None
    return told


def _witness_folder(config: pytest.Config) -> Path | None:
    """Where witnesses are kept: beside the report, else in pytest's cache, else nowhere."""
    report_dir = configuration_of(config).report_dir
    if report_dir is not None:
        from alignprops.report.json_report import WITNESSES

        return report_dir / WITNESSES
    cache: pytest.Cache | None = getattr(config, "cache", None)  # absent under -p no:cacheprovider
    return cache.mkdir("alignprops") if cache is not None else None


class MutantsItem(TheoremItem):
    """The mutants of a theorem; each must be refuted."""

    kind = "mutants"

    def evaluate(self) -> dict[str, Any]:
        from alignprops.engine import attack_mutants

        return attack_mutants(self.theorem, configuration_of(self.config).settings).to_json()


class ProofItem(TheoremItem):
    """The symbolic proofs of a theorem, or the line that says why there is none."""

    kind = "proof"

    def evaluate(self) -> dict[str, Any]:
        from alignprops.engine import prove

        return prove(self.theorem).to_json()


class ResultsOnReports:
    """Puts the result of an item on its report as plain data, so that it survives pytest-xdist."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, TheoremItem) and call.when == "call":
            result = item.result or _broken_off(item, call)
            described = describe(item.theorem)
            report.alignprops = {"item": item.kind, "theorem": described, "result": result}  # type: ignore[attr-defined]
            if report.skipped and not hasattr(report, "wasxfail"):
                path, line, _ = item.reportinfo()
                report.longrepr = (str(path), line + 1, f"Skipped: {result['reason']}")
        return report


class HostClaims:
    """Puts what a host's test found of a claim on its report: a row like that of any other claim."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        claim = claim_of(item)
        found = None if claim is None or call.when != "call" else claim.result
        if found is not None:
            item.user_properties += _properties(found.theorem, found.subject, found.verdict)
        report = yield
        if claim is not None and found is not None:
            told = _with_stored_witnesses(found, item.config)
            report.alignprops = {"item": "claim", "theorem": describe(claim.theorem), "result": told}  # type: ignore[attr-defined]
        return report


def claim_of(item: pytest.Item) -> Any:
    """The claim that a host's test is parametrized with, if there is one."""
    from alignprops.claims import Claim

    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    return next((value for value in values if isinstance(value, Claim)), None)


def _properties(theorem: str, subject: str, verdict: Verdict) -> list[tuple[str, str]]:
    """What JUnit is told of a claim."""
    return [
        ("alignprops_theorem", theorem),
        ("alignprops_subject", subject),
        ("alignprops_verdict", verdict.value),
    ]


def _broken_off(item: TheoremItem, call: pytest.CallInfo[None]) -> dict[str, Any]:
    """The result of an item that an exception ended (a defect of alignprops, a time-out plugin, a debugger)."""
    reason = call.excinfo.exconly() if call.excinfo else "no result"
    seconds = round(call.duration, 4)
    return {"theorem": item.theorem.id, "subject": item.name, "verdict": "error", "reason": reason, "seconds": seconds}
