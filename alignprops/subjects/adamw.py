"""The kind `adamw`: something that takes the first AdamW step on a whole head.

It is called with an `AdamProblem` and returns W_1, shape (V, d); where a gradient and ε are both 0 nothing but the
decay moves (0/0 := 0). The reference is the published algorithm, which also runs on balls; a real head is trained by
torch.optim.AdamW on the autograd gradient of the DPO loss. The counterfeits are known misreadings of the algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.dynamics.adamw import AdamProblem, adamw_step
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Step = Callable[[AdamProblem], Any]


def _adapt(step: Callable[[AdamProblem], Any]) -> Step:
    """Hold a foreign step to its shape."""

    def step_and_check(problem: AdamProblem) -> Any:
        stepped = np.asarray(step(problem), dtype=np.float64)
        if stepped.shape != problem.head.shape:
            raise TheoremError(f"the step returned shape {stepped.shape}, expected (V, d) = {problem.head.shape}")
        if not np.isfinite(stepped).all():
            raise TheoremError("the step returned NaN or infinity")
        return stepped

    return step_and_check


def torch_adamw(problem: AdamProblem) -> Any:
    """W_1 by torch.optim.AdamW (betas 0.9 and 0.999) on all V rows, the gradient by autograd, in float64."""
    import torch
    from torch.nn.functional import logsigmoid

    from alignprops.dynamics.autograd import answer_tokens, log_ratio

    inner = problem.problem
    x = torch.as_tensor(inner.features, dtype=torch.float64)
    chosen, rejected = answer_tokens(inner.signs, yes=problem.yes, no=problem.no)
    weights = torch.as_tensor(inner.weights)
    head = torch.tensor(problem.head, dtype=torch.float64, requires_grad=True)
    reference = log_ratio(head.detach(), x, chosen, rejected)
    margins = inner.beta * (log_ratio(head, x, chosen, rejected) - reference)
    (-(weights * logsigmoid(margins)).sum()).backward()  # type: ignore[no-untyped-call]
    still = head.grad == 0
    optimizer = torch.optim.AdamW([head], lr=inner.eta, eps=problem.epsilon, weight_decay=problem.decay)
    optimizer.step()
    decayed = torch.as_tensor(problem.head) * (1 - inner.eta * problem.decay)
    return torch.where(still & torch.tensor(problem.epsilon == 0), decayed, head).detach().numpy()


def coupled_decay(problem: AdamProblem) -> Any:
    """Adam with an L2 penalty: the decay goes through the moments."""
    return _with_gradient(replace(problem, decay=problem.decay * 0), problem.gradient + problem.decay * problem.head)


def no_bias_correction(problem: AdamProblem) -> Any:
    """The moments stay as small as they begin."""
    return adamw_step(problem, corrected=False)


def epsilon_inside_the_root(problem: AdamProblem) -> Any:
    """√(v̂ + ε²) for √v̂ + ε."""
    g = problem.gradient
    size = np.sqrt(g * g + problem.epsilon * problem.epsilon)
    moved = np.divide(g, size, out=np.zeros_like(g), where=size > 0)
    return (1 - problem.problem.eta * problem.decay) * problem.head - problem.problem.eta * moved


def decay_without_the_rate(problem: AdamProblem) -> Any:
    """Takes ω of every weight, not ηω."""
    return adamw_step(replace(problem, decay=problem.decay / problem.problem.eta))


def decay_after_the_step(problem: AdamProblem) -> Any:
    """Decays what the step has moved already."""
    bare = adamw_step(replace(problem, decay=problem.decay * 0))
    return bare * (1 - problem.problem.eta * problem.decay)


def plain_descent(problem: AdamProblem) -> Any:
    """Steps by the gradient, not by its sign."""
    return (1 - problem.problem.eta * problem.decay) * problem.head - problem.problem.eta * problem.gradient


def decays_the_answers_only(problem: AdamProblem) -> Any:
    """Leaves rows without a gradient alone, as sparse optimisers do."""
    stepped = adamw_step(problem).copy()
    others = np.delete(np.arange(len(stepped)), [problem.yes, problem.no])
    stepped[others] = problem.head[others]
    return stepped


def _with_gradient(problem: AdamProblem, gradient: Any) -> Any:
    class _Changed(AdamProblem):
        @property
        def gradient(self) -> Any:
            return gradient

    parts = (problem.problem, problem.head, problem.yes, problem.no, problem.decay, problem.epsilon)
    return adamw_step(_Changed(*parts))


COUNTERFEITS: dict[str, Step] = {
    "coupled-decay": coupled_decay,
    "no-bias-correction": no_bias_correction,
    "epsilon-inside-the-root": epsilon_inside_the_root,
    "decay-without-the-rate": decay_without_the_rate,
    "decay-after-the-step": decay_after_the_step,
    "plain-descent": plain_descent,
    "decays-the-answers-only": decays_the_answers_only,
}


def _subject(subject_id: str, step: Step, *, exact: bool = False) -> Subject:
    return Subject(subject_id, "adamw", lambda: step, exact=exact)


register_kind(
    Kind(
        name="adamw",
        protocol="called with an AdamProblem; returns the head after the first AdamW step, shape (V, d)",
        references=(_subject("toy", adamw_step, exact=True),),
        counterfeits={name: _subject(f"counterfeit/{name}", step) for name, step in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
