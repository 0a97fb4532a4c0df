"""Mistakes that only some losses of preference pairs can have: a constant, a sign, a term or a weight of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from torch import Tensor

from alignprops.atoms import limited_exp, log1mexp, log_sigmoid, sigmoid, softplus
from alignprops.losses.pairs.lengths import alpha as price
from alignprops.losses.pairs.lengths import pair_weight
from alignprops.losses.pairs.non_convex import tau
from alignprops.losses.pairs.own_rewards import delta
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.penalised import dpop_lambda, rpo_alpha
from alignprops.losses.pairs.reference_free import cpo_alpha, gamma
from alignprops.losses.pairs.symbols import (
    beta,
    chosen_length,
    chosen_log_ratio,
    chosen_reward,
    label_smoothing,
    log_ratio_difference,
    pair_margin,
    policy_chosen,
    policy_difference,
    policy_rejected,
    reference_chosen,
    reference_rejected,
    rejected_length,
    rejected_log_ratio,
    rejected_reward,
    smoothed,
)
from alignprops.subjects.mistakes.edited_pairs import ChosenIsShared, arranging, computing, rewriting, weighing
from alignprops.subjects.mistakes.mistake import Mistake
from alignprops.subjects.mistakes.pairwise import ignored

Edit = Callable[[PairLoss, str], sp.Expr]
_DPO = softplus(-pair_margin)
_PENALTY = sp.Max(0, -chosen_log_ratio)
#: Each response's own log-probability × or ÷ its length.
_TIMES_LENGTH = {policy_chosen: policy_chosen * chosen_length, policy_rejected: policy_rejected * rejected_length}
_BY_LENGTH = {policy_chosen: policy_chosen / chosen_length, policy_rejected: policy_rejected / rejected_length}


def _replacing(changes: Mapping[sp.Expr, sp.Expr]) -> Edit:
    """The loss's own expression with some parts replaced, all at once."""
    return lambda loss, variant: loss.expression(variant).subs(dict(changes), simultaneous=True)


def _of_other(swapped: Mapping[str, str]) -> Edit:
    """The expression of another convention."""
    return lambda loss, variant: loss.expression(swapped.get(variant, variant))


def _ipo_of_other_tokens(_: PairLoss, variant: str) -> sp.Expr:
    share = (1 / chosen_length, 1 / rejected_length) if variant == "sum" else (chosen_length, rejected_length)
    return (chosen_log_ratio * share[0] - rejected_log_ratio * share[1] - 1 / (2 * beta)) ** 2


def _without_complements(loss: PairLoss, variant: str) -> sp.Expr:
    return loss.expression(variant).replace(log1mexp, lambda _: sp.Integer(0))


def _orpo_with(nll: sp.Expr) -> Edit:
    """ORPO with another NLL term, where it has one."""
    return lambda loss, variant: loss.expression("odds-ratio") + (nll if variant == "with-nll" else 0)


def _apo(loss: sp.Expr) -> Mapping[str, sp.Expr]:
    """A loss of APO in both conventions, from the paper's."""
    return {"paper": loss, "shifted": 1 + loss}


def _one_side(values: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Only what the policy's chosen log-probabilities are sorted with is sorted."""
    first = rows[policy_chosen.name]
    return {name: value[first] if rows.get(name) is first else value for name, value in values.items()}


def _opposite(values: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """One side ascends and the other descends."""
    first = rows[policy_chosen.name]
    orders = {name: order if order is first else order.flip(0) for name, order in rows.items()}
    return {name: value[orders[name]] if name in orders else value for name, value in values.items()}


_OF_MARGINS = (
    Mistake(
        "ipo-target-doubled",
        "aims at 1/beta where IPO aims at 1/(2 beta)",
        (4,),
        computing("ipo", (log_ratio_difference - 1 / beta) ** 2),
    ),
    Mistake(
        "ipo-scaled-margin",
        "multiplies the log-ratio difference by beta before it takes IPO's target from it",
        (4,),
        computing("ipo", (pair_margin - 1 / (2 * beta)) ** 2),
    ),
    Mistake(
        "ipo-other-tokens",
        "takes IPO's log-ratios averaged over tokens where they are summed, or summed where they are averaged",
        (4, 5, 6),
        rewriting(_ipo_of_other_tokens, "ipo"),
    ),
    Mistake(
        "smoothing-unbalanced",
        "adds label smoothing's term without lowering the weight of the other",
        (16,),
        computing("dpo", _DPO + label_smoothing * softplus(pair_margin)),
    ),
    Mistake(
        "robust-normaliser",
        "leaves out robust DPO's normaliser 1/(1 - 2 epsilon)",
        (),
        rewriting(lambda loss, variant: loss.expression(variant) * (1 - 2 * label_smoothing), "robust"),
    ),
    Mistake(
        "robust-sign",
        "adds the flipped label's term, as cDPO does, where robust DPO subtracts it",
        (),
        computing("robust", smoothed(pair_margin) / (1 - 2 * label_smoothing)),
    ),
    Mistake(
        "hinge-without-margin",
        "starts the hinge at 0 where it starts at a margin of 1",
        (),
        computing("hinge", sp.Max(0, -pair_margin)),
    ),
    Mistake(
        "exo-forward",
        "takes the KL divergence from the labels to the policy, where EXO takes it the other way",
        (),
        computing("exo-pair", smoothed(pair_margin)),
    ),
    Mistake(
        "exo-without-labels",
        "loses log epsilon and log(1 - epsilon), the labels' part of EXO's divergence",
        (),
        computing(
            "exo-pair",
            sigmoid(pair_margin) * log_sigmoid(pair_margin) + sigmoid(-pair_margin) * log_sigmoid(-pair_margin),
        ),
    ),
    Mistake("discopop-tau-dropped", "accepts DiscoPOP's tau and drops it", (16,), ignored("tau", 1 / 16)),
    Mistake(
        "discopop-inverted",
        "weights DiscoPOP's logistic loss by the share of its exponential loss, and the other way round",
        (),
        rewriting(_replacing({tau: -tau}), "discopop"),
    ),
    Mistake(
        "discopop-overflow",
        "forms exp(-m) and sigmoid(m/tau) before it multiplies them: NaN where one overflows and the other underflows",
        (19,),
        computing(
            "discopop",
            sigmoid(-pair_margin / tau) * softplus(-pair_margin) + sigmoid(pair_margin / tau) * sp.exp(-pair_margin),
        ),
    ),
)

_WITHOUT_REFERENCE = (
    Mistake(
        "simpo-gamma-convention",
        "takes SimPO's gamma as a share of beta where it is absolute, or as absolute where it is a share",
        (23,),
        rewriting(_of_other({"absolute": "ratio", "ratio": "absolute"}), "simpo"),
    ),
    Mistake(
        "simpo-gamma-added",
        "adds gamma to SimPO's margin where it is subtracted",
        (23,),
        rewriting(_replacing({gamma: -gamma}), "simpo"),
    ),
    Mistake(
        "simpo-summed",
        "sums the token log-probabilities where SimPO averages them",
        (),
        rewriting(_replacing(_TIMES_LENGTH), "simpo"),
    ),
    Mistake(
        "length-twice",
        "divides averaged log-probabilities by the length again",
        (8,),
        rewriting(_replacing(_BY_LENGTH), "simpo", "orpo"),
    ),
    Mistake(
        "orpo-nll-twice",
        "divides ORPO's averaged NLL by the length again",
        (8,),
        rewriting(_orpo_with(-policy_chosen / chosen_length), "orpo"),
    ),
    Mistake(
        "orpo-nll-sign",
        "adds the chosen response's log-likelihood where it is subtracted: it is pushed down",
        (7,),
        rewriting(_orpo_with(policy_chosen), "orpo"),
    ),
    Mistake(
        "orpo-without-nll",
        "leaves the chosen response's NLL out of ORPO",
        (19,),
        rewriting(_of_other({"with-nll": "odds-ratio"}), "orpo"),
    ),
    Mistake(
        "orpo-without-complements",
        "computes ORPO's odds without the log(1 - P) terms",
        (19,),
        rewriting(_without_complements, "orpo"),
    ),
    Mistake(
        "cpo-with-reference",
        "uses the reference model in CPO, which has none",
        (),
        rewriting(_replacing({policy_difference: log_ratio_difference}), "cpo"),
    ),
    Mistake(
        "cpo-alpha-dropped", "accepts the weight of CPO's NLL and never forwards it", (2,), ignored("cpo_alpha", 1.0)
    ),
    Mistake(
        "cpo-nll-of-other-tokens",
        "sums the chosen response's NLL where it is averaged over tokens, or averages where it is summed",
        (10,),
        rewriting(_of_other({"nll-mean": "nll-sum", "nll-sum": "nll-mean"}), "cpo"),
    ),
)

_OF_OWN_REWARDS = (
    Mistake(
        "sppo-scaled",
        "scales SPPO's loss by beta squared",
        (9,),
        computing("sppo-hard", (chosen_reward - sp.Rational(1, 2)) ** 2 + (rejected_reward + sp.Rational(1, 2)) ** 2),
    ),
    Mistake(
        "f-scores-alone",
        "takes an f-divergence's score, which is defined up to a constant, for a response's own log-ratio",
        (11,),
        rewriting(
            _replacing(
                {
                    policy_chosen: reference_chosen + 1 - limited_exp(-chosen_log_ratio),
                    policy_rejected: reference_rejected + 1 - limited_exp(-rejected_log_ratio),
                }
            ),
            "sppo-hard",
            "nca-pair",
            "bco-pair",
            "apo-down",
        ),
    ),
    Mistake(
        "nca-unhalved",
        "forgets the halves of NCA's two regularising terms",
        (),
        computing("nca-pair", softplus(-chosen_reward) + softplus(chosen_reward) + softplus(rejected_reward)),
    ),
    Mistake(
        "bco-shift-of-one",
        "shifts only the chosen response's reward by BCO's delta",
        (),
        computing("bco-pair", softplus(delta - chosen_reward) + softplus(rejected_reward)),
    ),
    Mistake(
        "bco-shift-sign",
        "adds BCO's delta to the rewards where it is subtracted",
        (),
        rewriting(_replacing({delta: -delta}), "bco-pair"),
    ),
    Mistake(
        "apo-zero-for-down",
        "computes APO-zero where APO-down is meant: the chosen response is pushed up",
        (),
        computing("apo-down", _apo(-sigmoid(chosen_reward) + sigmoid(rejected_reward))),
    ),
    Mistake(
        "apo-down-unanchored",
        "compares APO-down's rejected reward with 0 where it is compared with the chosen one's",
        (),
        computing("apo-down", _apo(sigmoid(chosen_reward) - sigmoid(-rejected_reward))),
    ),
)

_PENALISED = (
    Mistake(
        "rpo-alpha-on-dpo",
        "weights RPO's DPO term by alpha where it weights the NLL",
        (10,),
        computing(
            "rpo",
            {
                "nll-mean": rpo_alpha * smoothed(pair_margin) - policy_chosen / chosen_length,
                "nll-sum": rpo_alpha * smoothed(pair_margin) - policy_chosen,
            },
        ),
    ),
    Mistake(
        "rpo-nll-of-other-tokens",
        "sums RPO's NLL where it is averaged over tokens, or averages where it is summed",
        (10,),
        rewriting(_of_other({"nll-mean": "nll-sum", "nll-sum": "nll-mean"}), "rpo"),
    ),
    Mistake(
        "nll-sign",
        "adds the chosen response's log-likelihood where it is subtracted: it is pushed down",
        (7,),
        rewriting(_replacing({rpo_alpha: -rpo_alpha, cpo_alpha: -cpo_alpha}), "rpo", "cpo"),
    ),
    Mistake(
        "dpop-penalty-sign",
        "lets DPOP's penalty lower the loss",
        (22,),
        computing("dpop", _DPO - dpop_lambda * _PENALTY),
    ),
    Mistake(
        "dpop-penalty-without-beta",
        "does not multiply DPOP's penalty by beta",
        (22,),
        computing("dpop", softplus(-(pair_margin - dpop_lambda * _PENALTY))),
    ),
    Mistake(
        "dpop-penalty-of-rejected",
        "penalises the rejected response's fall where DPOP penalises the chosen one's",
        (22,),
        computing("dpop", softplus(-beta * (log_ratio_difference - dpop_lambda * sp.Max(0, -rejected_log_ratio)))),
    ),
)

_OF_LENGTHS = (
    Mistake(
        "dpo-norm-by-chosen",
        "averages the rejected response's log-ratio over the chosen one's tokens",
        (28,),
        computing(
            "dpo-norm", smoothed(beta * (chosen_log_ratio - rejected_log_ratio * rejected_length / chosen_length))
        ),
    ),
    Mistake(
        "length-price-sign",
        "makes long chosen responses pay twice: alpha |y| is subtracted from the margin where it is added",
        (),
        rewriting(_replacing({price: -price}), "r-dpo"),
    ),
    Mistake(
        "length-price-scaled",
        "multiplies R-DPO's price of a token by beta",
        (),
        rewriting(_replacing({price: price * beta}), "r-dpo"),
    ),
    Mistake("ld-alpha-ignored", "accepts LD-DPO's ld_alpha and ignores it", (), ignored("ld_alpha", 1.0)),
    Mistake(
        "ld-chosen-length",
        "weighs down tokens beyond the chosen response's length, where LD-DPO does beyond the shorter one's",
        (),
        weighing(ChosenIsShared),
    ),
    Mistake(
        "weights-attached",
        "lets the gradient flow through WPO's weights",
        (),
        rewriting(lambda loss, variant: loss.expression(variant).subs(loss.stopped), "wpo"),
    ),
    Mistake(
        "weights-dropped", "leaves WPO's weights out", (), rewriting(_replacing({pair_weight: sp.Integer(1)}), "wpo")
    ),
)

_OF_F_DIVERGENCES = (
    Mistake(
        "alpha-convention",
        "takes 1 - alpha for the order alpha of the divergence",
        (),
        rewriting(_of_other({"paper": "complement", "complement": "paper"}), "f-dpo-alpha"),
    ),
)

_SORTED = (
    Mistake("aot-unsorted", "does not sort the batch (that is DPO)", (), arranging(lambda values, _: values)),
    Mistake("aot-one-side", "sorts only one of the two sides", (), arranging(_one_side)),
    Mistake("aot-opposite", "sorts one side up and the other down", (), arranging(_opposite)),
)

SPECIAL_MISTAKES: tuple[Mistake, ...] = (
    *_OF_MARGINS,
    *_WITHOUT_REFERENCE,
    *_OF_OWN_REWARDS,
    *_PENALISED,
    *_OF_LENGTHS,
    *_OF_F_DIVERGENCES,
    *_SORTED,
)
