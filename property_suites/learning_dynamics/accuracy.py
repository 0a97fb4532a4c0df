"""Guarantees on the training accuracy: from moments, from the loss, and from the data before training (LD-7, LD-8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Gt, Le, Rational, Symbol, log, sqrt

from alignprops import Tight, Under, theorem
from alignprops.dynamics.bounds import comparator_drop, comparator_steps, error_per_loss, first_accuracy_low
from alignprops.dynamics.comparators import certified_loss, gains_at, squared_sizes
from alignprops.dynamics.notation import (
    accuracy,
    along_shift,
    beta,
    curvature,
    curvature_along_shift,
    eta,
    loss,
    loss_drop,
    mean_shift,
    t,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP, im_li
from property_suites.learning_dynamics.specimens import (
    idle_run,
    long_comparator,
    ridge_at_the_limit,
    single_sample,
    two_heights,
)

Train = Any
Values = Mapping[Symbol, Any]

second_moment = nonnegative("second_moment", "u_t^\\top M u_t")
winning_height = nonnegative("winning_height", r"\operatorname{mean}_i h_i^+")
winning_second_moment = nonnegative("winning_second_moment", r"\operatorname{mean}_i (h_i^+)^2")
first_accuracy = nonnegative("first_accuracy", r"\mathrm{acc}(u_1)")


@theorem(
    "learning-dynamics.accuracy.second-moment",
    states={
        "winning heights": Ge(accuracy * winning_second_moment, winning_height**2),
        "all heights": Under({"some alignment": Ge(along_shift, 0)}, Ge(accuracy * second_moment, along_shift**2)),
        "first step": Ge(first_accuracy * curvature_along_shift, mean_shift**2),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="any"),
    rounding=ROUNDING,
    mutants={
        "the mean square for the mean of squares": {
            "winning heights": Ge(accuracy * winning_height**2, winning_second_moment)
        },
        "accuracy squared": {"all heights": Ge(accuracy**2 * second_moment, along_shift**2)},
        "half the curvature": {"first step": Ge(first_accuracy * curvature_along_shift / 2, mean_shift**2)},
        "5 % off": {"winning heights": Ge(accuracy * winning_second_moment, Rational(21, 20) * winning_height**2)},
        "5 % off, first step": {"first step": Ge(first_accuracy, Rational(21, 20) * first_accuracy_low)},
    },
    tight={
        "heights 0 and a": Tight(two_heights(), at_least=1 - 2**-40, of="winning heights"),
        "heights 0 and a, first step": Tight(two_heights(), at_least=1 - 2**-40, of="first step"),
    },
)
def second_moment_bound(train: Train, problem: HeadProblem) -> Values:
    """At any iterate the accuracy is at least (mean height)²/(mean squared height); after one step at least ‖z̄‖²/ρ.

    h_i = ⟨u_t, z_i⟩; a tie counts as an error. Use ρ, not λ: the common offset makes λ useless on real features (LD-7).
    """
    run = train(problem)
    return {
        along_shift: run.along_shift,
        accuracy: run.accuracy,
        second_moment: run.second_moment,
        winning_height: run.winning_height,
        winning_second_moment: run.winning_second_moment,
        first_accuracy: run.accuracy[0],
        curvature_along_shift: problem.curvature_along_shift,
        mean_shift: problem.mean_shift,
    }


@second_moment_bound.proof(
    "Cauchy–Schwarz against the indicator", domain="two winning samples of any weights", lemma=True
)
def _() -> Any:
    # (p·a + q·b)² ≤ (p + q)(p·a² + q·b²): the weights of the winners against their heights.
    a, b, p, q = (nonnegative(name, name) for name in "abpq")
    gap = (p + q) * (p * a**2 + q * b**2) - (p * a + q * b) ** 2
    return Eq(gap, p * q * (a - b) ** 2, evaluate=False), Ge(p * q * (a - b) ** 2, 0, evaluate=False)


@theorem(
    "learning-dynamics.accuracy.from-loss",
    states=Le(1 - accuracy, loss * error_per_loss),
    source=im_li("Section 4"),
    on=head_problems(step_size="any"),
    rounding=ROUNDING,
    mutants={
        "1 − acc ≤ L": Le(1 - accuracy, loss),
        "5 % off": Le(1 - accuracy, Rational(19, 20) * loss * error_per_loss),
    },
    tight={"nothing moves": Tight(idle_run(), at_least=1 - 2**-40)},
)
def from_loss(train: Train, problem: HeadProblem) -> Values:
    """The share of errors is at most the loss over log 2, at any iterate of any run; attained at the start (LD-8)."""
    run = train(problem)
    return {accuracy: run.accuracy, loss: run.loss}


@from_loss.proof("an error costs at least log 2", domain="every margin m = −a ≤ 0", lemma=True)
def _() -> Any:
    # ℓ(−a) − log 2 vanishes at a = 0 and has the derivative σ(a) > 0; ℓ > 0 covers the others.
    from sympy import diff

    from alignprops.atoms import sigmoid, softplus

    a = nonnegative("a", "a")
    return (
        Eq((softplus(a) - log(2)).subs(a, 0).rewrite(log), 0, evaluate=False),
        Eq(diff(softplus(a), a), sigmoid(a), evaluate=False),
        Ge(sigmoid(a), 0, evaluate=False),
        Ge(softplus(-a), 0, evaluate=False),
    )


#: g = min_i ⟨z̄, z_i⟩/‖z̄‖, and the number of samples n.
separation = real("separation", r"\min_i \langle\bar z, z_i\rangle/\lVert\bar z\rVert")
samples = positive("samples", "n")
separable_steps = Rational(1, 2) + samples * log(2 * samples / log(2)) ** 2 / (
    4 * log(2) * eta * beta**2 * separation**2
)
comparator_gain = real("comparator_gain", r"\log 2 - L(v)")
comparator_size = nonnegative("comparator_size", r"\lVert v\rVert^2")
certified = nonnegative("certified_loss", r"\min_{a\ge 0} [L(a\bar z) + a^2\lVert\bar z\rVert^2/(4\eta T')]")


@theorem(
    "learning-dynamics.accuracy.certificate",
    states={
        "comparator": Le(comparator_gain, loss_drop + comparator_size / (4 * eta * comparator_steps)),
        "closed form": Ge(loss_drop, comparator_drop),
        "certificate": Ge(accuracy, 1 - certified * error_per_loss),
        "separable": Under(
            {"separable along z̄": Gt(separation, 0), "late enough": Ge(t, separable_steps)}, Ge(accuracy, 1)
        ),
    },
    given=SMALL_STEP,
    source=im_li("Section 4"),
    on=head_problems(step_size="S"),
    rounding=ROUNDING,
    mutants={
        "one sample stays wrong": {"separable": Le(accuracy, 1 - 1 / samples)},
        "16ηT for 4ηT'": {"comparator": Le(comparator_gain, loss_drop + comparator_size / (16 * eta * t))},
        "without the ‖v‖² term": {"comparator": Le(comparator_gain, loss_drop)},
        "5 % off": {
            "comparator": Le(
                comparator_gain, loss_drop + Rational(19, 20) * comparator_size / (4 * eta * comparator_steps)
            )
        },
        "the closed form doubled": {"closed form": Ge(loss_drop, 2 * comparator_drop)},
        "errors cost 2": {"certificate": Ge(accuracy, 1 - certified / 2)},
        "5 % more certain": {"certificate": Ge(accuracy, Rational(21, 20) * (1 - certified * error_per_loss))},
    },
    tight={
        "v = 2u_T, many steps": Tight(long_comparator(), at_least=0.99, of="comparator"),
        "tiny steps": Tight(long_comparator(), at_least=0.99, of="closed form"),
        "converged": Tight(ridge_at_the_limit(steps=64), at_least=0.99, of="closed form"),
        "many large steps": Tight(single_sample(eta=2.0, steps=256), at_least=0.97, of="certificate"),
    },
)
def certificate(train: Train, problem: HeadProblem) -> Values:
    """No run loses to a comparator by more than its price, which certifies the accuracy before training (LD-8).

    L(u_T) ≤ L(v) + ‖v‖²/(4ηT') with T' = T + √(T(T−1)) for every v. The comparators tried are the samples, the
    axes and the run's own end point, once and doubled; the certificate takes the best multiple of z̄.
    """
    run = train(problem)
    comparators = np.concatenate([problem.probes, run.updates[-1:], 2 * run.updates[-1:]])  # (k, d)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t[:, None],
        curvature: problem.curvature,
        curvature_along_shift: problem.curvature_along_shift,
        mean_shift: problem.mean_shift,
        loss_drop: run.loss_drop[:, None],
        accuracy: run.accuracy[:, None],
        comparator_gain: gains_at(problem, comparators),
        comparator_size: squared_sizes(comparators),
        certified: certified_loss(problem, run.t)[:, None],
        separation: problem.separation,
        samples: problem.total,
    }


@certificate.proof("T' is what one more square root buys", domain="every T ≥ 1", lemma=True)
def _() -> Any:
    # AM–GM: x² + γ²G²T(T−1) ≥ 2γG√(T(T−1))·x, with G·x ≥ the gap of the losses.
    x, g = nonnegative("x", "x"), nonnegative("G", "G")
    root = sqrt(t * (t - 1))
    gap = x**2 + (2 * eta) ** 2 * g**2 * t * (t - 1) - 2 * (2 * eta) * g * x * root
    return Eq(gap, (x - 2 * eta * g * root) ** 2, evaluate=False), Ge((x - 2 * eta * g * root) ** 2, 0, evaluate=False)


@certificate.proof("the closed form is the best multiple of z̄", domain="T' = S > 0, ρ ≥ 0", lemma=True)
def _() -> Any:
    # With v = a·(β/2)z̄: L(v) ≤ log 2 − a(β²/4)‖z̄‖² + (β⁴/32)a²ρ‖z̄‖²·… ; minimise the quadratic in a.
    a = real("a", "a")
    steps = Symbol("S", positive=True)
    rho, size = curvature_along_shift, mean_shift
    b2 = beta**2 * size**2 / 4  # ‖b‖² for b = (β/2)z̄
    cost = -a * b2 + a**2 * (beta**2 * rho / 8) * b2 + a**2 * b2 / (4 * eta * steps)
    best = eta * beta**2 * steps * size**2 / 4 / (1 + eta * beta**2 * steps * rho / 2)
    top = 1 / (2 * (beta**2 * rho / 8 + 1 / (4 * eta * steps)))
    return (
        Eq(cost.subs(a, top), -best, evaluate=False),
        Eq(cost - cost.subs(a, top), (beta**2 * rho / 8 + 1 / (4 * eta * steps)) * b2 * (a - top) ** 2, evaluate=False),
    )
