"""Nothing at a masked position matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.kl import KlProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.kl import kl_problems
from alignprops.theorems import Under
from property_suites.kl_estimators.notation import (
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    estimate,
    finite,
    formula,
    formula_gradient,
    gradient,
    gradient_defined,
    gradient_finite,
)
from property_suites.kl_estimators.specimens import BASE, RAGGED

Values = Mapping[Symbol, Any]

masked_positions = nonnegative("masked_positions", r"n_{\mathrm{masked}}")
#: What may stand under a mask.
POISON = (1e4, float("nan"), float("inf"), -float("inf"), -1e4)


def _about(subject: Any) -> str | None:
    return None if subject.form.startswith("masked-") else "it takes no mask"


def _poisons() -> dict[str, KlProblem]:
    from dataclasses import replace

    import numpy as np

    return {
        f"{value} under the mask": replace(BASE, choices=np.array([0, 0, 0, choice]))
        for choice, value in enumerate(POISON)
    }


@theorem(
    "kl-estimators.padding",
    states={
        "value finite": Ge(finite, defined),
        "gradient finite": Ge(gradient_finite, gradient_defined),
        "value": Under({"finite": Eq(finite, 1), "defined": Eq(defined, 1)}, Eq(estimate, formula)),
        "gradient": Under(
            {"finite": Eq(gradient_finite, 1), "defined": Eq(gradient_defined, 1)}, Eq(gradient, formula_gradient)
        ),
    },
    given={"something is masked": Ge(masked_positions, 1)},
    kind="kl-estimator",
    codes=("PAD",),
    source=SCHULMAN,
    on=kl_problems(sizes=(1.0, 4.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    min_effective=5,
    examples={**_poisons(), **RAGGED},
    counterfeits=True,
    about=_about,
    mutants={
        "value: 5 % off": {"value": Eq(estimate, Rational(19, 20) * formula)},
        "gradient: 5 % off": {"gradient": Eq(gradient, Rational(19, 20) * formula_gradient)},
        "value finite: never": {"value finite": Ge(finite, 2 * defined)},
        "gradient finite: never": {"gradient finite": Ge(gradient_finite, 2 * gradient_defined)},
    },
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: KlProblem) -> Values:
    """Whatever stands at masked positions, be it NaN, changes neither value nor gradient, and gets a gradient of 0."""
    import numpy as np

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KL, KlCase, input_names

    case = KlCase(subject, problem)
    poison = POISON[int(problem.choices[3]) % len(POISON)]
    poisoned = {}
    for name in input_names(case.form):
        table = case.arrays[name].copy()
        table[~case.kept] = poison
        poisoned[name] = table
    found = case.run(case.call(**poisoned))
    told = compare(found.outputs[KL], case.expected_value)
    slope = compare(case.gradient(found), case.expected_gradient)
    return {
        estimate: told.found,
        formula: told.expected,
        finite: told.finite,
        defined: told.defined,
        gradient: slope.found,
        formula_gradient: slope.expected,
        gradient_finite: slope.finite,
        gradient_defined: slope.defined,
        masked_positions: np.asarray((~case.kept).sum()),
    }
