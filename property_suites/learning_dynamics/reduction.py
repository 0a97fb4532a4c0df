"""One vector carries the run of a whole head: the reduction, its secant form, and the initial rate (LD-1 … LD-3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Le, Rational, Symbol, diff, exp, log, sqrt, tanh

from alignprops import Under, theorem
from alignprops.atoms import sigmoid, softplus, tanhc
from alignprops.dynamics.bounds import initial_rate as rate
from alignprops.dynamics.full_head import FullHeadProblem, head_entries
from alignprops.dynamics.notation import beta, eta, gradient_norm, mean_shift
from alignprops.dynamics.problem import HeadProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.full_heads import full_head_problems
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

entry = real("entry", "(W_t - W_0)_{vj}")
reduced_entry = real("reduced_entry", r"\tfrac12 (e_{y_+} - e_{y_-})_v\, u_{t,j}")
change_norm = nonnegative("change_norm", r"\lVert W_t - W_0\rVert_F")
row_sum = real("row_sum", r"(W_t - W_0)_{y_+ j} + (W_t - W_0)_{y_- j}")
update_entry = real("update_entry", "u_{t,j}")
other_rows = nonnegative("other_rows", r"\max_{v\ne y_\pm,\, j} |(W_t - W_0)_{vj}|")
update_norm = nonnegative("update_norm", r"\lVert u_t\rVert")


@theorem(
    "learning-dynamics.reduction",
    states={
        "every entry of the head": Eq(entry, reduced_entry),
        "its norm": Eq(change_norm, update_norm / sqrt(2)),
        "the sum of the two rows stays": Eq(row_sum, 0),
        "no other row moves": Eq(other_rows, 0),
    },
    source=im_li("Section 3"),
    on=full_head_problems(),
    rounding=ROUNDING,
    effort=0.5,
    exact=False,
    mutants={
        "both rows move together": {"the sum of the two rows stays": Eq(row_sum, update_entry)},
        "the others move as well": {"no other row moves": Eq(other_rows, update_norm)},
        "u for u/2": {"every entry of the head": Eq(entry, 2 * reduced_entry)},
        "rows move alike": {"every entry of the head": Eq(entry, -reduced_entry)},
        "the √2 lost": {"its norm": Eq(change_norm, update_norm)},
        "5 % off": {"its norm": Eq(change_norm, Rational(19, 20) * update_norm / sqrt(2))},
    },
    counterfeits=True,
)
def reduction(train: Train, full: FullHeadProblem) -> Values:
    """Gradient descent on the DPO loss moves only the rows of the two answers, in opposite directions (LD-1).

    Plain autograd training of the full head (all V rows, real log-softmax, real DPO loss) against one vector u_t:
    W_t − W_0 = ½(e_{y+} − e_{y−}) ⊗ u_t with u_{t+1} = u_t − 2ηg(u_t), g(u) = −β mean σ(−m_i) z_i.
    """
    run = train(full.problem)
    return {
        entry: full.changes(run),
        reduced_entry: head_entries(run, full),
        change_norm: full.change_norm(run),
        update_norm: run.update_norm,
        row_sum: full.row_sum(run),
        update_entry: run.entries,
        other_rows: full.other_rows_change,
    }


@reduction.proof(
    "the gradient of the loss in three rows of the head", domain="one sample, one coordinate, V = 3", lemma=True
)
def _() -> Any:
    # The normaliser Z cancels in the difference of log-probabilities, so the third row has gradient 0.
    x, reference = real("x", "x"), real("r", "r")
    yes, no, other = (real(name, name) for name in ("w_yes", "w_no", "w_other"))
    log_z = log(exp(yes * x) + exp(no * x) + exp(other * x))
    log_ratio = (yes * x - log_z) - (no * x - log_z)
    margin = beta * (log_ratio - reference)
    loss = softplus(-margin)  # Rafailov et al. 2023, Eq. 7
    pull = beta * sigmoid(-margin) * x
    moves = diff(loss, yes) + diff(loss, no)
    return (
        Eq(diff(loss, yes), -pull, evaluate=False),
        Eq(diff(loss, no), pull, evaluate=False),
        Eq(diff(loss, other), 0, evaluate=False),
        Eq(moves, 0, evaluate=False),
    )


@reduction.proof("two opposite rows of half the length", domain="any u", lemma=True)
def _() -> Any:
    return Eq(sqrt(2 * (update_norm / 2) ** 2), update_norm / sqrt(2), evaluate=False)


margin = real("margin", "m_i")
increment = real("increment", "(u_{t+1} - u_t)_j")
shift_entry = real("shift_entry", r"\bar z_j")
drag = real("drag", r"\operatorname{mean}_i \chi(m_i) m_i z_{ij}")
drag_along = nonnegative("drag_along", r"u_t^\top A(u_t)\, u_t")
second_moment = nonnegative("second_moment", r"u_t^\top M u_t")
chi = tanhc(margin / 2) / 4


@theorem(
    "learning-dynamics.secant-form",
    states={
        "secant form": Eq(increment, eta * beta * shift_entry - 2 * eta * beta * drag),
        "χ at most ¼": Le(chi, Rational(1, 4)),
        "χ at least": Ge(chi, Rational(1, 4) - margin**2 / 48),
        "A at most M/4": Le(drag_along, second_moment / 4),
    },
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "the full shift": {"secant form": Eq(increment, 2 * eta * beta * shift_entry - 2 * eta * beta * drag)},
        "half the drag": {"secant form": Eq(increment, eta * beta * shift_entry - eta * beta * drag)},
        "χ at most ⅕": {"χ at most ¼": Le(chi, Rational(1, 5))},
        "half the curvature of χ": {"χ at least": Ge(chi, Rational(1, 4) - margin**2 / 96)},
        "A at most M/5": {"A at most M/4": Le(drag_along, second_moment / 5)},
        "5 % off": {"χ at least": Ge(chi, Rational(1, 4) - Rational(19, 20) * margin**2 / 48)},
    },
)
def secant_form(train: Train, problem: HeadProblem) -> Values:
    """A step is the mean shift less a drag whose strength χ(m) = tanh(m/2)/(2m) lies between ¼ − m²/48 and ¼ (LD-2)."""
    run = train(problem.with_steps(problem.steps + 1))
    return {
        eta: problem.eta,
        beta: problem.beta,
        increment: run.increments[1:],
        shift_entry: problem.mean_shift_vector,
        drag: run.drags[1:],
        margin: run.margins[:-1],
        drag_along: run.drag_along[:-1],
        second_moment: run.second_moment[:-1],
    }


@secant_form.proof("σ(−m) = ½ − mχ(m)", domain="every margin; the statement is the mean of such terms", lemma=True)
def _() -> Any:
    return Eq(sigmoid(-margin), Rational(1, 2) - margin * chi, evaluate=False)


@secant_form.proof("y − y³/3 ≤ tanh y ≤ y", domain="every y = m/2 ≥ 0 (χ is even)", lemma=True)
def _() -> Any:
    # Both differences vanish at 0; their slopes are tanh² and y² − tanh², the latter by the former.
    y, excess = nonnegative("y", "y"), nonnegative("x", "x")
    above, below = y - tanh(y), tanh(y) - (y - y**3 / 3)
    tanh_value = nonnegative("T", "T")  # y = T + x with x ≥ 0
    return (
        Eq(above.subs(y, 0), 0, evaluate=False),
        Eq(diff(above, y), tanh(y) ** 2, evaluate=False),
        Eq(below.subs(y, 0), 0, evaluate=False),
        Eq(diff(below, y), y**2 - tanh(y) ** 2, evaluate=False),
        Ge((tanh_value + excess) ** 2, tanh_value**2, evaluate=False),
    )


offset_entry = real("offset_entry", r"\bar x_j")
difference_entry = real("difference_entry", r"\Delta_j")
share_plus = nonnegative("share_plus", "p_+")
share_minus = nonnegative("share_minus", "p_-")
class_imbalance = nonnegative("class_imbalance", r"|n_+ - n_-|")
distinguishability = nonnegative("distinguishability", r"\delta")


@theorem(
    "learning-dynamics.initial-rate",
    states={
        "rate": Eq(gradient_norm, rate),
        "mean shift": Eq(
            shift_entry, (share_plus - share_minus) * offset_entry + 2 * share_plus * share_minus * difference_entry
        ),
        "balanced": Under(
            {"exactly balanced": Eq(class_imbalance, 0)},
            Eq(gradient_norm, beta * distinguishability / (2 * sqrt(2))),
        ),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="any", max_steps=1) | head_problems(step_size="any", max_steps=1, balanced=True),
    rounding=ROUNDING,
    mutants={
        "the √2 lost": {"rate": Eq(gradient_norm, beta * mean_shift)},
        "5 % off": {"rate": Eq(gradient_norm, Rational(19, 20) * rate)},
        "offset forgotten": {"mean shift": Eq(shift_entry, 2 * share_plus * share_minus * difference_entry)},
        "δ for δ/2": {"balanced": Eq(gradient_norm, beta * distinguishability / sqrt(2))},
        "balance dropped": {"rate": Eq(gradient_norm, beta * distinguishability / (2 * sqrt(2)))},
    },
)
def initial_rate(train: Train, problem: HeadProblem) -> Values:
    """The initial gradient norm is β/√2 times the mean shift: β/(2√2) times the distinguishability if balanced.

    Balanced exactly, that is. An imbalance mixes the common offset into the mean shift:
    z̄ = (p_+ − p_-)x̄ + 2p_+p_-Δ (LD-3).
    """
    run = train(problem.with_steps(1))
    return {
        beta: problem.beta,
        gradient_norm: run.initial_gradient_norm,
        mean_shift: problem.mean_shift,
        shift_entry: problem.mean_shift_vector,
        offset_entry: problem.offset_vector,
        difference_entry: problem.class_difference_vector,
        share_plus: problem.class_share(1),
        share_minus: problem.class_share(-1),
        class_imbalance: abs(int((problem.signs * problem.counts).sum())),
        distinguishability: problem.class_difference_norm,
    }


@initial_rate.proof("the gradient at the start", domain="all data; by LD-1 the gradient has two rows ∓(β/2)z̄")
def _() -> Any:
    plus, minus, p = real("plus", r"\mu_+"), real("minus", r"\mu_-"), real("p", "p")
    return {
        "rate": {gradient_norm: sqrt(2 * (beta * mean_shift / 2) ** 2)},
        "mean shift": {
            shift_entry: p * plus - (1 - p) * minus,
            offset_entry: p * plus + (1 - p) * minus,
            difference_entry: plus - minus,
            share_plus: p,
            share_minus: 1 - p,
        },
        "balanced": {gradient_norm: sqrt(2 * (beta * (distinguishability / 2) / 2) ** 2)},
    }
