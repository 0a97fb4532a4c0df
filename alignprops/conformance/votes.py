"""A pair on which votes are divided: the loss that a population has of it, at any margin a policy may have there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pair_by_pair import BY_PAIR, EachPair, each_pair, flipped
from alignprops.conformance.pairwise import LOGPS, PairwiseProblem
from alignprops.conformance.precision import exactly, product, summed, worlds
from alignprops.expressions import Rounded, follow_in, symbols_of
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import LENGTHS, POLICY, REFERENCE
from alignprops.measured import Bounded

Floats = NDArray[np.float64]
#: Log-probabilities stay below this.
TOP = -1 / 8


@dataclass(frozen=True, eq=False)
class VotesProblem:
    """Two responses of one token, a share of the votes, and policies to compare.

    Attributes:
        differences: (M,) float64, the log-ratio differences h of the policies (of the policy's log-probabilities alone
            where a loss has no reference).
        votes: share p of the votes for the chosen response, in (0, 1), dyadic.
        base: (3,) float64, log-probabilities: the policy's of the rejected response, the reference's of both.
        choices: (8,) int64, which of its values every option of the loss takes.
        dtype: what the code is called in.
    """

    differences: Floats
    votes: float
    base: Floats
    choices: NDArray[np.int64]
    dtype: str

    def with_choice(self, at: int, choice: int) -> VotesProblem:
        """The same votes with another choice of the option of that place in the loss's order."""
        choices = self.choices.copy()
        choices[at] = choice
        return replace(self, choices=choices)

    def pairs(self, differences: Floats, *, reference: bool) -> PairwiseProblem:
        """A pair for every log-ratio difference, in numbers near those that the dtype has."""
        rejected, *references = (np.full(differences.shape, part) for part in self.base)
        chosen = rejected + differences + (references[0] - references[1] if reference else 0.0)
        excess = np.maximum(np.maximum(chosen, rejected) - TOP, 0.0)
        tables = dict(zip(LOGPS, (chosen - excess, rejected - excess, *references), strict=True))
        ones = np.ones((differences.size, 1), dtype=np.int64)
        return PairwiseProblem(
            **{name: table[:, None] for name, table in tables.items()},
            chosen_mask=ones,
            rejected_mask=ones,
            choices=self.choices,
            upstream=np.ones(differences.size),
            dtype=self.dtype,
        )


@dataclass(frozen=True, eq=False)
class VotesCase:
    """One subject on a problem of divided votes, called once.

    Attributes:
        subject, problem: who is called, and with what.
        wanted: further log-ratio differences that it is called at, as near as its numbers come to them.
    """

    subject: Conformer
    problem: VotesProblem
    wanted: tuple[float, ...] = ()

    @property
    def loss(self) -> PairLoss:
        """The loss that the subject claims to compute."""
        return cast(PairLoss, self.subject.specification)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        return self.loss.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    @cached_property
    def _seen(self) -> EachPair:
        """All differences, drawn and wanted, then the same pairs flipped."""
        differences = np.concatenate([self.problem.differences, np.array(self.wanted, dtype=np.float64)])
        pairs = self.problem.pairs(differences, reference=self.loss.uses_reference)
        turned = flipped(pairs)
        both: dict[str, Any] = {n: np.concatenate([getattr(pairs, n), getattr(turned, n)]) for n in BY_PAIR}
        return each_pair(self.subject, replace(pairs, **both))

    @property
    def _half(self) -> int:
        return self.problem.differences.size + len(self.wanted)

    @property
    def drawn(self) -> tuple[EachPair, EachPair]:
        """The subject at the problem's differences, and with the two responses exchanged."""
        m = self.problem.differences.size
        return self._seen[:m], self._seen[self._half : self._half + m]

    @cached_property
    def _differences(self) -> Bounded:
        if self.loss.uses_reference:
            return self._seen.differences
        chosen, rejected = self._seen.policies
        made = summed([Rounded(*_parts(chosen)), Rounded(-rejected.value, rejected.error)], "float64")
        return Bounded(made.value, np.broadcast_to(made.error, made.value.shape))

    @property
    def differences(self) -> Bounded:
        """(M,) the log-ratio differences that the subject was given; the policy's alone where there is no reference."""
        return self._differences[: self.problem.differences.size]

    @cached_property
    def populations(self) -> tuple[Bounded, NDArray[np.int64]]:
        """(K,) p·f(h) + (1 − p)·f(−h) of the subject at the wanted differences, and 1 where they are known.

        The error includes what it costs the formula to be at the nearest h that the numbers have, and not at h itself.
        """
        here = slice(self.problem.differences.size, self._half)
        there, back = self._seen[here], self._seen[self._half :][here]
        met = self._voted(Rounded(*_parts(there.losses)), Rounded(*_parts(back.losses)))
        near, at = self._formula(self._differences.value[here]), self._formula(np.array(self.wanted))
        moved = np.abs(near.value - at.value) + near.error + at.error
        return Bounded(met.value, met.error + moved), there.known * back.known

    @cached_property
    def alone(self) -> tuple[Bounded, NDArray[np.int64]]:
        """(K,) f(h) of the subject at the wanted differences, as `populations`: one vote for the chosen response."""
        one = VotesCase(self.subject, replace(self.problem, votes=1.0), self.wanted)
        return one.populations

    def _formula(self, differences: Floats) -> Rounded:
        """p·f(h) + (1 − p)·f(−h) of the formula, in float64."""
        return self._voted(*(self._expected(sign * differences) for sign in (1, -1)))

    def _expected(self, differences: Floats) -> Rounded:
        expression = self.loss.expression(self.subject.variant)
        values: dict[Any, Rounded] = {symbol: Rounded(0.0, 0.0) for symbol in (*POLICY, *REFERENCE)}
        values |= {POLICY[0]: exactly(differences)} | {symbol: Rounded(1.0, 0.0) for symbol in LENGTHS}
        named = {symbol: self.options[symbol.name] for symbol in symbols_of(expression) - set(values)}
        values |= {symbol: Rounded(float(option), 0.0) for symbol, option in named.items()}
        return follow_in(expression, values, worlds("float64"))

    def _voted(self, loss: Rounded, flipped_loss: Rounded) -> Rounded:
        share = self.problem.votes
        parts = [product(exactly(share), loss, "float64"), product(exactly(1 - share), flipped_loss, "float64")]
        return summed(parts, "float64")


def _parts(number: Bounded) -> tuple[Floats, Floats]:
    return number.value, number.error
