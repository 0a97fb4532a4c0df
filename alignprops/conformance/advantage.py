"""Problems of advantages, one subject on one of them, and what it should return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.precision import coarser, rounded_to
from alignprops.expressions import Rounded
from alignprops.losses.advantages.in_groups import centred, deviation, leave_one_out, scaled
from alignprops.losses.advantages.over_time import discounted, gae
from alignprops.losses.advantages.table import SPELLINGS, Advantage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Over time: with a mask, with one that has no holes, with episode ends and a bootstrap, or with none of these. In
#: groups: neighbours, or told by ids.
MASKED, PADDED, EPISODES, PLAIN = "masked", "padded", "episodes", "plain"
NEIGHBOURS, IDS = "neighbours", "ids"
ADVANTAGES, RETURNS = "advantages", "returns"


@dataclass(frozen=True, eq=False)
class AdvantageProblem:
    """Rewards over time, and rewards of groups of responses.

    Attributes:
        rewards: (B, T) float64, arbitrary where masked.
        values: (B, T+1) float64, the critic's; the last column is the bootstrap behind the end.
        dones: (B, T) int64, 1 where a step ends an episode.
        mask: (B, T) int64, 1 where a step counts; also in the middle of a row.
        scores: (G, n) float64, the rewards of G groups of n responses.
        order: (G·n,) int64, a permutation: how responses lie where groups are told by ids.
        choices: (4,) int64, which of its values every option takes, in the order of the specification.
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    rewards: Floats
    values: Floats
    dones: Ints
    mask: Ints
    scores: Floats
    order: Ints
    choices: Ints
    dtype: str

    @property
    def group_ids(self) -> Ints:
        """(G·n,) the group of each response, in `order`."""
        count, size = self.scores.shape
        ids: Ints = np.repeat(np.arange(count), size)[self.order]
        return ids


@dataclass(frozen=True, eq=False)
class AdvantageCase:
    """A subject of kind `advantages` on a problem."""

    subject: Conformer
    problem: AdvantageProblem

    @property
    def made(self) -> Advantage:
        """What the subject claims to compute."""
        return cast(Advantage, self.subject.specification)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        subject = self.subject
        return self.made.chosen(self.problem.choices, subject.options, subject.constants)

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """(B, T), which steps count for this subject."""
        counted = self.problem.mask
        if self.subject.form == PADDED:  # up to the last step that counts
            counted = np.maximum.accumulate(counted[:, ::-1], axis=1)[:, ::-1]
        elif self.subject.form != MASKED:
            counted = np.ones_like(counted)
        return np.asarray(counted != 0, dtype=np.bool_)

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        problem, form = self.problem, self.subject.form
        if not self.made.over_time:
            scores = rounded_to(problem.scores, problem.dtype).ravel()
            if form == NEIGHBOURS:
                return {"rewards": scores}
            return {"rewards": scores[problem.order], "group_ids": problem.group_ids}
        made: dict[str, NDArray[Any]] = {"rewards": rounded_to(problem.rewards, problem.dtype)}
        if self.made.main == ADVANTAGES:
            values = rounded_to(problem.values, problem.dtype)
            made["values"] = values if form == EPISODES else values[:, :-1]
        if form in (MASKED, PADDED):
            made["mask"] = self.kept.copy()
        if form == EPISODES:
            made["dones"] = problem.dones != 0
        return made

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        size = {} if self.made.over_time else {"group_size": self.problem.scores.shape[1]}
        return make_call(
            {**self.arrays, **changed}, {**self.options, **size}, dtype=self.problem.dtype, differentiable=()
        )

    def run(self, call: Call) -> Found:
        """What the subject makes of a call."""
        return self.subject(call)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def groups(self, flat: Any) -> Any:
        """(G·n,) in the order of the subject's form → (G, n), group by group."""
        count, size = self.problem.scores.shape
        if self.subject.form == IDS:
            flat = np.asarray(flat).reshape(-1)[np.argsort(self.problem.order)]
        return np.asarray(flat).reshape(count, size)

    # --- the reference ----------------------------------------------------------------------------------------------

    @cached_property
    def expected(self) -> Mapping[str, Rounded]:
        """By output, in the subject's form; NaN where masked."""
        return self.expected_with(self.options)

    def expected_with(self, options: Mapping[str, Any]) -> Mapping[str, Rounded]:
        """The same for other hyper-parameters."""
        with np.errstate(all="ignore"):
            return self._over_time(options) if self.made.over_time else {ADVANTAGES: self._in_groups(options)}

    def _over_time(self, options: Mapping[str, Any]) -> Mapping[str, Rounded]:
        rewards, gamma = self.arrays["rewards"], float(options["gamma"])
        dones = self.arrays.get("dones", np.zeros(rewards.shape, dtype=bool))
        if self.made.main == RETURNS:
            return {RETURNS: discounted(rewards, dones, self.kept, gamma=gamma, dtype=self.dtype)}
        values = self.arrays["values"]
        if self.subject.form != EPISODES:
            values = np.pad(values, [(0, 0), (0, 1)])
        lam = float(options["lam"])
        return gae(rewards, values, dones, self.kept, gamma=gamma, lam=lam, dtype=self.dtype)._asdict()

    def _in_groups(self, options: Mapping[str, Any]) -> Rounded:
        rewards = rounded_to(self.problem.scores, self.problem.dtype)
        made = self._by_group(rewards, options)
        value, error = (np.broadcast_to(part, rewards.shape).ravel() for part in made)
        if self.subject.form == IDS:
            return Rounded(value[self.problem.order], error[self.problem.order])
        return Rounded(value, error)

    def _by_group(self, rewards: Floats, options: Mapping[str, Any]) -> Rounded:
        name, variant, dtype = self.made.name, self.subject.variant, self.dtype
        if name == "rloo":
            return leave_one_out(rewards, dtype)
        everything = rewards.reshape(1, -1)
        if name == "batch-norm":
            made = scaled(centred(everything, dtype), deviation(everything, variant, dtype), options["epsilon"], dtype)
            return Rounded(made.value.reshape(rewards.shape), made.error.reshape(rewards.shape))
        gaps = centred(rewards, dtype)
        scale = SPELLINGS[options["scale_rewards"]] if name == "grpo" else "none"
        if scale == "none":
            return gaps
        return scaled(
            gaps, deviation(rewards if scale == "group" else everything, variant, dtype), options["epsilon"], dtype
        )
