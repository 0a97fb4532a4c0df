"""The symbols of a preference pair, in the field's names."""

from __future__ import annotations

import sympy as sp

from alignprops.atoms import softplus
from alignprops.conformance.specification import Option
from alignprops.quantity import nonnegative, positive, real

#: log π(y_w|x), log π(y_l|x), log π_ref(y_w|x), log π_ref(y_l|x); summed or averaged over tokens, as the loss says.
policy_chosen = real("policy_chosen_logps", r"\log\pi_w")
policy_rejected = real("policy_rejected_logps", r"\log\pi_l")
reference_chosen = real("reference_chosen_logps", r"\log\pi^{\mathrm{ref}}_w")
reference_rejected = real("reference_rejected_logps", r"\log\pi^{\mathrm{ref}}_l")
#: |y_w|, |y_l|, in tokens.
chosen_length = positive("chosen_lengths", r"|y_w|")
rejected_length = positive("rejected_lengths", r"|y_l|")
beta = positive("beta", r"\beta")

POLICY = (policy_chosen, policy_rejected)
REFERENCE = (reference_chosen, reference_rejected)
LENGTHS = (chosen_length, rejected_length)

#: log-ratios of the two responses, and their difference h, without β.
chosen_log_ratio = policy_chosen - reference_chosen
rejected_log_ratio = policy_rejected - reference_rejected
log_ratio_difference = chosen_log_ratio - rejected_log_ratio
#: The same without a reference.
policy_difference = policy_chosen - policy_rejected
#: m = βh.
pair_margin = beta * log_ratio_difference

#: β at values that show a β that is lost, squared or inverted; 1/8 stands for the usual 0.1.
BETA = Option("beta", (1 / 8, 1 / 2, 2.0, 1.0, 3 / 8), "strength of the pull to the reference", neutral=False)
#: The same, where the model is its own reference: it only scales log-probabilities.
BETA_ALONE = Option("beta", (1 / 8, 1 / 2, 2.0, 1.0, 3 / 8), "scale of the log-probabilities", neutral=False)
LABEL_SMOOTHING = Option(
    "label_smoothing", (0.0, 1 / 8, 3 / 8, 1 / 4), "share of labels believed to be wrong", aliases=("epsilon",)
)
#: Symbols of the options, by name.
label_smoothing = nonnegative("label_smoothing", r"\varepsilon")

#: What a reference-free loss reports as rewards.
POLICY_REWARDS = (beta * policy_chosen, beta * policy_rejected)
#: What the losses that see each response on its own see: β × log-ratio.
chosen_reward = beta * chosen_log_ratio
rejected_reward = beta * rejected_log_ratio


def smoothed(margin: sp.Expr) -> sp.Expr:
    """−(1−ε) log σ(m) − ε log σ(−m): the logistic loss of labels that are wrong with probability ε."""
    return (1 - label_smoothing) * softplus(-margin) + label_smoothing * softplus(margin)
