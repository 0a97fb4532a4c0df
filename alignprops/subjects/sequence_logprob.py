"""The kind `sequence-logprob`: a function that computes the log-probabilities of sequences from hidden states.

It is called with `SequenceTensors` and returns the summed log-probability of the scored tokens of each sequence, (B,),
differentiable. A function of logits looks at `.logits`. The counterfeits are mistakes of real trainers; torch is
imported when one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Score = Callable[[Any], Any]


def lean(inputs: Any) -> Any:
    """The scored positions only, chunk by chunk."""
    return _summed(inputs, lambda states, targets: _lean(inputs, states, targets))


def plain(inputs: Any) -> Any:
    """All logits, their log-softmax, the targets picked out of it, the others masked."""
    import torch

    logps = torch.log_softmax(inputs.logits[:, :-1], dim=-1)
    picked = logps.gather(2, inputs.tokens[:, 1:, None])[:, :, 0]  # (B, T − 1)
    return torch.where(inputs.scored[:, 1:], picked, 0.0).sum(dim=1)


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
    return plain(_with_logits(inputs, lambda logits: logits.to(inputs.states.dtype).to(logits.dtype)))


def _with_logits(inputs: Any, change: Callable[[Any], Any]) -> Any:
    changed = replace(inputs)
    changed.__dict__["logits"] = change(inputs.logits)  # where a cached property keeps its value
    return changed


def _subject(subject_id: str, score: Score) -> Subject:
    return Subject(subject_id, "sequence-logprob", lambda: score)


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

register_kind(
    Kind(
        name="sequence-logprob",
        protocol="called with SequenceTensors (states, weight, bias, scale, tokens, scored; logits on demand); returns "
        "the summed log-probability of the scored tokens of each sequence, a differentiable tensor (B,)",
        references=(_subject("lean", lean), _subject("plain", plain)),
        counterfeits={name: _subject(f"counterfeit/{name}", score) for name, score in COUNTERFEITS.items()},
    )
)
