"""Weight decay: gradient descent that stays bounded for ever, and what its own pull adds to the mean shift (LD-18c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Le, Rational, Symbol

from alignprops import Tight, Under, theorem
from alignprops.dynamics.notation import beta, curvature, eta, mean_shift, t
from alignprops.dynamics.starting_head import StartingHead
from alignprops.dynamics.weight_decay import DecayProblem
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.optimizers import decay_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import single_sample

Train = Any
Values = Mapping[Symbol, Any]

decay = positive("decay", r"\omega")
update_norm = nonnegative("update_norm", r"\lVert u_t\rVert")
update_norm_to_start = nonnegative("update_norm_to_start", r"\lVert u_t\rVert_{\text{decay towards }W_0}")
kept = nonnegative("kept", r"\sum_{s<t}(1-\eta\omega)^s")
drive = nonnegative("drive", r"\lVert\bar z - (\omega/\beta)w_0\rVert")
first_entry = real("first_entry", "u_{1,j}")
shift_entry = real("shift_entry", r"\bar z_j")
start_entry = real("start_entry", "w_{0,j}")

STABLE = {"η(ω + β²λ/4) ≤ 1": Le(eta * (decay + beta**2 * curvature / 4), 1)}


def decayed(problem: Any, start: list[float], decay: float) -> DecayProblem:
    """A problem trained from a head of difference w0, with decay."""
    return DecayProblem.of(StartingHead.of(problem, start), decay=decay)


@theorem(
    "learning-dynamics.adamw.weight-decay",
    states={
        "first step": Eq(first_entry, eta * (beta * shift_entry - decay * start_entry)),
        "at step t": Under(STABLE, Le(update_norm, kept * eta * beta * drive)),
        "for ever": Under(STABLE, Le(update_norm, beta * drive / decay)),
        "towards the start": Under(STABLE, Le(update_norm_to_start, kept * eta * beta * mean_shift)),
    },
    source=im_li("Section 4"),
    on=decay_problems(),
    kind="weight-decay",
    rounding=ROUNDING,
    effort=0.7,
    mutants={
        "drive without w0": {"at step t": Le(update_norm, kept * eta * beta * mean_shift)},
        "w0 decays as well towards the start": {"first step": Eq(first_entry, eta * beta * shift_entry)},
        "twice the decay": {"for ever": Le(update_norm, beta * drive / (2 * decay))},
        "no growth": {"at step t": Le(update_norm, eta * beta * drive)},
        "half of the shift": {"towards the start": Le(update_norm_to_start, kept * eta * beta * mean_shift / 2)},
        "5 % off": {"at step t": Le(update_norm, Rational(19, 20) * kept * eta * beta * drive)},
        "5 % off, for ever": {"for ever": Le(update_norm, Rational(19, 20) * beta * drive / decay)},
    },
    examples={
        "a drive that vanishes": decayed(single_sample(eta=0.5, steps=4), [4.0], 0.25),
    },
    tight={
        "one step": Tight(decayed(single_sample(eta=0.5, steps=1), [2.0], 0.25), at_least=1 - 2**-40, of="at step t"),
        "many steps, hardly any curvature": Tight(
            decayed(single_sample(eta=0.5, beta=2.0**-10, steps=40), [1.0], 1.0), at_least=0.999, of="for ever"
        ),
        "one step, towards the start": Tight(
            decayed(single_sample(eta=0.5, steps=1), [2.0], 0.25), at_least=1 - 2**-40, of="towards the start"
        ),
    },
)
def weight_decay(train: Train, problem: DecayProblem) -> Values:
    """With decoupled weight decay the head stays bounded for ever, and is driven by the decay's own pull as well.

    ‖u_t‖ ≤ (Σ_{s<t}(1−ηω)^s) ηβ‖z̄ − (ω/β)w0‖ ≤ ‖βz̄ − ωw0‖/ω for gradient descent with decay towards 0; with decay
    towards W_0 the term of w0 = w0_{y+} − w0_{y−} is gone (LD-18c).
    """
    head = problem.head.problem
    updates = train(problem)
    run = problem.run(updates)
    return {
        eta: head.eta,
        beta: head.beta,
        t: head.t[:, None],
        decay: problem.decay,
        curvature: head.curvature,
        mean_shift: head.mean_shift,
        drive: problem.drive_norm,
        kept: problem.kept[:, None],
        update_norm: run.update_norm[:, None],
        update_norm_to_start: problem.run(train(problem.to_the_start)).update_norm[:, None],
        first_entry: run.entries[0],
        shift_entry: head.mean_shift_vector,
        start_entry: problem.start_entries,
    }


@weight_decay.proof("the step damps", domain="curvature a of 2ηβ²A_t and decay: 0 ≤ a/2 ≤ 1 − ηω", lemma=True)
def _() -> Any:
    # |1 − ηω − a| ≤ 1 − ηω for 0 ≤ a ≤ 2(1 − ηω): with k = 1 − ηω and a = 2k·s, s in [0, 1).
    k, x = nonnegative("k", "k"), nonnegative("x", "x")
    share = x / (1 + x)
    return (
        Eq(k**2 - (k - 2 * k * share) ** 2, 4 * k**2 * x / (1 + x) ** 2, evaluate=False),
        Ge(4 * k**2 * x / (1 + x) ** 2, 0, evaluate=False),
    )


@weight_decay.proof("the geometric sum", domain="0 < ηω ≤ 1, every t ≥ 1", lemma=True)
def _() -> Any:
    # Σ_{s<t} k^s = (1 − k^t)/(1 − k), 1 − k = ηω: each further term adds k^t, and the sum stays below 1/(ηω).
    k = Symbol("k", positive=True)
    total = (1 - k**t) / (1 - k)
    return Eq(total.subs(t, t + 1) - total, k**t, evaluate=False), Eq(total.subs(t, 1), 1, evaluate=False)
