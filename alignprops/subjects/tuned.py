"""A real model whose features move: its first step, of adapters and of all weights (LD-15).

For every behaviour there are the subjects `model/lora/behaviour` and `model/full/behaviour` of the kind `policy`, each
on a few of its pairs, in float64. The model is read when the first of their claims is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from alignprops._errors import InputError, ModelError
from alignprops.subjects.observed import BETA
from alignprops.subjects.subject import NotApplicable, Subject
from alignprops.theorems import Theorem

if TYPE_CHECKING:
    from alignprops.models.loading import LanguageModel
    from alignprops.models.policy import ModelPolicy
    from alignprops.training.pairs import TokenPairs
    from alignprops.training.settings import Method

#: What is asked of a model whose features move.
FIRST_ORDER = ("learning-dynamics.first-order", "learning-dynamics.first-step")
#: The methods that move more than the head.
METHODS: tuple[Method, ...] = ("lora", "full")
#: The mean margin that the first step is to bring at first, and how often it is shortened at most, until the slopes
#: move along lines up to a quarter.
FIRST_MARGIN, SHORTENINGS = 2.0**-8, 12
#: What is aimed at when the step is shortened.
WOBBLE = 1 / 8
#: On so many pairs of a behaviour the first step is followed, drawn by this seed, which draws the adapters too.
PAIRS, SEED = 16, 0
#: Copies in float64 are made of networks up to this size; so many parameters' gradients are kept for the next theorem.
MOST_PARAMETERS, KEPT = 2**28, 2**27
#: So many logits of a side of the pairs exist at a time, in float64.
MOST_LOGITS = 2**28

Load = Callable[[], "tuple[LanguageModel, TokenPairs]"]


@dataclass(frozen=True, eq=False)
class TunedModel:
    """The first steps of one model.

    Attributes:
        model: its name, the first part of the subject ids.
        names: the behaviours, in their order.
        load: gives the model and its pairs, of these behaviours; called when a claim is first evaluated.
        beta: DPO's β.
    """

    model: str
    names: tuple[str, ...]
    load: Load
    beta: float = BETA

    def subjects(self) -> tuple[Subject, ...]:
        """One subject for each method and behaviour."""
        return tuple(
            policy_subject(f"{self.model}/{method}/{name}", partial(self.policy, method, at))
            for method in METHODS
            for at, name in enumerate(self.names)
        )

    def policy(self, method: Method, at: int) -> ModelPolicy | NotApplicable:
        """The model before its first step on the behaviour at `at`, or why there is none."""
        if (method, at) not in self._kept:
            made = self._make(method, at)
            if _numbers(*self._kept.values(), made) > KEPT:
                self._kept.clear()
            self._kept[method, at] = made
        return self._kept[method, at]

    def _make(self, method: Method, at: int) -> ModelPolicy | NotApplicable:
        start = self._start(method)
        if isinstance(start, NotApplicable):
            return start
        try:
            return with_first_step(_affordable(start.with_pairs(self._pairs(at))))
        except ModelError as error:
            return NotApplicable(str(error))

    def _start(self, method: Method) -> ModelPolicy | NotApplicable:
        """The float64 copy that all behaviours share."""
        if method not in self._starts:
            self._starts[method] = self._begin(method)
        return self._starts[method]

    def _begin(self, method: Method) -> ModelPolicy | NotApplicable:
        if isinstance(self._model, NotApplicable):
            return self._model
        try:
            return before_first_step(self._model, self._pairs(0), method, beta=self.beta, seed=SEED)
        except InputError as error:  # peft is missing, or finds nothing to adapt
            return NotApplicable(str(error))

    def _pairs(self, at: int) -> TokenPairs:
        pairs = self._loaded[1]
        return few(pairs.select(np.flatnonzero(pairs.behaviours == at)), PAIRS, SEED)

    @property
    def _model(self) -> LanguageModel | NotApplicable:
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[LanguageModel | NotApplicable, TokenPairs]:
        model, pairs = self.load()
        return too_large(model) or model, pairs

    @cached_property
    def _starts(self) -> dict[Method, ModelPolicy | NotApplicable]:
        return {}

    @cached_property
    def _kept(self) -> dict[tuple[Method, int], ModelPolicy | NotApplicable]:
        return {}


def _numbers(*policies: ModelPolicy | NotApplicable) -> int:
    return sum(len(policy.reference) for policy in policies if not isinstance(policy, NotApplicable))


def too_large(model: LanguageModel) -> NotApplicable | None:
    """Why a model is not copied in float64; None if it is."""
    count = sum(weight.numel() for weight in model.network.parameters())
    if count <= MOST_PARAMETERS:
        return None
    return NotApplicable(
        f"{count:,} parameters are too many for a copy in float64; the first step is followed up to {MOST_PARAMETERS:,}"
    )


def policy_subject(subject_id: str, policy: Callable[[], ModelPolicy | NotApplicable]) -> Subject:
    """A language model of the kind `policy`; `policy` is called when a claim is evaluated."""

    def instance(theorem: Theorem) -> Any | NotApplicable:
        if theorem.id not in FIRST_ORDER:
            return NotApplicable("it needs the gradients of all pairs at once")
        made = policy()
        return made if isinstance(made, NotApplicable) else made.problem

    # The problem of an instance holds the pairs; the weights are the policy's own.
    return Subject(subject_id, "policy", lambda: lambda problem: policy(), observed=instance, self_contained=False)


# --- before the first step --------------------------------------------------------------------------------------------


def first_step_policy(
    model: LanguageModel, pairs: TokenPairs, method: Method, *, beta: float, seed: int
) -> ModelPolicy:
    """A model before its first step, whose size is such that the slopes along the step move along a line.

    Raises:
        InputError: peft is not installed or finds nothing to adapt, the network is not differentiated or computes in
            float32, or the pairs have too many logits.
    """
    return with_first_step(_affordable(before_first_step(model, pairs, method, beta=beta, seed=seed)))


def before_first_step(
    model: LanguageModel, pairs: TokenPairs, method: Method, *, beta: float, seed: int
) -> ModelPolicy:
    """A model before a first step of size 1.

    Raises:
        InputError: peft is not installed or finds nothing to adapt, or the network computes in float32.
    """
    from alignprops.models.policy import ModelPolicy

    network, names = _trained_part(model, method, seed)
    policy = ModelPolicy(network, pairs, beta=beta, eta=1.0, trained=names)
    if policy.narrow:
        raise ModelError(
            "a part of the network computes in float32 whatever it is given; the first step's remainder would be lost "
            "in rounding"
        )
    return policy


def _affordable(policy: ModelPolicy) -> ModelPolicy:
    """The policy, if the logits of its pairs can be kept.

    Raises:
        ModelError: there are too many.
    """
    pairs, tokens, vocabulary = policy.logits_shape
    if pairs * tokens * vocabulary > MOST_LOGITS:
        raise ModelError(
            f"{pairs} pairs of up to {tokens} tokens have {pairs} × {tokens} × {vocabulary:,} = "
            f"{pairs * tokens * vocabulary:,} logits; the first step is followed up to {MOST_LOGITS:,}"
        )
    return policy


def with_first_step(policy: ModelPolicy) -> ModelPolicy:
    """The policy with a step small enough for the slopes along it to move along a line up to a quarter, if there is.

    Raises:
        ModelError: the network has parts that torch does not differentiate so.
    """
    squared = float(_gradient(policy) @ policy.gradient)
    eta = FIRST_MARGIN / (2 * squared) if squared > 0 else 1.0  # LD-15: the mean margin is 2η‖G‖²
    for _ in range(SHORTENINGS):
        policy = policy.with_step(eta)
        wobble = max(policy.first_step.margin_wobble, policy.first_step.drop_wobble)
        if wobble <= 1 / 4:
            break
        eta *= min(1 / 2, max(WOBBLE / wobble, 1 / 64))  # it is about proportional to the step
    return policy


def _gradient(policy: ModelPolicy) -> Any:
    try:
        return policy.gradient
    except RuntimeError as error:
        if "autograd.Function" not in str(error):
            raise
        raise ModelError("a part of the network has a derivative of its own that works in reverse mode only") from error


def _trained_part(model: LanguageModel, method: Method, seed: int) -> tuple[Any, list[str]]:
    """The network that a method trains, and the names of the parameters that it moves."""
    import torch

    from alignprops.training.network_policy import adapted_network
    from alignprops.training.settings import TrainSettings

    if method == "full":
        return model.network, [name for name, _ in model.network.named_parameters()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = adapted_network(model, TrainSettings(method="lora").resolved(1))
    return network, [name for name, weight in network.named_parameters() if weight.requires_grad]


def few(pairs: TokenPairs, count: int, seed: int) -> TokenPairs:
    """Some of the pairs, drawn at random; all if there are no more."""
    if len(pairs) <= count:
        return pairs
    return pairs.select(np.sort(np.random.default_rng(seed).permutation(len(pairs))[:count]))
