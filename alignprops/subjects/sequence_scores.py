"""Functions of `SequenceTensors` that score sequences: the memory-lean one of our own training, and the plain one.

They return the summed log-probability of the scored tokens of each sequence, (B,), differentiable. A function of
logits looks at `.logits`. The counterfeits are mistakes of real trainers; torch is imported when one is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.logprob import LOGPS
from alignprops.losses.logprobs.formula import LOGPROB, SHIFTING

Score = Callable[[Any], Any]
#: How many positions may be turned into logits at a time where a problem does not say.
CHUNK = 2


@dataclass(frozen=True, eq=False)
class OfTensors:
    """A function of `SequenceTensors` behind the interface of the kind."""

    score: Score

    def __call__(self, call: Call) -> Mapping[str, Any]:
        import torch

        from alignprops.training.sequence_tensors import SequenceTensors

        tensors, labels = call.tensors, call.tensors["labels"]
        predicted = torch.arange(labels.shape[1]) >= 1  # nothing predicts the first token
        inputs = SequenceTensors(
            tensors["states"],
            tensors["weight"],
            tensors["bias"],
            1.0,
            labels,
            (tensors["mask"] != 0) & predicted,
            CHUNK,
        )
        return {LOGPS: self.score(inputs)}


def of_tensors(score: Score, *assumptions: str) -> Conformer:
    """A function of `SequenceTensors` as a conformer."""
    return Conformer(
        OfTensors(score),
        LOGPROB,
        variant=SHIFTING,
        form="biased-states/mask",
        reduction="sum",
        assumptions=assumptions,
    )


def score_of(conformer: Conformer) -> Score:
    """The function of `SequenceTensors` that a conformer was made of."""
    assert isinstance(conformer.function, OfTensors)
    return conformer.function.score


def not_of_tensors(conformer: Conformer) -> str | None:
    """Why a theorem on functions of `SequenceTensors` does not speak of a conformer."""
    return None if isinstance(conformer.function, OfTensors) else "it is not called with SequenceTensors"


def lean(inputs: Any) -> Any:
    """The scored positions only, chunk by chunk."""
    return _summed(inputs, lambda states, targets: _lean(inputs, states, targets))


def plain(inputs: Any) -> Any:
    """All logits, their log-softmax, the targets picked out of it, the others masked."""
    import torch

    blank = torch.where(_predicting(inputs)[..., None], inputs.states, 0)  # what is masked may be NaN
    logps = torch.log_softmax(replace(inputs, states=blank).logits[:, :-1], dim=-1)
    picked = logps.gather(2, inputs.tokens[:, 1:, None])[:, :, 0]  # (B, T − 1)
    return torch.where(inputs.scored[:, 1:], picked, 0.0).sum(dim=1)


def _predicting(inputs: Any) -> Any:
    """(B, T): the positions from which a scored token is predicted."""
    return inputs.scored.roll(-1, dims=1)


def _lean(inputs: Any, states: Any, targets: Any, **changes: Any) -> Any:
    from alignprops.training.lean_logps import lean_logps

    options = {"scale": inputs.scale, "bias": inputs.bias, "chunk": inputs.chunk, **changes}
    return lean_logps(states, inputs.weight, targets, **options)


def _summed(inputs: Any, score: Callable[[Any, Any], Any], *, shift: int = 1) -> Any:
    """Sums of `score` over the scored tokens of each sequence; the token at t is predicted from t − shift."""
    rows, at = inputs.scored.nonzero(as_tuple=True)
    logps = score(inputs.states[rows, at - shift], inputs.tokens[rows, at])
    table = logps.new_zeros(inputs.tokens.shape).index_put((rows, at), logps)
    return table.sum(dim=1)


# --- counterfeits ---------------------------------------------------------------------------------------------------


def unshifted(inputs: Any) -> Any:
    """Off by one: predicts each token from its own state."""
    return _summed(inputs, lambda states, targets: _lean(inputs, states, targets), shift=0)


def averaged(inputs: Any) -> Any:
    """The mean over the response instead of the sum."""
    return lean(inputs) / inputs.scored.sum(dim=1)


def prompt_scored(inputs: Any) -> Any:
    """The prompt's tokens are scored as well."""
    import torch

    last = inputs.scored.long().flip(1).argmax(dim=1)  # positions behind the last scored one
    at = torch.arange(inputs.tokens.shape[1])
    return lean(replace(inputs, scored=(at >= 1) & (at < inputs.tokens.shape[1] - last[:, None])))


def padding_scored(inputs: Any) -> Any:
    """What stands behind the end of a sequence is scored as well."""
    return lean(replace(inputs, scored=inputs.scored.cumsum(dim=1) > 0))


def first_token_lost(inputs: Any) -> Any:
    """The first token of a response is taken for the prompt's."""
    return lean(replace(inputs, scored=inputs.scored & (inputs.scored.cumsum(dim=1) > 1)))


def without_bias(inputs: Any) -> Any:
    """The bias of the output embedding is forgotten."""
    return _summed(inputs, lambda states, targets: _lean(inputs, states, targets, bias=None))


def without_scale(inputs: Any) -> Any:
    """The factor that the model multiplies its logits by is forgotten."""
    return _summed(inputs, lambda states, targets: _lean(inputs, states, targets, scale=1.0))


def last_chunk_lost(inputs: Any) -> Any:
    """A chunk that is not full is dropped."""

    def score(states: Any, targets: Any) -> Any:
        full = len(states) // inputs.chunk * inputs.chunk
        logps = _lean(inputs, states, targets)
        kept = logps.new_zeros(len(logps))
        kept[:full] = 1
        return logps * kept

    return _summed(inputs, score)


def without_normaliser_gradient(inputs: Any) -> Any:
    """The right value, with the gradient of the target's logit alone."""

    def score(states: Any, targets: Any) -> Any:
        logps = _lean(inputs, states, targets)
        wide = logps.dtype
        logits = inputs.scale * (states.to(wide) * inputs.weight[targets].to(wide)).sum(dim=1)
        if inputs.bias is not None:
            logits = logits + inputs.bias[targets].to(wide)
        return logits + (logps - logits).detach()

    return _summed(inputs, score)


def one_upstream_for_all(inputs: Any) -> Any:
    """The right value, with a gradient that takes every sequence's upstream for their mean."""
    logps = lean(inputs)
    return logps.detach() + (logps - logps.detach()).mean()


def rounded_logits(inputs: Any) -> Any:
    """Logits kept in half precision before their log-softmax is taken."""
    import torch

    logits = inputs.logits.to(inputs.states.dtype).to(inputs.logits.dtype)
    picked = torch.log_softmax(logits[:, :-1], dim=-1).gather(2, inputs.tokens[:, 1:, None])[:, :, 0]
    return torch.where(inputs.scored[:, 1:], picked, 0.0).sum(dim=1)


COUNTERFEITS: dict[str, Score] = {
    "unshifted": unshifted,
    "averaged": averaged,
    "prompt-scored": prompt_scored,
    "padding-scored": padding_scored,
    "first-token-lost": first_token_lost,
    "without-bias": without_bias,
    "without-scale": without_scale,
    "last-chunk-lost": last_chunk_lost,
    "without-normaliser-gradient": without_normaliser_gradient,
    "one-upstream-for-all": one_upstream_for_all,
    "rounded-logits": rounded_logits,
}
