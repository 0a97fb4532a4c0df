"""The kind `sequence-logprob`: log-probabilities of sequences, from logits or from states and the unembedding."""

from __future__ import annotations

from functools import lru_cache

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.logprob import LOGPS, Form, LogpProblem
from alignprops.conformance.logprob_case import LogpCase
from alignprops.conformance.logprob_torch import TorchLogps
from alignprops.losses.logprobs.formula import LOGPROB, SHIFTED, SHIFTING
from alignprops.subjects.adapters.sequence_logprob import ROLES, adapt_logprob
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.logprob import MISTAKES
from alignprops.subjects.sequence_scores import COUNTERFEITS, lean, of_tensors, plain
from alignprops.subjects.subject import Subject

KIND = "sequence-logprob"
#: Options that make sense in every form.
_ALWAYS = ("temperature", "scale")


def reference(form: str, variant: str = SHIFTING, reduction: str = "sum") -> Conformer:
    """The honest implementation in a form, an alignment and a reduction, with all options that it can have."""
    options = {*_ALWAYS}
    if reduction == "sum":
        options.add("average_log_prob")
    if Form.named(form).targets == "labels":
        options.add("ignore_index")
    return Conformer(
        TorchLogps(form, variant, reduction),
        LOGPROB,
        variant=variant,
        form=form,
        reduction=reduction,
        options=frozenset(options),
        assumptions=("the reference, a log-softmax in float32 or wider",),
    )


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same form, alignment, reduction and options."""
    twin = reference(conformer.form, conformer.variant, conformer.reduction)
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """The forms, alignments and reductions that host code comes in."""
    return {
        "logits/labels": reference("logits/labels"),
        "logits/mask/tokens": reference("logits/mask", SHIFTING, "none"),
        "logits/index/shifted": reference("logits/index", SHIFTED, "none"),
        "states/labels/shifted": reference("states/labels", SHIFTED),
        "biased-states/mask/mean": reference("biased-states/mask", SHIFTED, "mean"),
        "lean": of_tensors(lean, "the memory-lean one that training uses"),
        "plain": of_tensors(plain, "all logits, their log-softmax, a mask"),
    }


#: The references that mistakes are planted in, so that each can be made somewhere.
PLANTED_IN = ("logits/labels", "logits/mask/tokens", "biased-states/mask/mean")
#: Mistakes that only a mean shows.
_OF_MEANS = frozenset({"mean-of-nothing", "mean-of-all-columns", "mean-count-of-batch"})


def _counterfeits() -> dict[str, Subject]:
    made: dict[str, Subject] = {}
    for mistake in MISTAKES:
        names = PLANTED_IN[2:] if mistake.name in _OF_MEANS else PLANTED_IN
        for name in names:
            wrong = mistake.plant(_references()[name])
            if wrong is not None and mistake.name not in made:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    of_scores = {f"lean-{name}": of_tensors(score) for name, score in COUNTERFEITS.items()}
    return made | {name: _subject(f"counterfeit/{name}", wrong) for name, wrong in of_scores.items()}


register_kind(
    Kind(
        name=KIND,
        protocol="called with logits and labels (or ids and a mask), or with hidden states, the weight and bias of the "
        "unembedding and labels, and options; returns the summed or averaged log-probability of the scored tokens of "
        "each sequence, (B,), or those of its tokens. A function of one argument is called with SequenceTensors and "
        "returns sums",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_logprob,
        conformance=Conformance(LOGPS, (LOGPROB.name,), MISTAKES, honest_twin, LogpProblem, LogpCase, lambda _: ROLES),
    )
)
