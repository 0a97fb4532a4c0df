"""The host's front door: theorems against a host's own code, in three lines of its test file.

import alignprops as ap

@ap.parametrize_claims(["mypkg.losses:dpo_loss"], kind="pairwise-loss", loss="dpo")
def test_alignprops(claim):
    claim.check()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alignprops import ambient
from alignprops._errors import InputError
from alignprops.engine import evaluate
from alignprops.expected import read_expectations
from alignprops.expected_claims import judge
from alignprops.registry import theorems_about
from alignprops.report.failure import explain
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.recognition import named_kind, recognised
from alignprops.theorems import Theorem


class ClaimFailed(AssertionError):
    """A claim that a host's test checks does not hold; the message is the whole report of it."""


class Claim(str):
    """One theorem against one subject; as text its id `theorem::subject`, so that test ids are strings."""

    __slots__ = ("result", "subject", "theorem")

    theorem: Theorem
    subject: Subject
    result: Result | None
    """What `check` found; the plugin puts it into the report."""

    @classmethod
    def of(cls, theorem: Theorem, subject: Subject) -> Claim:
        """The claim that `theorem` holds of `subject`."""
        made = cls(f"{theorem.id}::{subject.id}")
        made.theorem, made.subject, made.result = theorem, subject, None
        return made

    def evaluate(self, settings: Settings | None = None) -> Result:
        """Check the claim and return its result; the settings are those of the pytest session unless given."""
        return evaluate(self.theorem, self.subject, settings or ambient.current().settings)

    def check(self, settings: Settings | None = None) -> None:
        """Check the claim inside a test; a refutation that the session expects is an expected failure of the test.

        Raises:
            ClaimFailed: it is refuted, vacuous or in error (or, under a strict profile, inconclusive), or its entry
                among the expected refutations is stale, out of date or expired.
        """
        __tracebackhide__ = True
        session = ambient.current()
        chosen = settings or session.settings
        expectations = read_expectations(session.expected)
        self.result = result = judge(self.theorem, self.subject, chosen, expectations)
        if result.expected is not None and result.as_expected:
            import pytest

            pytest.xfail(result.expected.told)  # does nothing under --runxfail
        if result.as_expected or result.fails(strict=chosen.strict):
            replay = (
                f"python -m pytest -k '{self}' "
                f"--alignprops-seed={chosen.seed} --alignprops-max-examples={chosen.max_examples}"
            )
            raise ClaimFailed(explain(describe(self.theorem), result.to_json(), replay=replay))
        if result.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE):
            import pytest

            pytest.skip(f"{result.verdict.value}: {result.reason}")


@dataclass(frozen=True, slots=True)
class Report:
    """The results of `check`, one a claim. Never a truth value: look at the verdicts."""

    results: tuple[Result, ...]

    def __bool__(self) -> bool:
        raise TypeError("a report is no truth value; look at its results, or at `failures`")

    @property
    def failures(self) -> tuple[Result, ...]:
        """The claims that are refuted, vacuous or in error."""
        return tuple(result for result in self.results if result.verdict.fails)

    def to_json(self) -> list[dict[str, Any]]:
        """The results as rows of report.json."""
        return [result.to_json() for result in self.results]


def claims(
    subjects: Any, *, kind: str | None = None, theorems: str | Sequence[str] = "*", **adaptation: Any
) -> list[Claim]:
    """Every theorem of the kind that the patterns select and that speaks of a subject, against every subject.

    Args:
        subjects: an object, `package.module:attribute`, or several of either.
        kind: the kind of all of them (`alignprops.subjects.kinds`); None: to be recognised by the arguments they take.
        theorems: a theorem id, a glob or the name of a suite, or several.
        **adaptation: how host code is called: `loss`, `variant`, `form`, `reduction`, `returns`, `map`, `fixed`,
            `assume`, `precision`, `sign`, `mask_dtype` (`alignprops.subjects.adapters.Adaptation`).

    Raises:
        UnknownNameError: an unknown kind, theorem or parameter.
        InputError: a subject that cannot be imported or adapted, or nothing that applies.
    """
    made = [adapted(subject, kind, Adaptation.of(adaptation)) for subject in _several(subjects)]
    ids = [subject.id for subject in made]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise InputError(f"two subjects have the id {twice!r}; give them names of their own (a def each, not lambdas)")
    patterns = [theorems] if isinstance(theorems, str) else list(theorems)
    found = [claim for subject in made for claim in claims_of(subject, patterns)]
    if not found:
        kinds = " or ".join(sorted({repr(subject.kind) for subject in made}))
        raise InputError(f"no theorem among {', '.join(patterns)} is about a {kinds} subject")
    return found


def claims_of(subject: Subject, patterns: Sequence[str] = ("*",)) -> list[Claim]:
    """The theorems that the patterns select and that speak of the subject.

    Raises:
        UnknownNameError: a pattern matches no theorem.
    """
    of_kind = theorems_about(subject.kind, patterns)
    return [Claim.of(theorem, subject) for theorem in of_kind if subject.silence(theorem) is None]


def silent(subject: Subject, patterns: Sequence[str] = ("*",)) -> dict[str, str]:
    """Theorems of the subject's kind that do not speak of it, with the reason."""
    of_kind = theorems_about(subject.kind, patterns)
    reasons = {theorem.id: subject.silence(theorem) for theorem in of_kind}
    return {theorem: reason for theorem, reason in reasons.items() if reason is not None}


def adapted(subject: Any, kind: str | None, adaptation: Adaptation) -> Subject:
    """A user's object as a subject of the kind, which is recognised if it is not told.

    Raises:
        UnknownNameError: an unknown kind.
        InputError: the object cannot be imported, recognised or adapted.
    """
    if kind is not None:
        return named_kind(subject, kind, adaptation)
    return recognised(subject, adaptation)


def parametrize_claims(
    subjects: Any, *, kind: str | None = None, theorems: str | Sequence[str] = "*", **adaptation: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Parametrize a test over `claims(...)`, as its argument `claim`; the ids are the claim ids."""
    import pytest

    made = claims(subjects, kind=kind, theorems=theorems, **adaptation)
    return pytest.mark.parametrize("claim", made, ids=[str(claim) for claim in made])


def check(
    subject: Any,
    *,
    kind: str | None = None,
    theorems: str | Sequence[str] = "*",
    settings: Settings | None = None,
    **adaptation: Any,
) -> Report:
    """Check one subject against every theorem that the patterns select and that speaks of it (see `claims`)."""
    found = claims([subject], kind=kind, theorems=theorems, **adaptation)
    return Report(tuple(claim.evaluate(settings) for claim in found))


def _several(subjects: Any) -> Iterable[Any]:
    return subjects if isinstance(subjects, list | tuple | set) else [subjects]
