"""Mini-batch training: the path of the batches' mean shifts, and how much noise the sampling adds (LD-16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Le, Rational, Symbol, sqrt

from alignprops import Mutant, Tight, Under, theorem
from alignprops.dynamics.batch_classes import BatchClasses
from alignprops.dynamics.minibatch import MiniBatchProblem
from alignprops.dynamics.notation import beta, deviation, eta, head_change, mean_shift, t
from alignprops.dynamics.problem import HeadProblem
from alignprops.quantity import Quantity, nonnegative, real
from alignprops.strategies.minibatches import mini_batch_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import ridge, ridge_at_the_limit, single_sample

Train = Any
Values = Mapping[Symbol, Any]

batch_curvature = nonnegative("batch_curvature", r"\lambda_B")
path_length = nonnegative("path_length", r"\sum_{s<t} \lVert\bar z_s\rVert")
path_deviation = nonnegative("path_deviation", r"\lVert u_t - a_t\rVert")
path_energy = nonnegative(
    "path_energy", r"\sum_{s<t}\operatorname{mean}_{i\in B_s}\log\cosh(\beta\langle a_s, z_i\rangle/2)"
)
visit_spread = Quantity("visit_spread", r"\max_i v_i - \min_i v_i", integer=True, nonnegative=True)

SMALL_STEP = {"η ≤ 2/(β²λ_B)": Le(eta * beta**2 * batch_curvature, 2)}
STABLE_STEP = {"η ≤ 4/(β²λ_B)": Le(eta * beta**2 * batch_curvature, 4)}


def in_order(problem: HeadProblem, *batches: tuple[int, ...]) -> MiniBatchProblem:
    """A problem trained on these batches, one after the other."""
    return MiniBatchProblem.of(problem.with_steps(len(batches)), batches)


def opposite_pair(*, eta: float, steps: int) -> HeadProblem:
    """z = 1 and z = −1: no mean shift, and all the noise of batches of one."""
    return HeadProblem.of([[1.0], [-1.0]], [1, 1], eta=eta, beta=1.0, steps=steps)


@theorem(
    "learning-dynamics.minibatch.upper-bound",
    states=Le(head_change, eta * beta * path_length / sqrt(2)),
    given=STABLE_STEP,
    source=im_li("Section 4"),
    on=mini_batch_problems(step_size="S4"),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "‖z̄‖ of all samples": Le(head_change, eta * beta * t * mean_shift / sqrt(2)),
        "the √2 of the two rows twice": Le(head_change, eta * beta * path_length / 2),
        "4.2 for 4 in the premise": Mutant(
            given={"η ≤ 4/(β²λ_B)": Le(eta * beta**2 * batch_curvature, Rational(21, 5))}
        ),
        "5 % off": Le(head_change, Rational(19, 20) * eta * beta * path_length / sqrt(2)),
    },
    examples={
        "two samples that nearly cancel, η = 4.2/(β²λ_B)": in_order(ridge(step_strength=4.2 - 2**-20), *[(0, 1)] * 300)
    },
    tight={"the first step": Tight(in_order(single_sample(eta=0.5, steps=1), (0,)), at_least=1 - 2**-40)},
)
def upper_bound(train: Train, batches: MiniBatchProblem) -> Values:
    """On every path of batches the head moves by no more than their mean shifts add up to.

    ‖W_t − W_0‖_F ≤ (ηβ/√2) Σ_{s<t} ‖z̄_s‖, z̄_s the mean shift of batch s, for η ≤ 4/(β²λ_B), λ_B the largest curvature
    of a batch (LD-16a). The mean shift of all samples will not do: batches pull where it does not.
    """
    problem, run = batches.problem, batches.run(train(batches))
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: batches.t,
        batch_curvature: batches.curvature,
        head_change: run.head_change,
        path_length: batches.path_length,
        mean_shift: problem.mean_shift,
    }


@upper_bound.proof(
    "a batch's step is non-expansive", domain="curvature a ∈ [0, 1) along the step of a batch", lemma=True
)
def _() -> Any:
    # u_{t+1} = (I − 2ηβ²A_s)u_t + ηβz̄_s with 0 ⪯ A_s ⪯ M_s/4 (LD-2): the matrix has eigenvalues 1 − 2a, a = ηβ²A_s.
    a = nonnegative("a", "a")
    share = a / (1 + a)  # runs over [0, 1)
    return Le((1 - 2 * share) ** 2, 1, evaluate=False)


@theorem(
    "learning-dynamics.minibatch.along-the-path",
    states=Le(path_deviation**2, 4 * eta * path_energy),
    given=SMALL_STEP,
    source=im_li("Section 4"),
    on=mini_batch_problems(step_size="S"),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "half the energy": Le(path_deviation**2, 2 * eta * path_energy),
        "5 % less energy": Le(path_deviation**2, Rational(19, 20) * 4 * eta * path_energy),
    },
    tight={"a ridge at the limit": Tight(in_order(ridge_at_the_limit(), (0, 1), (0, 1)), at_least=0.999)},
)
def along_the_path(train: Train, batches: MiniBatchProblem) -> Values:
    """On every path the run stays near a_t = ηβ Σ z̄_s, and how near the batches tell before training (LD-16b).

    ‖u_t − a_t‖² ≤ 4η Σ_{s<t} mean_{i∈B_s} log cosh(β⟨a_s, z_i⟩/2) for η ≤ 2/(β²λ_B).
    """
    problem, updates = batches.problem, train(batches)
    return {
        eta: problem.eta,
        beta: problem.beta,
        batch_curvature: batches.curvature,
        path_deviation: batches.path_deviation(updates),
        path_energy: batches.path_energy,
    }


@along_the_path.proof(
    "the energy inequality of one batch", domain="one sample z = 1, quadratic energy E = ku²/2", lemma=True
)
def _() -> Any:
    # D' = D − γE'(u) with D = u − a: D² + 2γE(a) − D'² − 2γE(u − γE'(u)) is γk(a² − …), a square for γk ≤ 1.
    u, a = real("u", "u"), real("a", "a")
    x = nonnegative("x", "x")
    k, gamma = x / (1 + x), 1  # γk = x/(1 + x) runs over [0, 1)
    before, after = u - a, u - a - gamma * k * u
    gap = before**2 + gamma * k * a**2 - after**2 - gamma * k * (u - gamma * k * u) ** 2
    rest = k * (a - u) ** 2 + k**2 * (1 - k) * u**2
    return Eq(gap, rest, evaluate=False), Ge(x / (1 + x) * (a - u) ** 2 + x**2 / (1 + x) ** 3 * u**2, 0, evaluate=False)


path_entry = real("path_entry", "a_{t,j}")
shift_entry = real("shift_entry", r"\bar z_j")
EVERY_SAMPLE_AS_OFTEN = {"every sample was visited as often": Eq(visit_spread, 0)}


@theorem(
    "learning-dynamics.minibatch.epoch",
    states={
        "the path": Eq(path_entry, eta * beta * t * shift_entry),
        "the run": Under(SMALL_STEP, Le(deviation**2, 4 * eta * path_energy)),
    },
    given=EVERY_SAMPLE_AS_OFTEN,
    source=im_li("Section 4"),
    on=mini_batch_problems(step_size="S4"),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "t − 1 for t": {"the path": Eq(path_entry, eta * beta * (t - 1) * shift_entry)},
        "5 % off": {"the path": Eq(path_entry, Rational(19, 20) * eta * beta * t * shift_entry)},
        "within an epoch as well": Mutant(given={"visits differ by one at most": Le(visit_spread, 1)}),
        "half the energy": {"the run": Le(deviation**2, 2 * eta * path_energy)},
        "5 % less energy": {"the run": Le(deviation**2, Rational(19, 20) * 4 * eta * path_energy)},
    },
    examples={"two epochs of two": in_order(opposite_pair(eta=1.0, steps=4), (0,), (1,), (1,), (0,))},
    tight={"a ridge at the limit": Tight(in_order(ridge_at_the_limit(), (0, 1), (1, 0)), at_least=0.999, of="the run")},
)
def epoch(train: Train, batches: MiniBatchProblem) -> Values:
    """After an epoch without replacement in equal batches the noise of first order has cancelled: a_t = ηβtz̄ (LD-16b).

    True whenever every sample has been visited equally often; then the run is as near to ηβtz̄ as LD-16b says.
    """
    problem, updates = batches.problem, train(batches)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: batches.t[:, None],
        batch_curvature: batches.curvature,
        visit_spread: batches.visit_spread[:, None],
        path_entry: batches.measured_path,
        shift_entry: problem.mean_shift_vector,
        deviation: batches.run(updates).deviation[:, None],
        path_energy: batches.path_energy[:, None],
    }


@epoch.proof(
    "the batches' sums are the data's", domain="two batches of two, four samples of one coordinate", lemma=True
)
def _() -> Any:
    a, b, c, d = (real(name, name) for name in "abcd")
    return Eq((a + b) / 2 + (c + d) / 2, 2 * (a + b + c + d) / 4, evaluate=False)


# --- the common offset ------------------------------------------------------------------------------------------------

step_entry = real("step_entry", "u_{1,j}")
offset_entry = real("offset_entry", r"\bar x_{s,j}")
difference_entry = real("difference_entry", r"\Delta_{s,j}")
share_plus = nonnegative("share_plus", "p_+")
share_minus = nonnegative("share_minus", "p_-")
class_imbalance = Quantity("class_imbalance", "|n_+ - n_-|", integer=True, nonnegative=True)


@theorem(
    "learning-dynamics.minibatch.class-stratified",
    states={
        "any batch": Eq(
            step_entry,
            eta * beta * ((share_plus - share_minus) * offset_entry + 2 * share_plus * share_minus * difference_entry),
        ),
        "equal class counts": Under(
            {"as many of one class as of the other": Eq(class_imbalance, 0)},
            Eq(step_entry, eta * beta * difference_entry / 2),
        ),
    },
    source=im_li("Section 4"),
    on=mini_batch_problems(step_size="S4", classes="both"),
    kind="mini-batch",
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "the offset forgotten": {
            "any batch": Eq(step_entry, 2 * eta * beta * share_plus * share_minus * difference_entry)
        },
        "Δ for Δ/2": {"equal class counts": Eq(step_entry, eta * beta * difference_entry)},
        "5 % off": {"equal class counts": Eq(step_entry, Rational(19, 20) * eta * beta * difference_entry / 2)},
    },
    counterfeits=True,
)
def class_stratified(train: Train, batches: MiniBatchProblem) -> Values:
    """A batch's first step mixes its common offset into the mean shift, unless its classes are equally many.

    z̄_s = (p_+ − p_-)x̄_s + 2p_+p_-Δ_s, batch by batch: equal class counts remove exactly the offset (LD-16, remark).
    """
    problem, classes, single = batches.problem, BatchClasses(batches), batches.single_steps()
    updates = train(single)
    return {
        eta: problem.eta,
        beta: problem.beta,
        step_entry: single.first_steps(updates),
        share_plus: _columns(classes.share(1)),
        share_minus: _columns(classes.share(-1)),
        offset_entry: classes.offsets,
        difference_entry: classes.differences,
        class_imbalance: classes.imbalance[:, None],
    }


@class_stratified.proof("the mean shift of two classes", domain="any shares p and 1 − p, class means and offset")
def _() -> Any:
    plus, minus, p = real("plus", r"\mu_+"), real("minus", r"\mu_-"), real("p", "p")
    common = {offset_entry: p * plus + (1 - p) * minus, difference_entry: plus - minus}
    return {
        "any batch": {
            **common,
            share_plus: p,
            share_minus: 1 - p,
            step_entry: eta * beta * (p * plus - (1 - p) * minus),
        },
        "equal class counts": {difference_entry: plus - minus, step_entry: eta * beta * (plus / 2 - minus / 2)},
    }


def _columns(measured: Any) -> Any:
    """A quantity (steps,) beside coordinates, (steps, 1)."""
    return measured[:, None]
