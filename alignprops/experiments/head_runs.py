"""Head runs: the traces, the last-layer problem of the very states that they trained on, and the engine beside them."""

from __future__ import annotations

import numpy as np

from alignprops._errors import InputError, TheoremError
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.problem import HeadProblem
from alignprops.trace import Trace
from alignprops.training.shown import STATES_A_BEHAVIOUR

#: How far a head run's trace may be from the engine's run on the same states, relative to the largest value: both are
#: float64, and a trace keeps states in float32.
AGREEMENT = 1e-5


def problem_of(trace: Trace) -> HeadProblem:
    """The last-layer problem that a finished head run trained, from the hidden states and settings of its trace.

    Raises:
        InputError: the trace does not keep the states of all training statements.
    """
    states, settings = trace.states_start, trace.settings
    counts = int(np.sum(trace.metadata["counts"]["train"]))
    if states is None or len(states["signs"]) != counts:
        raise InputError(
            f"{trace.folder}: a trace keeps the hidden states of {STATES_A_BEHAVIOUR} training statements a behaviour, "
            f"and the run had {counts} in all; lower the number of statements"
        )
    return HeadProblem.of(
        states["features"].astype(np.float64),
        states["signs"],
        eta=settings["learning_rate"],
        beta=settings["beta"],
        steps=settings["steps"],
        behaviours=states["behaviours"],
    )


def largest_difference(trace: Trace, problem: HeadProblem) -> float:
    """How far the trace is from the engine's run of the problem, in movement and mean margins, relative to the largest.

    Raises:
        TheoremError: farther than rounding explains: what is drawn would not be what the theorems are observed on.
    """
    engine = train(problem)
    moved = engine.head_change.value  # (steps,)
    margins = engine.behaviour_margins.value  # (steps, K)
    evaluated = trace.evaluations["step"][1:] - 1
    apart = max(
        float(np.abs(trace.steps["head_change"] - moved).max() / moved.max()),
        float(np.abs(trace.evaluations["train.margin"][1:] - margins[evaluated]).max() / np.abs(margins).max()),
    )
    if not apart <= AGREEMENT:
        raise TheoremError(
            f"{trace.folder.name}: the head run is {apart:.1e} from the last-layer engine, allowed is {AGREEMENT:.0e}: "
            "the claims would not be about the run that is drawn"
        )
    return apart
