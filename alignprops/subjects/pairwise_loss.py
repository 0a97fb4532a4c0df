"""The kind `pairwise-loss`: losses of preference pairs, from four log-probabilities or from tokens with masks."""

from __future__ import annotations

from functools import lru_cache

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pair_torch import TorchPairLoss
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.conformance.pairwise_case import LOSS, SEQUENCE, TOKENS, PairwiseCase
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.table import PAIR_LOSSES, pair_loss
from alignprops.subjects.adapters.pairwise import adapt_pairwise, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.pair_formulas import MISTAKES
from alignprops.subjects.mistakes.pairwise_special import SPECIAL_MISTAKES
from alignprops.subjects.subject import Subject

KIND = "pairwise-loss"


def reference(loss: PairLoss, variant: str = "", form: str = SEQUENCE, reduction: str = "none") -> Conformer:
    """The honest implementation of a loss, from its expression."""
    return Conformer(
        TorchPairLoss(loss, variant, form, reduction),
        loss,
        variant=variant,
        form=form,
        reduction=reduction,
        options=loss.live_options(variant),
        outputs=frozenset({"chosen_rewards", "rejected_rewards"}),
        assumptions=("the reference, evaluated from its expression",),
    )


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same formula, convention, form, reduction and options."""
    twin = reference(conformer.specification, conformer.variant, conformer.form, conformer.reduction)  # type: ignore[arg-type]
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """Every loss in every convention; DPO also from tokens and reduced, as host code comes."""
    made = {
        loss.name if variant == "" else f"{loss.name}/{variant.replace(' ', '-')}": reference(
            loss, variant, form=TOKENS if loss.tokens(variant) == "shared" else SEQUENCE
        )
        for loss in PAIR_LOSSES.values()
        for variant in loss.variants
    }
    dpo, ipo = PAIR_LOSSES["dpo"], PAIR_LOSSES["ipo"]
    made["dpo/tokens"] = reference(dpo, form=TOKENS, reduction="mean")
    made["ipo/mean/tokens"] = reference(ipo, "mean", form=TOKENS)
    return made


#: The references that mistakes of any loss are planted in, so that each can be made somewhere.
PLANTED_IN = (
    *("dpo", "dpo/tokens", "ipo/sum", "robust", "hinge", "squared-hinge", "exponential"),
    *("simpo/absolute", "orpo/with-nll", "cpo/nll-mean", "f-dpo-forward-kl"),
)


def _counterfeits() -> dict[str, Subject]:
    """Each mistake in the first reference that it can be made in; those of one loss know theirs."""
    named = _references()
    places = [(mistake, [named[name] for name in PLANTED_IN]) for mistake in MISTAKES]
    places += [(mistake, list(named.values())) for mistake in SPECIAL_MISTAKES]
    return {
        mistake.name: _subject(f"counterfeit/{mistake.name}", wrong)
        for mistake, honest in places
        if (wrong := next(filter(None, map(mistake.plant, honest)), None)) is not None
    }


register_kind(
    Kind(
        name=KIND,
        protocol="called with the log-probabilities of chosen and rejected responses under policy and reference (one a "
        "response, or one a token with masks), beta and options; returns the loss of each pair or of the batch, and "
        "optionally implicit rewards",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_pairwise,
        conformance=Conformance(
            LOSS,
            tuple(PAIR_LOSSES),
            (*MISTAKES, *SPECIAL_MISTAKES),
            honest_twin,
            PairwiseProblem,
            PairwiseCase,
            lambda name: roles(pair_loss(name)),
        ),
    )
)
