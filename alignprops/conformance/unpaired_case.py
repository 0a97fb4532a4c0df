"""One subject on one problem of labelled answers: what it returned, and what it should have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.comparison import Compared, compare
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.normalised import normalised
from alignprops.conformance.precision import coarser, exactly, product, quotient, total
from alignprops.conformance.unpaired import (
    POLICY,
    POLICY_KL,
    REFERENCE,
    REFERENCE_KL,
    Expected,
    UnpairedProblem,
    UnpairedReference,
    sequence_inputs,
    token_inputs,
)
from alignprops.expressions import Rounded
from alignprops.losses.unpaired.table import GIVEN
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss

Floats = NDArray[np.float64]
#: The names of the forms: chosen and rejected apart; one stream with labels; the same token by token with a mask.
SPLIT, LABELS, TOKENS = "split", "labels", "tokens"
FORMS = {
    SPLIT: "chosen and rejected answers apart, in unequal numbers",
    LABELS: "one stream of answers with labels",
    TOKENS: "one stream of token log-probabilities with a mask and labels",
}
LOSS, KL, DELTA, WEIGHTS = "loss", "kl", "delta", "weights"
#: The policy's inputs of the split form, desirable first, and the reference's.
SPLIT_POLICY = ("policy_chosen_logps", "policy_rejected_logps")
SPLIT_REFERENCE = ("reference_chosen_logps", "reference_rejected_logps")


@dataclass(frozen=True, eq=False)
class UnpairedConformer(Conformer):
    """Somebody's loss of labelled answers.

    Attributes:
        takes: those of the inputs of the kind that it is given; `kl` stands for the reference point as a number.
    """

    takes: frozenset[str] = frozenset()

    @property
    def loss(self) -> UnpairedLoss:
        """The loss that it claims to compute."""
        return cast(UnpairedLoss, self.specification)

    @property
    def averages_point(self) -> bool:
        """Whether it finds the reference point itself, from the log-probabilities of mismatched answers."""
        return self.loss.uses_point and KL not in self.takes


@dataclass(frozen=True, eq=False)
class UnpairedCase:
    """A subject of kind `unpaired-loss` on a problem.

    Rows are in the order of the subject's form: the problem's, or in the split form the desirable before the others.
    """

    subject: UnpairedConformer
    problem: UnpairedProblem

    @property
    def loss(self) -> UnpairedLoss:
        """The loss that the subject claims to compute."""
        return self.subject.loss

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        return self.loss.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(B,), the row of the problem that stands at each place of the subject's form."""
        if self.subject.form != SPLIT:
            return np.arange(self.problem.desirable.size)
        return np.argsort(~self.problem.labels, kind="stable")

    @property
    def upstream(self) -> Floats:
        """(B,) or (): what the subject's output is multiplied by in the gradient."""
        return self.problem.upstream[self.order] if self.subject.reduction == "none" else self.problem.upstream[0]

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        problem = self.problem
        by_tokens = self.subject.form == TOKENS
        read: Callable[[str], Floats] = problem.table if by_tokens else problem.sequence
        made: dict[str, NDArray[Any]] = {name: read(name) for name in (POLICY, REFERENCE)}
        made |= {"labels": problem.labels, WEIGHTS: problem.weights}
        if self.subject.form == SPLIT:
            made = self._split(made)
        if by_tokens:
            made |= {"mask": problem.mask != 0, "KL_mask": problem.kl_mask != 0}
        if self.subject.averages_point:
            made |= {name: read(name) for name in (POLICY_KL, REFERENCE_KL)}
        made |= {KL: np.array(problem.point), DELTA: np.array(problem.delta)}
        return {name: array for name, array in made.items() if name in self.subject.takes}

    def _split(self, stream: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        wanted = self.problem.labels
        made = {name: stream[POLICY][at] for name, at in zip(SPLIT_POLICY, (wanted, ~wanted), strict=True)}
        made |= {name: stream[REFERENCE][at] for name, at in zip(SPLIT_REFERENCE, (wanted, ~wanted), strict=True)}
        return made | {WEIGHTS: stream[WEIGHTS][~wanted]}

    @property
    def trained(self) -> tuple[str, ...]:
        """The policy's inputs that gradients are expected in."""
        return SPLIT_POLICY if self.subject.form == SPLIT else (POLICY,)

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        held = (POLICY_KL,) if POLICY_KL in self.arrays else ()
        arrays = {**self.arrays, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=(*self.trained, *held))

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with gradients."""
        return self.subject(call, main=LOSS, upstream=self.upstream)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def gradients(self, found: Found) -> Floats:
        """(B, …) the gradients in the log-probabilities of the labelled answers, in the order of the form."""
        return np.concatenate([found.gradients[name] for name in self.trained])

    # --- the reference ----------------------------------------------------------------------------------------------

    @cached_property
    def expected(self) -> Expected:
        """Losses, slopes and rewards, in the order of the problem."""
        problem, subject = self.problem, self.subject
        names = (POLICY, REFERENCE, *((POLICY_KL, REFERENCE_KL) if subject.averages_point else ()))
        by_tokens = subject.form == TOKENS
        if by_tokens:
            inputs = token_inputs(problem, names, self.dtype, subject.normalised_in)
        else:
            inputs = sequence_inputs(problem, names)
        return UnpairedReference(
            self.loss,
            problem.labels,
            inputs,
            self.options,
            problem.weights if WEIGHTS in subject.takes else np.ones(problem.weights.shape),
            point=problem.point if KL in subject.takes else None,
            shift=problem.delta if self.subject.variant == GIVEN else None,
            dtype=self.dtype,
        ).expected

    def ordered(self, numbers: Rounded) -> Rounded:
        """(B,) in the order of the subject's form."""
        return Rounded(numbers.value[self.order], numbers.error[self.order])

    @cached_property
    def expected_loss(self) -> Rounded:
        """The main output: (B,), or () if the subject reduces."""
        losses, count = self.ordered(self.expected.losses), self.problem.upstream.size
        if self.subject.reduction == "none":
            return losses
        summed = total(losses, self.dtype, axis=0)
        return summed if self.subject.reduction == "sum" else quotient(summed, exactly(count), self.dtype)

    @cached_property
    def expected_gradients(self) -> Rounded:
        """(B, …) of Σ upstream · loss, as `gradients`."""
        count = self.problem.upstream.size
        upstream = exactly(np.broadcast_to(self.upstream, (count,)))
        if self.subject.reduction == "mean":
            upstream = quotient(upstream, exactly(np.full(count, count)), self.dtype)
        by_row = product(upstream, self.ordered(self.expected.slopes), self.dtype)
        if self.subject.form != TOKENS:
            return by_row
        kept = exactly(self.problem.masked(POLICY))
        if self.subject.normalised_in is not None:
            kept = product(kept, normalised(self.problem.table(POLICY), self.subject.normalised_in).factor, self.dtype)
        return product(Rounded(by_row.value[:, None], by_row.error[:, None]), kept, self.dtype)

    def with_problem(self, **changed: Any) -> UnpairedCase:
        """The same subject on a changed problem."""
        return UnpairedCase(self.subject, replace(self.problem, **changed))

    # --- what theorems compare ----------------------------------------------------------------------------------------

    def loss_in(self, found: Found) -> Compared:
        """The main output of some call beside the expected one."""
        return compare(found.outputs[LOSS], self.expected_loss)

    def rewards_in(self, found: Found) -> Floats:
        """The rewards of the desirable, then of the undesirable; or the mean of each, 0 for a class without answers."""
        parts = [np.ravel(found.outputs[name]) for name in ("chosen_rewards", "rejected_rewards")]
        if all(np.ndim(found.outputs[name]) == 0 for name in ("chosen_rewards", "rejected_rewards")):
            parts = [np.where(count > 0, part, 0.0) for count, part in zip(self._counts, parts, strict=True)]
        return np.concatenate(parts)

    @property
    def expected_rewards(self) -> Rounded:
        """The same as it should be."""
        rewards, wanted = self.expected.rewards, self.problem.labels
        parts = [Rounded(rewards.value[at], rewards.error[at]) for at in (wanted, ~wanted)]
        if all(np.ndim(self.found.outputs[name]) == 0 for name in ("chosen_rewards", "rejected_rewards")):
            counts = [exactly(np.maximum(count, 1)) for count in self._counts]
            means = zip(parts, counts, strict=True)
            parts = [quotient(total(part, self.dtype, axis=0), count, self.dtype) for part, count in means]
        values = np.concatenate([np.ravel(part.value) for part in parts])
        return Rounded(values, np.concatenate([np.ravel(part.error) for part in parts]))

    @property
    def _counts(self) -> tuple[int, int]:
        wanted = int(self.problem.labels.sum())
        return wanted, self.problem.labels.size - wanted

    @property
    def class_weights(self) -> Floats:
        """(B,) what the class of each row counts, in the order of the form."""
        chosen, rejected = self.options["desirable_weight"], self.options["undesirable_weight"]
        weights: Floats = np.where(self.problem.labels[self.order], chosen, rejected)
        return weights

    @property
    def one_by_one(self) -> list[UnpairedCase]:
        """Every row as a batch of its own, in the order of the form."""
        rows = [slice(at, at + 1) for at in self.order]
        return [UnpairedCase(self.subject, rows_of(self.problem, row)) for row in rows]

    def poisoned(self, poison: tuple[float, ...]) -> Call:
        """A call whose masked tokens are replaced, with two more columns of them; only in the form of tokens."""
        changed: dict[str, NDArray[Any]] = {}
        for name, array in self.arrays.items():
            if name in (POLICY, REFERENCE, POLICY_KL, REFERENCE_KL):
                kept = np.pad(self.problem.masked(name), [(0, 0), (0, 2)])
                junk = np.resize(np.array(poison), kept.shape)
                changed[name] = np.where(kept, np.pad(array, [(0, 0), (0, 2)]), junk)
            elif name in ("mask", "KL_mask"):
                changed[name] = np.pad(array, [(0, 0), (0, 2)])
        return self.call(**changed)


def rows_of(problem: UnpairedProblem, rows: Any) -> UnpairedProblem:
    """Some rows of a problem, in the given order; the mismatched answers of the same rows go with them."""
    names = ("policy_logps", "reference_logps", "mask", "policy_kl_logps", "reference_kl_logps", "kl_mask")
    kept = {name: getattr(problem, name)[rows] for name in (*names, "desirable", "weights", "upstream")}
    return replace(problem, **kept)
