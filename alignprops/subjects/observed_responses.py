"""A real model's head trained on whole responses (LD-20): the subjects `model/head/behaviour` of the kind `token-head`.

Each is observed on a few pairs and a few tokens around the place where their responses begin to differ, since every
statement compares whole heads: of up to `MOST_WEIGHTS` numbers, about 2.8 million. A larger one is not applicable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from alignprops.dynamics.token_head import TokenHeadProblem, train_tokens
from alignprops.subjects.observed import BETA
from alignprops.subjects.subject import NotApplicable, Subject
from alignprops.subjects.tuned import SEED, Load, few
from alignprops.theorems import Theorem

if TYPE_CHECKING:
    from alignprops.models.loading import LanguageModel
    from alignprops.training.pairs import TokenPairs

#: What is observed of a head on whole responses.
REMAINDER = "learning-dynamics.remainder.*"
#: Pairs, tokens of each response and steps of an observed run.
PAIRS, TOKENS, STEPS = 8, 4, 3
#: The heads of a run and of its probes, for every pair, are compared as a whole: so many numbers at most.
MOST_NUMBERS, FEWEST_PAIRS = 2**25, 2
#: Heads that are compared: of the run, and along the probe.
HEADS = STEPS + 3
#: The largest head of which `FEWEST_PAIRS` pairs are compared so.
MOST_WEIGHTS = MOST_NUMBERS // (HEADS * FEWEST_PAIRS)


@dataclass(frozen=True, eq=False)
class ResponseHead:
    """The runs of one model's head on pairs of whole responses.

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
        """One subject for each behaviour."""
        return tuple(
            response_subject(f"{self.model}/head/{name}", partial(self._instance, at))
            for at, name in enumerate(self.names)
        )

    @cached_property
    def _loaded(self) -> tuple[LanguageModel, TokenPairs]:
        return self.load()

    def _instance(self, at: int) -> TokenHeadProblem | NotApplicable:
        model, pairs = self._loaded
        return few_responses(model, pairs.select(np.flatnonzero(pairs.behaviours == at)), beta=self.beta)


def response_subject(subject_id: str, instance: Callable[[], TokenHeadProblem | NotApplicable]) -> Subject:
    """A head on whole responses; `instance` is called when a claim is evaluated."""

    def observed(theorem: Theorem) -> Any | NotApplicable:
        if theorem.instance_type is not TokenHeadProblem:
            return NotApplicable("it does not speak of a head on whole responses")
        return instance()

    return Subject(subject_id, "token-head", lambda: train_tokens, observed=observed)


def few_responses(
    model: LanguageModel, pairs: TokenPairs, *, beta: float, seed: int = SEED
) -> TokenHeadProblem | NotApplicable:
    """The problem of some of the pairs, drawn at random; or why a model's head is not observed on them."""
    from alignprops.models.head import output_embedding
    from alignprops.training.token_problem import token_head_problem, where_they_differ

    module = output_embedding(model)
    vocabulary, width = module.weight.shape
    if vocabulary * width > MOST_WEIGHTS:
        return NotApplicable(
            f"a head of {vocabulary} × {width} has {vocabulary * width:,} weights; on whole responses, where every row "
            f"moves, heads are compared as a whole, and that up to {MOST_WEIGHTS:,} weights"
        )
    count = min(PAIRS, MOST_NUMBERS // (HEADS * vocabulary * width))
    bias = getattr(module, "bias", None)
    if bias is not None and bool(bias.any()):
        return NotApplicable("the head has a bias, of which it does not speak")
    chosen = where_they_differ(few(pairs, count, seed), TOKENS)
    return token_head_problem(model, chosen, beta=beta, steps=STEPS)
