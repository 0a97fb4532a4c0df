"""The noise of mini-batches, exactly: expectations over all sequences of batches (LD-16c, d)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Expr, Ge, Le, Rational, Symbol, sqrt

from alignprops import Tight, theorem
from alignprops.dynamics.batch_classes import class_spread, midpoint_norm, offset_norm
from alignprops.dynamics.batch_schemes import BatchScheme
from alignprops.dynamics.notation import beta, eta, mean_shift, t
from alignprops.dynamics.problem import HeadProblem
from alignprops.quantity import Quantity, nonnegative, positive, real
from alignprops.strategies.minibatches import batch_schemes
from property_suites.learning_dynamics.minibatch import (
    SMALL_STEP,
    STABLE_STEP,
    batch_curvature,
    opposite_pair,
    share_minus,
    share_plus,
)
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import single_sample

Train = Any
Values = Mapping[Symbol, Any]

noise = nonnegative("noise", "v_B")
mean_update_norm = nonnegative("mean_update_norm", r"\mathbb{E}\lVert u_t\rVert")
root_mean_square = nonnegative("root_mean_square", r"\sqrt{\mathbb{E}\lVert u_t\rVert^2}")
drift = nonnegative("drift", r"\lVert\mathbb{E} u_t - \eta\beta t\bar z\rVert")
dependence = Quantity("dependence", r"1[\text{batches of one epoch are disjoint}]", integer=True, nonnegative=True)

mean_square = sqrt(mean_shift**2 + noise)
drift_bound = eta * beta**2 * batch_curvature * (t - 1) / 4 * eta * beta * t * mean_square


@theorem(
    "learning-dynamics.minibatch.expected-drift",
    states={
        "mean size": Le(mean_update_norm, eta * beta * t * mean_square),
        "mean drift": Le(drift, drift_bound),
    },
    given=STABLE_STEP,
    source=im_li("Section 4"),
    on=batch_schemes(step_size="S4"),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "no noise": {"mean size": Le(mean_update_norm, eta * beta * t * mean_shift)},
        "no noise in the drift": {
            "mean drift": Le(drift, eta * beta**2 * batch_curvature * (t - 1) / 4 * eta * beta * t * mean_shift)
        },
        "half the noise": {"mean size": Le(mean_update_norm, eta * beta * t * sqrt(mean_shift**2 + noise / 2))},
        "half the constant": {"mean drift": Le(drift, drift_bound / 2)},
        "t − 2 for t − 1": {"mean drift": Le(drift, drift_bound * (t - 2) / (t - 1))},
        "5 % off": {"mean size": Le(mean_update_norm, Rational(19, 20) * eta * beta * t * mean_square)},
        "5 % off, drift": {"mean drift": Le(drift, Rational(19, 20) * drift_bound)},
    },
    examples={
        "a pair that cancels, one at a time": BatchScheme.of(
            opposite_pair(eta=1.0, steps=3), size=1, scheme="replaced"
        ),
        "a large sample against the others": BatchScheme.of(
            HeadProblem.of([[1.0], [-0.5], [-0.5]], [1, 1, 1], eta=1.0, beta=1.0, steps=3), size=1, scheme="replaced"
        ),
    },
    tight={
        "the first step of a pair that cancels": Tight(
            BatchScheme.of(opposite_pair(eta=1.0, steps=1), size=1, scheme="replaced"),
            at_least=1 - 2**-40,
            of="mean size",
        ),
        "two small steps": Tight(
            BatchScheme.of(single_sample(eta=2.0**-10, steps=2), size=1, scheme="replaced"),
            at_least=0.999,
            of="mean drift",
        ),
    },
)
def expected_drift(train: Train, scheme: BatchScheme) -> Values:
    """In expectation over the batches the head moves linearly, along the mean shift up to the curvature (LD-16c).

    Batches that are marginally uniform, independent or reshuffled: E‖u_t‖ ≤ ηβt√(‖z̄‖² + v_B), v_B the variance of a
    batch's mean shift, and E u_t leaves ηβtz̄ by (ηβ²λ_B(t−1)/4)·ηβt√(‖z̄‖² + v_B) at most. The expectation is exact:
    over all sequences of batches.
    """
    problem, updates = scheme.problem, train(scheme.runs)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: problem.t,
        batch_curvature: scheme.curvature,
        mean_shift: problem.mean_shift,
        noise: scheme.noise,
        mean_update_norm: scheme.mean_update_norm(updates),
        drift: scheme.drift(updates),
    }


@expected_drift.proof(
    "the variance of a batch's mean", domain="batches of two out of three, one coordinate", lemma=True
)
def _() -> Any:
    # Drawn without replacement the variance is (n−B)/(n−1) of the one with replacement: here ½·(mean z² − z̄²)/2.
    a, b, c = (real(name, name) for name in "abc")
    centre = (a + b + c) / 3
    spread = (a**2 + b**2 + c**2) / 3 - centre**2
    pairs = [(a + b) / 2, (a + c) / 2, (b + c) / 2]
    return Eq(sum((pair - centre) ** 2 for pair in pairs) / 3, spread / 2 * Rational(1, 2), evaluate=False)


@expected_drift.proof("the drift adds up", domain="every t ≥ 1", lemma=True)
def _() -> Any:
    # 2ηβ²(λ_B/4) Σ_{s<t} ηβs = (ηβ²λ_B/2)·ηβ·t(t−1)/2.
    partial: Expr = t * (t - 1) / 2
    return (
        Eq(partial.subs(t, t + 1) - partial, t, evaluate=False),
        Eq(2 * eta * beta**2 * batch_curvature / 4 * eta * beta * partial * mean_square, drift_bound, evaluate=False),
    )


strength = eta * beta**2 * batch_curvature / 2  # q
excess = strength / (2 - strength)  # r
growth = t * mean_shift + sqrt(t * (excess * mean_shift**2 + (1 + excess) * noise))


@theorem(
    "learning-dynamics.minibatch.noise-growth",
    states=Le(root_mean_square, eta * beta * growth),
    given={**SMALL_STEP, "independent batches": Eq(dependence, 0)},
    source=im_li("Section 4"),
    on=batch_schemes(step_size="S", schemes=("replaced", "distinct")),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "no noise": Le(root_mean_square, eta * beta * t * mean_shift),
        "noise that does not grow": Le(
            root_mean_square,
            eta * beta * (t * mean_shift + sqrt(excess * mean_shift**2 + (1 + excess) * noise)),
        ),
        "half the noise": Le(
            root_mean_square,
            eta * beta * (t * mean_shift + sqrt(t * (excess * mean_shift**2 + (1 + excess) * noise / 2))),
        ),
        "5 % off": Le(root_mean_square, Rational(19, 20) * eta * beta * growth),
    },
    examples={
        "a pair that cancels, small steps": BatchScheme.of(
            opposite_pair(eta=2.0**-10, steps=4), size=1, scheme="replaced"
        )
    },
    tight={
        "a pair that cancels, tiny steps": Tight(
            BatchScheme.of(opposite_pair(eta=2.0**-14, steps=4), size=1, scheme="replaced"), at_least=0.999
        ),
        "one sample, a tiny step": Tight(
            BatchScheme.of(single_sample(eta=2.0**-24, steps=1), size=1, scheme="replaced"), at_least=0.999
        ),
    },
)
def noise_growth(train: Train, scheme: BatchScheme) -> Values:
    """With independent batches the sampling noise grows like √t, where the mean shift's part grows like t (LD-16d).

    √(E‖u_t‖²) ≤ ηβ(t‖z̄‖ + √(t(r‖z̄‖² + (1 + r)v_B))), r = q/(2 − q), q = ηβ²λ_B/2 ≤ 1; the expectation is exact.
    """
    problem, updates = scheme.problem, train(scheme.runs)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: problem.t,
        batch_curvature: scheme.curvature,
        mean_shift: problem.mean_shift,
        noise: scheme.noise,
        dependence: int(not scheme.independent),
        root_mean_square: scheme.root_mean_square(updates),
    }


@noise_growth.proof(
    "Young's inequality with the curvature", domain="q ∈ [0, 1], lengths b and x = γ‖∇E‖ along it", lemma=True
)
def _() -> Any:
    # −2x²/q + x² + 2xb ≤ q/(2 − q)·b²: the worst x is qb/(2 − q).
    y, x, b = positive("y", "y"), nonnegative("x", "x"), nonnegative("b", "b")
    q = y / (1 + y)
    gap = q / (2 - q) * b**2 - (-2 * x**2 / q + x**2 + 2 * x * b)
    square = (2 - q) / q * (x - q * b / (2 - q)) ** 2
    return (
        Eq(gap, square, evaluate=False),
        Ge((2 + y) / y * (x - q * b / (2 - q)) ** 2, 0, evaluate=False),
    )


@noise_growth.proof("the induction on √E‖u_t‖²", domain="x, y, c ≥ 0", lemma=True)
def _() -> Any:
    # √((x + y)² + c²) ≤ x + √(y² + c²): squared, the difference is 2x(√(y² + c²) − y).
    x, y, c = (nonnegative(name, name) for name in "xyc")
    root = sqrt(y**2 + c**2)
    return (
        Eq((x + root) ** 2 - (x + y) ** 2 - c**2, 2 * x * (root - y), evaluate=False),
        Eq((root - y) * (root + y), c**2, evaluate=False),
    )


# --- the common offset ---

step_noise = nonnegative("step_noise", r"\mathbb{E}\lVert u_1 - \mathbb{E}u_1\rVert^2")
stratified_noise = nonnegative("stratified_noise", r"\mathbb{E}_{\text{stratified}}\lVert u_1 - \mathbb{E}u_1\rVert^2")
batch_size = positive("batch_size", "B")
spread_plus = nonnegative("spread_plus", r"\operatorname{tr}\Sigma_+")
spread_minus = nonnegative("spread_minus", r"\operatorname{tr}\Sigma_-")
midpoint = nonnegative("midpoint", r"\lVert(\mu_+ + \mu_-)/2\rVert")
overall_offset = nonnegative("overall_offset", r"\lVert\bar x\rVert")

within = share_plus * spread_plus + share_minus * spread_minus


@theorem(
    "learning-dynamics.minibatch.offset-noise",
    states={
        "drawn from all samples": Eq(
            step_noise, (eta * beta) ** 2 * (within + 4 * share_plus * share_minus * midpoint**2) / batch_size
        ),
        "half from each class": Eq(
            stratified_noise, (eta * beta) ** 2 * (spread_plus + spread_minus) / (2 * batch_size)
        ),
    },
    source=im_li("Section 4"),
    on=batch_schemes(step_size="S4", schemes=("stratified",)),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "‖x̄‖ for the midpoint": {
            "drawn from all samples": Eq(
                step_noise, (eta * beta) ** 2 * (within + 4 * share_plus * share_minus * overall_offset**2) / batch_size
            )
        },
        "the offset does not enter": {
            "drawn from all samples": Eq(step_noise, (eta * beta) ** 2 * within / batch_size)
        },
        "stratified as any other": {"half from each class": Eq(stratified_noise, step_noise)},
        "5 % off": {
            "half from each class": Eq(
                stratified_noise, Rational(19, 20) * (eta * beta) ** 2 * (spread_plus + spread_minus) / (2 * batch_size)
            )
        },
    },
    counterfeits=True,
)
def offset_noise(train: Train, scheme: BatchScheme) -> Values:
    """A common offset is noise of plain batches; in batches with equal class counts it cancels exactly.

    It adds 4p_+p_-‖(μ_+ + μ_-)/2‖²/B to the variance of z̄_s. The offset is the midpoint of the class means: the mean of
    all samples is another vector unless the classes are balanced. Both expectations are exact, over all batches drawn
    with replacement (LD-16, remark).
    """
    problem = scheme.problem.with_steps(1)
    plain = BatchScheme(problem, scheme.size, "replaced")
    stratified = BatchScheme(problem, scheme.size, "stratified")
    return {
        eta: problem.eta,
        beta: problem.beta,
        batch_size: scheme.size,
        share_plus: problem.class_share(1),
        share_minus: problem.class_share(-1),
        spread_plus: class_spread(problem, 1),
        spread_minus: class_spread(problem, -1),
        midpoint: midpoint_norm(problem),
        overall_offset: offset_norm(problem),
        step_noise: plain.first_step_noise(train(plain.runs)),
        stratified_noise: stratified.first_step_noise(train(stratified.runs)),
    }


@offset_noise.proof(
    "the trace of Cov(z) splits", domain="one coordinate, any shares, class means and class spreads", lemma=True
)
def _() -> Any:
    # mean z² − z̄² = within + p_+p_-(μ_+ + μ_-)².
    p, plus, minus = real("p", "p"), real("plus", r"\mu_+"), real("minus", r"\mu_-")
    second = p * (spread_plus + plus**2) + (1 - p) * (spread_minus + minus**2)
    shift = p * plus - (1 - p) * minus
    split = p * spread_plus + (1 - p) * spread_minus + 4 * p * (1 - p) * ((plus + minus) / 2) ** 2
    half = batch_size / 2
    return (
        Eq(second - shift**2, split, evaluate=False),
        Eq(
            (spread_plus / half + spread_minus / half) / 4,
            (spread_plus + spread_minus) / (2 * batch_size),
            evaluate=False,
        ),
    )
