"""Generalisation of a trained head: to fresh samples of its classes, and in expectation by stability (LD-21, LD-22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Gt, Le, Rational, Symbol, diff, exp, log

from alignprops import Outcomes, Tight, Under, theorem
from alignprops.atoms import softplus
from alignprops.dynamics.bounds import comparator_steps
from alignprops.dynamics.class_means import SampledClasses, TrainedOnClasses
from alignprops.dynamics.comparators import gains_at, squared_sizes
from alignprops.dynamics.linear_algebra import as_exact
from alignprops.dynamics.notation import beta, curvature, eta, shift_length, t
from alignprops.dynamics.stability import StabilityProblem, expectations
from alignprops.quantity import Quantity, nonnegative, positive, real
from alignprops.strategies.generalisation import sampled_classes, stability_problems, trained_on_classes
from property_suites.learning_dynamics.generalisation_specimens import (
    across_the_offset,
    drifted_means,
    few_errors,
    heaviest_noise,
    in_many_dimensions,
    many_draws_of_one,
    one_draw_a_class,
    slightly_turned_means,
    twelve_signs,
    two_opposite_atoms,
    vanishing_share,
)
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP, im_li

Train = Any
Values = Mapping[Symbol, Any]

delta = positive("delta", r"\delta_0")
within = nonnegative("within", r"P(\lVert\bar z - z^*\rVert \le \varepsilon)")
within_chebyshev = nonnegative("within_chebyshev", r"P(\lVert\bar z - z^*\rVert \le \tau/\sqrt{n\delta_0})")
within_half = nonnegative("within_half", r"P(\lVert\bar z - z^*\rVert \le \varepsilon/2)")
within_mean = nonnegative("within_mean", r"P(\lVert\bar z - z^*\rVert \le \tau/\sqrt n)")
within_half_chebyshev = nonnegative(
    "within_half_chebyshev", r"P(\lVert\bar z - z^*\rVert \le \tau/(2\sqrt{n\delta_0}))"
)
within_squared = nonnegative("within_squared", r"P(\lVert\bar z - z^*\rVert \le \tau/\sqrt n\,\delta_0)")


@theorem(
    "learning-dynamics.generalisation.mean-shift",
    states={"McDiarmid": Ge(within, 1 - delta), "Chebyshev": Ge(within_chebyshev, 1 - delta)},
    source=im_li("Section 4"),
    on=sampled_classes(),
    rounding=ROUNDING,
    effort=0.06,
    exact=False,
    mutants={
        "half the radius": {"McDiarmid": Ge(within_half, 1 - delta)},
        "the mean distance alone": {"McDiarmid": Ge(within_mean, 1 - delta)},
        "half of Chebyshev's radius": {"Chebyshev": Ge(within_half_chebyshev, 1 - delta)},
        "δ for 1/√δ": {"Chebyshev": Ge(within_squared, 1 - delta)},
    },
    examples={
        "twelve samples in eight dimensions": in_many_dimensions(),
        "one draw a class": one_draw_a_class(delta=0.5 + 2.0**-10),
        "next to no confidence": one_draw_a_class(delta=0.92),
        "some confidence": one_draw_a_class(delta=0.25),
        "twelve signs": twelve_signs(),
    },
    no_proof="the radii are McDiarmid's and Chebyshev's inequality for the norm of a mean, which sympy does not know",
)
def mean_shift_concentrates(train: Train, classes: SampledClasses) -> Values:
    """With probability 1 − δ the mean shift of n samples is within ε of the population's, offset-free (LD-21).

    ε = (τ + R_ξ√(2 log(1/δ)))/√n for noise of size at most R_ξ and E‖ξ‖² ≤ τ², n/2 samples a class; without the bound
    on the size τ/√(nδ). z̄ is read off the first step of a trained head; a sequential test judges the frequency.
    """
    distances = classes.distances(train)
    root = np.sqrt(classes.samples)
    radius = (classes.spread + classes.radius * np.sqrt(2 * np.log(1 / classes.delta))) / root  # LD-21
    chebyshev = classes.spread / np.sqrt(classes.samples * classes.delta)
    radii = {
        within: radius,
        within_half: radius / 2,
        within_mean: classes.spread / root,
        within_chebyshev: chebyshev,
        within_half_chebyshev: chebyshev / 2,
        within_squared: classes.spread / root * classes.delta,
    }
    # What rounding adds to a distance counts as within: it never refutes.
    slack = 64 * 2.0**-52 * (np.abs(classes.means).sum() + classes.radius)
    return {delta: classes.delta, **{symbol: Outcomes(distances <= size + slack) for symbol, size in radii.items()}}


epsilon = nonnegative("epsilon", r"\varepsilon")
difference_size = nonnegative("difference_size", r"\lVert z^*\rVert")
mean_size = nonnegative("mean_size", r"\lVert\mu_s\rVert")
mean_height = real("mean_height", r"s\langle z^*, \mu_s\rangle")
offset_height = real("offset_height", r"s\langle z^*, \bar x^*\rangle")
mean_length = nonnegative("mean_length", r"|\mu_s|_M")
along_mean = real("along_mean", r"s\langle u_t, \mu_s\rangle")
update = nonnegative("update", r"\lVert u_t\rVert")

bend = eta * beta**2 * (t - 1) / 4
numerator = mean_height - epsilon * mean_size - bend * shift_length * mean_length
denominator = difference_size + epsilon
certain_margin = numerator / denominator


@theorem(
    "learning-dynamics.generalisation.margin",
    states={
        "along the class mean": Ge(along_mean, eta * beta * t * numerator),
        "size": Le(update, eta * beta * t * denominator),
        "normalised margin": Under(
            {"the certain margin is positive": Gt(numerator, 0)}, Ge(along_mean * denominator, numerator * update)
        ),
        "what the classes give": Eq(mean_height, difference_size**2 + offset_height),
    },
    given=SMALL_STEP,
    source=im_li("Section 4"),
    on=trained_on_classes(),
    rounding=ROUNDING,
    effort=0.3,
    mutants={
        "ε‖μ_s‖ dropped": {"along the class mean": Ge(along_mean, eta * beta * t * (numerator + epsilon * mean_size))},
        "the curvature term dropped": {
            "along the class mean": Ge(along_mean, eta * beta * t * (mean_height - epsilon * mean_size))
        },
        "5 % off": {"along the class mean": Ge(along_mean, eta * beta * t * (numerator + epsilon * mean_size / 20))},
        "5 % off the curvature term": {
            "along the class mean": Ge(
                along_mean, eta * beta * t * (numerator + bend * shift_length * mean_length / 20)
            )
        },
        "5 % off the size": {"size": Le(update, Rational(19, 20) * eta * beta * t * denominator)},
        "ε dropped from the margin": {
            "normalised margin": Ge(along_mean * denominator, (numerator + epsilon * mean_size) * update)
        },
        "δ²/2 for δ²/4": {"what the classes give": Eq(mean_height, 2 * difference_size**2 + offset_height)},
    },
    examples={
        "class means further out than the samples": drifted_means(),
        "two small steps": vanishing_share(),
        "a drift against a mean that lies across": across_the_offset(),
        "two steps that turn away from the mean": slightly_turned_means(),
    },
)
def margin(train: Train, trained: TrainedOnClasses) -> Values:
    """At every step the head tells the class means apart by a margin that the training data bound from below (LD-21).

    Whenever ‖z̄ − z*‖ ≤ ε, simultaneously for all t and all η with (S): s⟨u_t,μ_s⟩/‖u_t‖ ≥ m_s(t), with
    m_s(t) = (s⟨z*,μ_s⟩ − ε‖μ_s‖ − k_t|z̄|_M|μ_s|_M)/(‖z*‖ + ε), k_t = ηβ²(t−1)/4: by LD-4 the denominator needs no
    curvature, so this is sharper than LD-21, which has k_t√λ|z̄|_M there.
    """
    return margin_values(train(trained.problem), trained)


def margin_values(run: Any, trained: TrainedOnClasses) -> dict[Symbol, Any]:
    """Both classes beside each other: (steps, 1) against (2,)."""
    problem = trained.problem
    return {
        eta: problem.eta,
        beta: problem.beta,
        curvature: problem.curvature,
        shift_length: problem.mean_shift_curvature_norm,
        t: run.t[:, None],
        epsilon: trained.epsilon,
        difference_size: trained.difference_size,
        mean_size: trained.mean_sizes,
        mean_height: trained.mean_heights,
        offset_height: trained.offset_heights,
        mean_length: problem.curvature_norms(trained.means),
        along_mean: run.along_each(trained.signed_means),
        update: run.update_norm[:, None],
    }


@margin.proof("the class means against z*", domain="two coordinates", lemma=True)
def _() -> Any:
    # s⟨z*, μ_s⟩ = ‖z*‖² + s⟨z*, x̄*⟩ with μ_± = x̄* ± z*.
    a, b, p, q = (real(name, name) for name in "abpq")
    plus = a * (p + a) + b * (q + b)
    minus = -(a * (p - a) + b * (q - b))
    return (
        Eq(plus, a**2 + b**2 + a * p + b * q, evaluate=False),
        Eq(minus, a**2 + b**2 - a * p - b * q, evaluate=False),
    )


alpha = positive("alpha", r"\alpha")
scale = positive("scale", "K")
probability = nonnegative("probability", r"P(\mathrm{correct}\mid s)")
tail = exp(-((certain_margin / scale) ** alpha))


@theorem(
    "learning-dynamics.generalisation.fresh-sample",
    states=Ge(probability, 1 - 2 * tail),
    given={**SMALL_STEP, "the certain margin is positive": Gt(numerator, 0)},
    source=im_li("Section 4"),
    on=trained_on_classes(),
    rounding=ROUNDING,
    effort=0.15,
    min_effective=5,
    exact=False,
    mutants={
        "the factor 2 dropped": Ge(probability, 1 - tail),
        "5 % off": Ge(probability, 1 - Rational(19, 20) * 2 * tail),
        "twice the margin": Ge(probability, 1 - 2 * exp(-((2 * certain_margin / scale) ** alpha))),
    },
    examples={
        "the heaviest noise, one step": heaviest_noise(),
        "few errors": few_errors(),
        "a drift against a mean that lies across": across_the_offset(),
        "two steps that turn away from the mean": slightly_turned_means(),
    },
    no_proof="an error is a tail event of the noise, whose probability is what the noise is assumed to have",
)
def fresh_sample(train: Train, trained: TrainedOnClasses) -> Values:
    """A fresh sample is told by the trained head with probability at least 1 − 2exp(−(m_s(t)/K)^α) (LD-21).

    m_s(t) is the margin that the training data certify at the last step; the noise has the tail of LD-9.
    """
    run = train(trained.problem)
    values = margin_values(run, trained)
    side = trained.seed % 2
    steps = {t: run.t[-1], along_mean: values[along_mean][-1, side], update: values[update][-1, 0]}
    classes = {symbol: values[symbol][side] for symbol in (mean_size, mean_height, offset_height, mean_length)}
    correct = trained.fresh(run.updates[-1], side)
    return {**values, **steps, **classes, alpha: trained.alpha, scale: trained.scale, probability: Outcomes(correct)}


draws = Quantity("draws", "n", integer=True, positive=True)
radius = nonnegative("radius", "R")
gap = real("gap", r"\mathbb E[L_{\mathrm{pop}}(u_t) - L(u_t)]")
population_drop = real("population_drop", r"\log 2 - \mathbb E L_{\mathrm{pop}}(u_t)")
fresh_error = nonnegative("fresh_error", r"\mathbb E[\text{fresh error}]")
comparator_gain = real("comparator_gain", r"\log 2 - L_{\mathrm{pop}}(v)")
comparator_size = nonnegative("comparator_size", r"\lVert v\rVert^2")
stability = 4 * eta * beta**2 * radius**2 * t / draws
price = comparator_size / (4 * eta * comparator_steps)


@theorem(
    "learning-dynamics.generalisation.stability",
    states={
        "gap": Under({"step size": Le(eta * beta**2 * radius**2, 4)}, Le(gap, stability)),
        "errors cost log 2": Le(log(2) * fresh_error, log(2) - population_drop),
        "against a comparator": Under(
            {"half the step size": Le(eta * beta**2 * radius**2, 2)},
            Le(comparator_gain, population_drop + price + stability),
        ),
    },
    source=im_li("Section 4"),
    on=stability_problems(),
    rounding=ROUNDING,
    effort=0.2,
    mutants={
        "0.4 for 4": {"gap": Le(gap, stability / 10)},
        "R for R²": {"gap": Le(gap, stability / radius)},
        "never a gap": {"gap": Le(gap, 0)},
        "errors cost 1": {"errors cost log 2": Le(fresh_error, log(2) - population_drop)},
        "5 % off": {"errors cost log 2": Le(Rational(21, 20) * log(2) * fresh_error, log(2) - population_drop)},
        "a comparator for nothing": {"against a comparator": Le(comparator_gain, population_drop + stability)},
        "half the price": {"against a comparator": Le(comparator_gain, population_drop + price / 2 + stability)},
        "no gap against a comparator": {"against a comparator": Le(comparator_gain, population_drop + price)},
    },
    examples={
        "two opposite atoms, one draw": two_opposite_atoms(eta=1.0),
        "far out": two_opposite_atoms(eta=2.0**-12, size=32.0),
        "as far as half the step size goes": two_opposite_atoms(eta=2.0),
        "twice the end of a long run as the comparator": many_draws_of_one(),
    },
    tight={"nothing to learn": Tight(two_opposite_atoms(eta=1.0, size=0.0), 1 - 2**-40, of="errors cost log 2")},
)
def expected_generalisation(train: Train, problem: StabilityProblem) -> Values:
    """The expected loss on the population exceeds the training loss by at most 4ηβ²R²t/n (LD-22).

    n independent draws with ‖z‖ ≤ R; the expectation is exact, over all training sets of finitely many atoms. Hence
    log 2·E[fresh error] ≤ E L_pop(u_t) ≤ L_pop(v) + ‖v‖²/(4ηt') + 4ηβ²R²t/n for every v. Conservative: the largest
    ratio known for the gap is 1/8.
    """
    population = problem.population
    expected = expectations(problem, train)
    multiples = np.array([1, 4, 16])[:, None]
    scaled = (as_exact(multiples) if population.exact else multiples) * population.shift
    comparators = np.concatenate([population.probes, scaled])
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: population.t[:, None],
        draws: problem.draws,
        radius: problem.radius,
        gap: expected.gap[:, None],
        population_drop: expected.drop[:, None],
        fresh_error: expected.fresh_error[:, None],
        comparator_gain: gains_at(population, comparators),
        comparator_size: squared_sizes(comparators),
    }


@expected_generalisation.proof("two data sets differ by at most 4ηβRt/n", domain="every step", lemma=True)
def _() -> Any:
    # One sample of n changes the step by (γ/n)·2βR, γ = 2η; the loss of one sample is βR-Lipschitz: σ ≤ 1.
    apart = Symbol("a", nonnegative=True)
    step = 2 * eta / draws * 2 * beta * radius
    m = real("m", "m")
    return (
        Eq(apart + step - apart, 4 * eta * beta * radius / draws, evaluate=False),
        Eq(beta * radius * t * step, stability, evaluate=False),
        Eq(diff(softplus(-m), m), -1 / (1 + exp(m)), evaluate=False),
    )
