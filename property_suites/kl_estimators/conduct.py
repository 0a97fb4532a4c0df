"""What code does beside its value: inputs left alone, the logged number, names of estimators, exchanged roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Rational, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.kl import KlProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.kl import kl_problems
from alignprops.theorems import Under
from property_suites.kl_estimators.notation import (
    AGARWAL,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    estimate,
    finite,
    formula,
)
from property_suites.kl_estimators.specimens import ENDS, EXTREME, RAGGED

Values = Mapping[Symbol, Any]

changed_inputs = nonnegative("changed_inputs", r"n_{\mathrm{changed}}")
repeated = real("repeated", r"\hat k''")
first = real("first", r"\hat k'")
attached = nonnegative("attached", r"\mathrm{attached}")
reported = real("reported", r"\overline{k}_{\mathrm{logged}}")
average = real("average", r"\overline{k}")
understood = nonnegative("understood", r"\mathrm{understood}")
refused = nonnegative("refused", r"\mathrm{refused}")
swapped = real("swapped", r"\hat k(\pi_{\mathrm{ref}}, \pi)")
parity = real("parity", r"s")


@theorem(
    "kl-estimators.purity",
    states={"inputs": Eq(changed_inputs, 0), "again": Eq(repeated, first)},
    kind="kl-estimator",
    codes=("PURE",),
    source=SCHULMAN,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    min_effective=5,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "inputs: one is changed": {"inputs": Eq(changed_inputs, 1)},
        "again: twice as much": {"again": Eq(repeated, 2 * first)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: KlProblem) -> Values:
    """A call leaves its inputs as they were, and another call with the same inputs returns the same numbers."""
    import numpy as np

    from alignprops.conformance.kl_case import KL, KlCase

    case = KlCase(subject, problem)
    again = case.run(case.call())
    numbers = [np.nan_to_num(found.outputs[KL], nan=1.5, posinf=2.5, neginf=3.5) for found in (case.found, again)]
    return {
        changed_inputs: np.asarray(len(case.found.modified)),
        repeated: bounded(numbers[1], 0),
        first: bounded(numbers[0], 0),
    }


def _reports(subject: Any) -> str | None:
    return None if "mean_kl" in subject.outputs else "it returns no mean to be logged"


@theorem(
    "kl-estimators.reported",
    states={
        "value": Under({"finite": Eq(finite, 1), "defined": Eq(defined, 1)}, Eq(reported, average)),
        "detached": Eq(attached, 0),
    },
    kind="kl-estimator",
    codes=("MET",),
    source=SCHULMAN,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **EXTREME},
    counterfeits=True,
    about=_reports,
    mutants={
        "value: 5 % off": {"value": Eq(reported, Rational(19, 20) * average)},
        "detached: it is not": {"detached": Eq(attached, 1)},
    },
    no_proof=NO_PROOF,
)
def logged(subject: Any, problem: KlProblem) -> Values:
    """The KL that is logged is the mean of the estimator in use over the mask, of raw log-ratios, and detached."""
    import numpy as np

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import REPORTED, KlCase

    case = KlCase(subject, problem)
    seen = compare(case.found.outputs[REPORTED], case.expected_reported)
    return {
        reported: seen.found,
        average: seen.expected,
        finite: seen.finite,
        defined: seen.defined,
        attached: np.asarray(int(case.found.attached[REPORTED])),
    }


def _options_of(subject: Any) -> set[str]:
    """The options that are varied: of the formula, and keywords that it does not know."""
    return {*subject.extras, *(subject.options - {"estimator"})}


live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


@theorem(
    "kl-estimators.options",
    states=Ge(live, accepted),
    kind="kl-estimator",
    codes=("LIVE",),
    source=SCHULMAN,
    on=kl_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples=RAGGED,
    counterfeits=True,
    about=lambda subject: None if _options_of(subject) else "it takes no options",
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: KlProblem) -> Values:
    """Every option that is accepted changes an output or a gradient, or is refused."""
    from alignprops.conformance.kl_case import KlCase
    from alignprops.conformance.liveness import liveness

    told = liveness(subject, KlCase(subject, RAGGED["ragged rows in float64"]))
    del problem
    return {live: told.live, accepted: told.accepted}


def _is_told_a_name(subject: Any) -> str | None:
    return None if "estimator" in subject.options else "it computes one estimator and takes no name"


@theorem(
    "kl-estimators.names",
    states={
        "spellings": Under(
            {"understood": Ge(understood, 1), "finite": Eq(finite, 1), "defined": Eq(defined, 1)}, Eq(estimate, formula)
        ),
        "unknown": Eq(refused, 1),
    },
    kind="kl-estimator",
    codes=("LIVE",),
    source=SCHULMAN,
    on=kl_problems(sizes=(1.0, 1.0, 4.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    min_effective=5,
    examples=RAGGED,
    counterfeits=True,
    about=_is_told_a_name,
    mutants={
        "spellings: 5 % off": {"spellings": Eq(estimate, Rational(19, 20) * formula)},
        "unknown: taken": {"unknown": Eq(refused, 0)},
    },
    no_proof=NO_PROOF,
)
def names(subject: Any, problem: KlProblem) -> Values:
    """Every name of an estimator that the code takes gives that estimator, k1 as "kl" too, and an unknown one raises.

    A name that the code refuses is no contradiction; one that it takes for another estimator is.
    """
    import numpy as np

    from alignprops.conformance.kl_case import KlCase
    from alignprops.losses.estimators.estimator import Estimator
    from alignprops.losses.estimators.table import KL_ESTIMATORS

    case = KlCase(subject, problem)
    known = [made for made in KL_ESTIMATORS.values() if isinstance(made, Estimator)]
    seen = [_by_name(case, made, spelling) for made in known for spelling in made.spellings]
    columns = {symbol: [part[symbol] for part in seen] for symbol in (estimate, formula, finite, defined, understood)}
    numbers = [(told.value, told.error) for told in columns[estimate]]
    return {
        **{symbol: np.stack(parts) for symbol, parts in columns.items() if symbol != estimate},
        estimate: bounded(np.stack([value for value, _ in numbers]), np.stack([error for _, error in numbers])),
        refused: np.asarray(int(_found(case, "no-such-estimator") is None)),
    }


def _found(case: Any, spelling: str) -> Any:
    """What the code returns when told that name; None if it raises."""
    from alignprops.conformance.kl_case import KL

    try:
        return case.subject(case.call().with_options(estimator=spelling)).outputs[KL]
    except Exception:  # noqa: BLE001  # whatever a host raises for a name that it does not know
        return None


def _by_name(case: Any, made: Any, spelling: str) -> dict[Any, Any]:
    """The code's numbers beside the formula of that name, in the documented convention that is nearest."""
    from dataclasses import replace

    import numpy as np

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KlCase

    found = _found(case, spelling)
    nearest: Any = None
    for variant in made.variants:
        other = KlCase(replace(case.subject, specification=made, variant=variant), case.problem)
        expected = other.expected_value
        seen = compare(expected.value if found is None else found, expected)
        miss = float(np.max(np.abs(seen.found.value - seen.expected) * seen.defined))
        if nearest is None or miss < nearest[0]:
            nearest = miss, seen
    seen = nearest[1]
    return {
        estimate: seen.found,
        formula: seen.expected,
        finite: seen.finite,
        defined: seen.defined,
        understood: np.full(np.shape(seen.expected), int(found is not None)),
    }


def _has_parity(subject: Any) -> str | None:
    if subject.specification.traits & {"odd", "even"}:
        return None
    if "reflected" in subject.specification.traits and "beta" in subject.options:
        return None
    return "exchanging policy and reference gives another divergence"


@theorem(
    "kl-estimators.exchange",
    states=Eq(swapped, parity * estimate),
    given={"the estimates are finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="kl-estimator",
    codes=("SYM",),
    source=AGARWAL,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **ENDS},
    counterfeits=True,
    about=_has_parity,
    mutants={"5 % off": Eq(swapped, Rational(19, 20) * parity * estimate)},
    no_proof=NO_PROOF,
)
def exchange(subject: Any, problem: KlProblem) -> Values:
    """With policy and reference exchanged k1 changes its sign, k2 and |k1| stay, and JSD has β for 1 − β.

    At β = ½ the Jensen–Shannon divergence is symmetric; at its ends it is a KL divergence and its reverse, or 0.
    """
    from dataclasses import replace

    import numpy as np

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KL, KlCase

    case = KlCase(subject, problem)
    other = KlCase(subject, replace(problem, policy=problem.reference, reference=problem.policy))
    call = other.call()
    if "beta" in subject.options:
        call = call.with_options(beta=1 - call.options["beta"])
    one, two = (compare(found, case.expected_value) for found in (case.found.outputs[KL], other.run(call).outputs[KL]))
    return {
        estimate: one.found,
        swapped: two.found,
        parity: np.asarray(-1 if "odd" in subject.specification.traits else 1),
        finite: one.finite * two.finite,
        defined: one.defined,
    }
