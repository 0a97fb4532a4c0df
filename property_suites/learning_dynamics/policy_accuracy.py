"""What the policy itself answers, not only the implicit reward: the accuracy of w0 + u_t (LD-19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Gt, Le, Max, Rational, Symbol, diff, log

from alignprops import Tight, Under, theorem
from alignprops.atoms import sigmoid, softplus
from alignprops.dynamics.bounds import certain_share, straight_along_shift
from alignprops.dynamics.notation import along_shift, beta, curvature, curvature_along_shift, eta, loss, mean_shift, t
from alignprops.dynamics.starting_head import StartingHead
from alignprops.quantity import nonnegative, real
from alignprops.strategies.starting_heads import starting_heads
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP, im_li
from property_suites.learning_dynamics.specimens import idle_run, single_sample, two_heights

Train = Any
Values = Mapping[Symbol, Any]

policy_accuracy = nonnegative("policy_accuracy", r"\mathrm{acc}_\pi(u_t)")
first_policy_accuracy = nonnegative("first_policy_accuracy", r"\mathrm{acc}_\pi(u_1)")
policy_along_shift = real("policy_along_shift", r"\langle w_0 + u_t, \bar z\rangle")
policy_second_moment = nonnegative("policy_second_moment", "|w_0 + u_t|_M^2")
straight_second_moment = nonnegative("straight_second_moment", r"|w_0 + \eta\beta\bar z|_M^2")
start_along_shift = real("start_along_shift", r"\langle w_0, \bar z\rangle")
second_moment = nonnegative("second_moment", "u_t^\\top M u_t")
relative_loss = nonnegative("relative_loss", r"\operatorname{mean}_i \ell(m_i)/\ell(-\beta\langle w_0, z_i\rangle)")
smallest_reference_loss = nonnegative("smallest_reference_loss", r"\min_i \ell(-\beta\langle w_0, z_i\rangle)")
threshold = real("a", "a")
wrong_share = nonnegative("wrong_share", r"\operatorname{mean}_i 1[\langle w_0, z_i\rangle \le -a]")

first_numerator = Max(start_along_shift + eta * beta * mean_shift**2, 0) ** 2
numerator = Max(start_along_shift + certain_share * straight_along_shift, 0) ** 2


@theorem(
    "learning-dynamics.policy-accuracy.second-moment",
    states={
        "any iterate": Ge(policy_accuracy * policy_second_moment, Max(policy_along_shift, 0) ** 2),
        "first step": Ge(first_policy_accuracy * straight_second_moment, first_numerator),
        "step t": Under(SMALL_STEP, Ge(policy_accuracy * policy_second_moment, numerator)),
    },
    source=im_li("Section 4"),
    on=starting_heads(step_size="any") | starting_heads(step_size="S"),
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "u read as the policy": {"any iterate": Ge(policy_accuracy * second_moment, Max(along_shift, 0) ** 2)},
        "accuracy squared": {
            "any iterate": Ge(policy_accuracy**2 * policy_second_moment, Max(policy_along_shift, 0) ** 2)
        },
        "w0 forgotten": {
            "first step": Ge(first_policy_accuracy * straight_second_moment, (eta * beta * mean_shift**2) ** 2)
        },
        "the sign of ⟨w0, z̄⟩ forgotten": {
            "first step": Ge(
                first_policy_accuracy * straight_second_moment, (start_along_shift + eta * beta * mean_shift**2) ** 2
            )
        },
        "ηβ²‖z̄‖² for ηβ‖z̄‖²": {
            "first step": Ge(
                first_policy_accuracy * straight_second_moment,
                Max(start_along_shift + eta * beta**2 * mean_shift**2, 0) ** 2,
            )
        },
        "no bend": {
            "step t": Ge(policy_accuracy * policy_second_moment, Max(start_along_shift + straight_along_shift, 0) ** 2)
        },
        "5 % off": {
            "any iterate": Ge(
                policy_accuracy * policy_second_moment, Rational(21, 20) * Max(policy_along_shift, 0) ** 2
            )
        },
        "5 % off, step t": {"step t": Ge(policy_accuracy * policy_second_moment, Rational(21, 20) * numerator)},
    },
    examples={
        "the policy is wrong from the start": StartingHead.of(single_sample(eta=1.0, steps=2), [-8.0]),
        "w0 = 0, heights 0 and a": StartingHead.of(two_heights(), [0.0]),
    },
    tight={
        "heights 0 and a": Tight(StartingHead.of(two_heights(), [1.0]), at_least=1 - 2**-40, of="any iterate"),
        "heights 0 and a, first step": Tight(
            StartingHead.of(two_heights(), [0.5]), at_least=1 - 2**-40, of="first step"
        ),
        "tiny steps": Tight(StartingHead.of(single_sample(eta=2.0**-12, steps=2), [0.0]), at_least=0.999, of="step t"),
    },
)
def second_moment_bound(train: Train, head: StartingHead) -> Values:
    """The share of right answers of the policy is at least (mean height)²/(mean squared height) of w0 + u_t.

    For every u and every w0 = w0_{y+} − w0_{y−}; a tie counts as an error; w0 = 0 gives LD-7 (LD-19a).
    """
    problem, run = head.problem, train(head.problem)
    policy, straight = head.policy(run), head.straight_policy()
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t,
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        curvature_along_shift: problem.curvature_along_shift,
        policy_accuracy: policy.accuracy,
        policy_along_shift: policy.along_shift,
        policy_second_moment: policy.second_moment,
        first_policy_accuracy: policy.accuracy[0],
        straight_second_moment: straight.second_moment[0],
        start_along_shift: head.along_shift,
        second_moment: run.second_moment,
        along_shift: run.along_shift,
    }


@second_moment_bound.proof(
    "Cauchy–Schwarz against the indicator",
    domain="two samples on the right side, of any weights, one wrong",
    lemma=True,
)
def _() -> Any:
    # The wrong one's height −c only lowers the mean height: (pa + qb − rc)₊ ≤ pa + qb.
    a, b, c, p, q, r = (nonnegative(name, name) for name in "abcpqr")
    gap = (p + q) * (p * a**2 + q * b**2 + r * c**2) - (p * a + q * b) ** 2
    return (
        Eq(gap, p * q * (a - b) ** 2 + (p + q) * r * c**2, evaluate=False),
        Ge(p * q * (a - b) ** 2 + (p + q) * r * c**2, 0, evaluate=False),
        Ge(p * a + q * b - (p * a + q * b - r * c), 0, evaluate=False),
    )


def nearly_convinced() -> StartingHead:
    """A policy that is wrong by 4 + 2⁻²⁰, after a step of 4 towards the right answer."""
    return StartingHead.of(single_sample(eta=4.0, steps=1), [-4 - 2.0**-20])


#: Where ℓ(−β⟨w0, z⟩) underflows the bound is +∞ and says nothing.
NO_UNDERFLOW = {"no reference loss underflows": Gt(smallest_reference_loss, Rational(1, 2**1000))}


@theorem(
    "learning-dynamics.policy-accuracy.from-loss",
    states={
        "weighted loss": Under(NO_UNDERFLOW, Le(1 - policy_accuracy, relative_loss)),
        "threshold": Le((1 - policy_accuracy - wrong_share) * softplus(-beta * threshold), loss),
    },
    source=im_li("Section 4"),
    on=starting_heads(step_size="any") | starting_heads(step_size="S"),
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "w0 forgotten": {"weighted loss": Le(1 - policy_accuracy, loss / log(2))},
        "5 % off": {"weighted loss": Le(1 - policy_accuracy, Rational(19, 20) * relative_loss)},
        "the threshold's sign": {
            "threshold": Le((1 - policy_accuracy - wrong_share) * softplus(beta * threshold), loss)
        },
        "without the samples that begin wrong": {
            "threshold": Le((1 - policy_accuracy) * softplus(-beta * threshold), loss)
        },
        "5 % off, threshold": {
            "threshold": Le((1 - policy_accuracy - wrong_share) * softplus(-beta * threshold), Rational(19, 20) * loss)
        },
    },
    examples={
        "the policy is wrong from the start": StartingHead.of(single_sample(eta=1.0, steps=2), [-8.0]),
        "right from the start, and unlearning": StartingHead.of(two_heights(), [2.0]),
    },
    tight={
        "nothing moves, no opinion": Tight(StartingHead.of(idle_run(), [1.0]), at_least=1 - 2**-40, of="weighted loss"),
        "one step from wrong to nearly right": Tight(nearly_convinced(), at_least=0.999, of="weighted loss"),
        "one step from wrong to nearly right, a at the start": Tight(nearly_convinced(), at_least=0.99, of="threshold"),
    },
)
def from_loss(train: Train, head: StartingHead) -> Values:
    """The policy's errors are paid by the loss, each at the price of what its opinion at the start asks for.

    At any iterate of any run: 1 − acc_π ≤ mean ℓ(m_i)/ℓ(−β⟨w0, z_i⟩) (LD-19b), and for every a
    1 − acc_π ≤ mean 1[⟨w0, z_i⟩ ≤ −a] + L/ℓ(βa) (LD-19c); w0 = 0 and a = 0 give LD-8.
    """
    problem, run = head.problem, train(head.problem)
    return {
        beta: problem.beta,
        policy_accuracy: head.policy(run).accuracy[:, None],
        loss: run.loss[:, None],
        relative_loss: head.relative_loss(run)[:, None],
        smallest_reference_loss: head.smallest_reference_loss,
        threshold: head.thresholds,
        wrong_share: head.wrong_share(head.thresholds),
    }


@from_loss.proof(
    "an error costs at least its reference price", domain="every β⟨w0, z⟩ = b and margin m ≤ −b", lemma=True
)
def _() -> Any:
    # ℓ(m) = softplus(−m) falls: at m = −b − e it exceeds ℓ(−b) = softplus(b), and ℓ > 0 elsewhere.
    b, e = real("b", "b"), nonnegative("e", "e")
    return (
        Eq(diff(softplus(b + e), e), sigmoid(b + e), evaluate=False),
        Ge(sigmoid(b + e), 0, evaluate=False),
        Eq(softplus(b + e).subs(e, 0), softplus(b), evaluate=False),
        Ge(softplus(-b), 0, evaluate=False),
    )
