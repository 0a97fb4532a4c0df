"""Claims as rows: what a reader needs to judge a verdict, for suites, experiments and measurements alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignprops.report.failure import ROLES
from alignprops.report.fields import Fields, number
from alignprops.report.mathematics import Formula, Typesetter
from alignprops.results import Verdict, told_as_expected

VERDICTS = tuple(verdict.value for verdict in Verdict)
#: Evidence that was gathered on inputs, in the order in which it is told.
GATHERED = ("sampled", "observed")


@dataclass(frozen=True, slots=True)
class Witness:
    """Inputs that refute a claim, and the command that judges them again."""

    role: str
    hash: str
    instance: dict[str, Any]
    replay: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A theorem on a subject, with its verdict."""

    id: str
    theorem: str
    subject: str
    verdict: str
    reason: str
    evidence: tuple[str, ...]
    examples: int | None
    effective: int | None
    tightness: float | None
    slack: float | None
    within_rounding: int | None
    attained: int | None
    premises: dict[str, tuple[int, int]]
    lemmas: tuple[str, ...]
    witnesses: tuple[Witness, ...]

    @property
    def fails(self) -> bool:
        """Whether the verdict always fails a run."""
        return Verdict(self.verdict).fails


@dataclass(frozen=True, slots=True)
class TheoremView:
    """A theorem, and all that a document says of it."""

    id: str
    title: str
    source: str
    statement: str
    relations: tuple[tuple[str, str, Formula | None], ...]
    proofs: tuple[dict[str, Any], ...]
    mutants: tuple[dict[str, Any], ...]
    reasons: dict[str, Any]
    claims: tuple[Claim, ...]

    @property
    def verdicts(self) -> dict[str, int]:
        """Claims by verdict, in order of precedence."""
        return counted(self.claims)

    @property
    def effective(self) -> int | None:
        """Inputs that met the premises, over all claims."""
        return _total(claim.effective for claim in self.claims)

    @property
    def examples(self) -> int | None:
        """Inputs, over all claims."""
        return _total(claim.examples for claim in self.claims)

    @property
    def tightness(self) -> float | None:
        """The largest ratio of the sides over all claims."""
        return max((claim.tightness for claim in self.claims if claim.tightness is not None), default=None)

    @property
    def slack(self) -> float | None:
        """How far the sides are apart at the closest, over all claims."""
        return min((claim.slack for claim in self.claims if claim.slack is not None), default=None)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The kinds of evidence."""
        return tuple(dict.fromkeys(kind for claim in self.claims for kind in claim.evidence))

    @property
    def checked(self) -> bool:
        """Whether its mutants or its proofs were put to the test as well."""
        return bool(self.mutants or self.proofs)

    @property
    def killed(self) -> int:
        """Mutants that were refuted."""
        return sum(bool(mutant.get("killed")) for mutant in self.mutants)

    @property
    def decided(self) -> int:
        """Proofs that were decided."""
        return sum(proof.get("status") == "proved" for proof in self.proofs)


def counted(claims: Iterable[Claim]) -> dict[str, int]:
    """Claims by verdict, in order of precedence."""
    counts = Counter(claim.verdict for claim in claims)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def read_theorems(fields: Fields, setting: Typesetter) -> tuple[TheoremView, ...]:
    """The theorems of a document with their claims; a theorem that only claims name has no statement.

    Raises:
        InputError: a claim or a theorem lacks something.
    """
    claims = [_claim(item) for item in fields.items("claims")]
    told = {item.text("id"): item for item in fields.items("theorems")}
    ids = [*told, *dict.fromkeys(claim.theorem for claim in claims if claim.theorem not in told)]
    return tuple(
        _theorem(name, told.get(name), [claim for claim in claims if claim.theorem == name], setting)
        for name in sorted(ids)
    )


def _theorem(name: str, fields: Fields | None, claims: Sequence[Claim], setting: Typesetter) -> TheoremView:
    if fields is None:
        return TheoremView(name, "", "", "", (), (), (), {}, tuple(claims))
    statement = fields.text("statement", "")
    return TheoremView(
        id=name,
        title=fields.text("title", ""),
        source=fields.text("source", ""),
        statement=statement,
        relations=setting.relations(fields.text("latex", ""), statement),
        proofs=tuple(_named(item, "status") for item in fields.items("proofs")),
        mutants=tuple(_named(item, "killed") for item in fields.items("mutants")),
        reasons=fields.pairs("reasons"),
        claims=tuple(claims),
    )


def _named(fields: Fields, key: str) -> dict[str, Any]:
    return {"name": fields.text("name"), **{part: fields.raw(part) for part in (key, *PARTS)}}


#: What else is told of a proof or a mutant.
PARTS = ("concludes", "method", "domain", "seconds", "reason", "by", "examples")


def _claim(fields: Fields) -> Claim:
    evidence = fields.pairs("evidence")
    kinds = [evidence[kind] for kind in GATHERED if isinstance(evidence.get(kind), Mapping)]
    gathered: Mapping[str, Any] = kinds[0] if kinds else {}
    symbolic = evidence.get("symbolic")
    return Claim(
        id=fields.text("id"),
        theorem=fields.text("theorem"),
        subject=fields.text("subject"),
        verdict=fields.choice("verdict", VERDICTS),
        reason=_reason(fields),
        evidence=tuple(kind for kind in ("symbolic", *GATHERED) if evidence.get(kind)),
        examples=_count(gathered.get("examples")),
        effective=_count(gathered.get("effective")),
        tightness=number(gathered.get("tightness")),
        slack=number(gathered.get("slack")),
        within_rounding=_count(gathered.get("within_rounding")),
        attained=_count(gathered.get("attained")),
        premises=_premises(gathered.get("premises")),
        lemmas=tuple(map(str, symbolic.get("lemmas") or ())) if isinstance(symbolic, Mapping) else (),
        witnesses=tuple(_witnesses(fields.item("witness"))),
    )


def _reason(fields: Fields) -> str:
    """Of the verdict, and why a refutation is expected or what is wrong with expecting it."""
    expected = fields.item("expected")
    issue = expected.raw("issue") if expected is not None else None
    told = [
        fields.text("reason", ""),
        told_as_expected({"reason": expected.text("reason"), "issue": issue}) if expected is not None else "",
        fields.text("expectation_problem", ""),
    ]
    return "; ".join(part for part in told if part)


def _count(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _premises(given: Any) -> dict[str, tuple[int, int]]:
    if not isinstance(given, Mapping):
        return {}
    return {
        name: (_count(counts.get("held")) or 0, _count(counts.get("of")) or 0)
        for name, counts in given.items()
        if isinstance(counts, Mapping)
    }


def _witnesses(fields: Fields | None) -> Iterable[Witness]:
    """The simplest and the worst, each once; a shell would read the name of a file as it stands."""
    seen: set[str] = set()
    for role, name in ROLES.items():
        found = None if fields is None else fields.item(role)
        if found is None or found.text("hash") in seen:
            continue
        seen.add(found.text("hash"))
        yield Witness(name, found.text("hash"), found.pairs("instance"), f"alignprops replay {found.text('hash')[:8]}")


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
