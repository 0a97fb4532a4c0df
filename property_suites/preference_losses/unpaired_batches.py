"""Batches of labelled answers: their parts, the reference model, what is logged, options, padding, purity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Ge, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.strategies.unpaired import unpaired_problems
from property_suites.preference_losses.notation import NO_PROOF, ROUNDING, finite, loss
from property_suites.preference_losses.unpaired_notation import (
    ETHAYARAJH,
    KIND,
    accepted,
    all_gradient,
    at_zero,
    live,
    loss_of_parts,
    masked_gradient,
    modified,
    needs_tokens,
    not_coupled,
    poisoned_finite,
    poisoned_loss,
    second_loss,
)
from property_suites.preference_losses.unpaired_specimens import MIXED, ONE_CLASS

Values = Mapping[Symbol, Any]
_ONE = {"mixed answers": MIXED["mixed answers in float64"]}


@theorem(
    "preference-losses.unpaired.partition",
    states=Eq(loss_of_parts, loss),
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("PART",),
    about=not_coupled,
    source=ETHAYARAJH,
    on=unpaired_problems(max_b=3, sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={**MIXED, **ONE_CLASS},
    counterfeits=True,
    mutants={"negated": Eq(loss_of_parts, -loss)},
    no_proof=NO_PROOF,
)
def partition(subject: Any, problem: UnpairedProblem) -> Values:
    """The loss of a batch is the documented aggregate of its answers one by one, whatever the counts of the classes.

    The mismatched answers are alike in all rows, so that every part has the reference point of the whole.
    """
    from alignprops.conformance.unpaired_case import UnpairedCase

    first = np.zeros(problem.desirable.size, dtype=np.int64)
    alike = {name: getattr(problem, name)[first] for name in ("policy_kl_logps", "reference_kl_logps", "kl_mask")}
    case = UnpairedCase(subject, replace(problem, **alike))
    whole = case.loss_in(case.found)
    parts = [part.loss_in(part.found) for part in case.one_by_one]
    values = np.array([np.ravel(part.found.value)[0] for part in parts])
    errors = np.array([np.ravel(part.found.error)[0] for part in parts])
    if subject.reduction != "none":
        count = len(parts) if subject.reduction == "mean" else 1
        values, errors = values.sum() / count, errors.sum() / count
    all_finite = whole.finite * np.prod([np.ravel(part.finite)[0] for part in parts])
    return {loss: whole.found, loss_of_parts: bounded(values, errors), finite: all_finite}


@theorem(
    "preference-losses.unpaired.at-reference",
    states=Eq(loss, at_zero),
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("RM", "REF"),
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=MIXED,
    counterfeits=True,
    mutants={"doubled": Eq(loss, 2 * at_zero)},
    no_proof=NO_PROOF,
)
def at_reference(subject: Any, problem: UnpairedProblem) -> Values:
    """A policy equal to its reference costs λ/2 an answer (KTO) or log 2 times its density ratio (BCO)."""
    from alignprops.conformance.unpaired_case import WEIGHTS, UnpairedCase

    alike = replace(
        problem, reference_logps=problem.policy_logps, reference_kl_logps=problem.policy_kl_logps, delta=0.0
    )
    case = UnpairedCase(subject, alike)
    if "saturating" in subject.loss.traits:
        costs = case.class_weights / 2
    else:
        ratios = problem.weights if WEIGHTS in subject.takes else np.ones(problem.weights.shape)
        costs = np.log(2) * np.where(problem.labels, 1.0, ratios)[case.order]
    if subject.reduction != "none":
        costs = costs.mean() if subject.reduction == "mean" else costs.sum()
    seen = case.loss_in(case.found)
    return {loss: seen.found, at_zero: costs, finite: seen.finite}


@theorem(
    "preference-losses.unpaired.live",
    states=Ge(live, accepted),
    kind=KIND,
    codes=("LIVE",),
    about=lambda subject: None if subject.options or subject.extras else "it takes no options",
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples=_ONE,
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: UnpairedProblem) -> Values:
    """Every keyword that is accepted, the weights of the classes among them, changes something or raises."""
    from alignprops.conformance.liveness import liveness
    from alignprops.conformance.unpaired_case import UnpairedCase

    told = liveness(subject, UnpairedCase(subject, MIXED["mixed answers in float64"]))
    del problem
    return {live: told.live, accepted: told.accepted}


@theorem(
    "preference-losses.unpaired.purity",
    states={"inputs": Eq(modified, 0), "repeated": Eq(second_loss, loss)},
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("PURE",),
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=_ONE,
    counterfeits=True,
    mutants={
        "inputs: one modified": {"inputs": Eq(modified, 1)},
        "repeated: doubled": {"repeated": Eq(second_loss, 2 * loss)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: UnpairedProblem) -> Values:
    """The inputs are left as they are, and the same call gives the same loss again."""
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    call = case.call()
    first, second = case.run(call), subject(call)
    plain = case.loss_in(first)
    again = case.loss_in(second)
    return {
        modified: len(first.modified),
        loss: plain.found,
        second_loss: again.found,
        finite: plain.finite * again.finite,
    }


@theorem(
    "preference-losses.unpaired.padding",
    states={
        "finite": Eq(poisoned_finite, 1),
        "loss": Eq(poisoned_loss, loss),
        "masked gradient": Eq(masked_gradient, 0),
    },
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("PAD", "EXT"),
    about=needs_tokens,
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.3,
    examples=_ONE,
    counterfeits=True,
    mutants={
        "loss: negated": {"loss": Eq(poisoned_loss, -loss)},
        "masked gradient: that of all tokens": {"masked gradient": Eq(all_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def padding(subject: Any, problem: UnpairedProblem) -> Values:
    """Nothing under a mask enters, of the labelled answers or of the mismatched: neither 10⁴, −inf nor NaN."""
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    found = case.run(case.poisoned((1e4, -np.inf, np.nan, -3.0)))
    slopes = np.abs(np.nan_to_num(case.gradients(found), nan=1.0))
    masked = np.pad(problem.mask == 0, [(0, 0), (0, 2)], constant_values=True)
    plain, value = case.loss_in(case.found), case.loss_in(found)
    return {
        loss: plain.found,
        poisoned_loss: value.found,
        poisoned_finite: value.finite,
        finite: plain.finite,
        masked_gradient: slopes[masked].max(initial=0.0),
        all_gradient: slopes.max(initial=0.0),
    }
