"""The training loop: steps, evaluations and checkpoints, from a given step to the last."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops._errors import InputError
from alignprops.losses.pairwise import PairwiseLoss
from alignprops.models.progress import Progress
from alignprops.trace.format import EVALUATION_FIGURES, Split
from alignprops.trace.writer import TraceWriter
from alignprops.training.batches import Rows, accumulated, step_rows
from alignprops.training.checkpoint import save_checkpoint
from alignprops.training.evaluation import figures, prefixed
from alignprops.training.pairs import TokenPairs
from alignprops.training.policy import Pairs, Policy, norm
from alignprops.training.processes import Processes
from alignprops.training.references import NotFiniteError
from alignprops.training.settings import TrainSettings

#: How many pairs a message about a diverged run names.
_NAMED = 5


class DivergedError(InputError):
    """A loss, a gradient or a log-probability that is not finite: the settings do not fit the model and the data.

    Attributes:
        what: what is not finite, as the trace keeps it; the message has the way out as well.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; lower the learning rate (the trace is kept)")
        self.what = what


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """Everything that a run needs, made by `train_model`."""

    settings: TrainSettings
    """Resolved."""
    pairs: Pairs
    reference: Mapping[Split, NDArray[np.float64]]
    """(n, 2): log-probabilities of the chosen and of the rejected response under the reference."""
    loss: PairwiseLoss
    """A function of `scale` × the log-ratio difference."""
    scale: float
    policy: Policy
    optimizer: torch.optim.Optimizer
    writer: TraceWriter | None
    """None in all processes but the first."""
    folder: Path
    processes: Processes
    progress: Progress

    @property
    def steps(self) -> int:
        """The number of steps."""
        assert self.settings.steps is not None
        return self.settings.steps


def run_steps(job: Job, done: int) -> None:
    """Train from the step after `done`, with an evaluation before the first step.

    Raises:
        DivergedError: something is not finite; the trace up to the step before is kept.
    """
    if done == 0:
        evaluate(job, 0)
    for step in range(done + 1, job.steps + 1):
        train_step(job, step)
        if step % _number(job.settings.evaluate_every) == 0 or step == job.steps:
            evaluate(job, step)
        if step % _number(job.settings.checkpoint_every) == 0 or step == job.steps:
            keep(job, step)
        job.progress(step, job.steps)


def train_step(job: Job, step: int) -> None:
    """One update with the mean loss over the step's pairs."""
    started = time.perf_counter()
    rows = step_rows(job.settings, len(job.pairs["train"]), step)
    losses = _accumulate(job, rows)  # (len(rows),)
    loss = float(losses.mean())
    gradients = [weight.grad for weight in job.policy.weights.values() if weight.grad is not None]
    gradient_norm = norm(gradients)
    if not math.isfinite(loss):
        raise DivergedError(_told(job, step, "the loss", rows[~np.isfinite(losses)]))
    if not math.isfinite(gradient_norm):
        raise DivergedError(_told(job, step, "the gradient of the loss", rows))
    job.optimizer.step()
    job.policy.after_update(step)
    moved = {"head_change": job.policy.head_change(), "parameter_change": job.policy.parameter_change()}
    if not all(map(math.isfinite, moved.values())):
        raise DivergedError(_told(job, step, "the change of the weights", rows))
    if job.writer is not None:
        job.writer.step(
            step,
            loss=loss,
            gradient_norm=gradient_norm,
            **moved,
            learning_rate=float(job.optimizer.param_groups[0]["lr"]),
            tokens=_tokens(job, rows),
            seconds=time.perf_counter() - started,
        )


def evaluate(job: Job, step: int) -> None:
    """Record an evaluation of every split after `step` steps."""
    columns: dict[str, NDArray[np.float64]] = {}
    for split, pairs in job.pairs.items():
        try:
            logps = job.policy.all_logps(split)
        except NotFiniteError as error:
            raise DivergedError(error.of_policy(step)) from error
        bad = np.flatnonzero(~np.isfinite(logps).all(axis=1))
        if len(bad):
            raise DivergedError(
                NotFiniteError(pairs.where[bad[0]], *logps[bad[0]].tolist(), half=False).of_policy(step)
            )
        found = figures(pairs, logps, job.reference[split], loss=job.loss, scale=job.scale, beta=job.settings.beta)
        _require_finite(found, pairs, step)
        columns |= prefixed(split, found)
    if job.writer is not None:
        job.writer.evaluation(step, columns)


def keep(job: Job, step: int) -> None:
    """Put trace and checkpoint on disk, in this order."""
    if job.writer is None:
        return
    job.writer.flush()
    save_checkpoint(job.folder, run=job.writer.run, step=step, policy=job.policy, optimizer=job.optimizer)


def _accumulate(job: Job, rows: Rows) -> NDArray[np.float64]:
    """Gradients of the mean loss over `rows`, batch by batch; the loss of every pair."""
    job.optimizer.zero_grad(set_to_none=True)
    losses = torch.zeros(len(rows), dtype=torch.float64)
    start = 0
    for batch in accumulated(job.settings, rows):
        own = job.processes.share(batch)
        places = job.processes.share(np.arange(start, start + len(batch)))
        start += len(batch)
        if not len(own):
            continue
        differences = _differences(job, own)
        each: Any = job.loss.value(job.scale * differences)
        (each.sum() / len(rows)).backward()
        job.policy.collect_gradients()
        losses[places] = each.detach().double().cpu()
    weights = list(job.policy.weights.values())
    job.processes.sum_gradients(weights)
    total: NDArray[np.float64] = job.processes.sum(losses, weights[0].device).numpy()
    return total


def _differences(job: Job, rows: Rows) -> Tensor:
    """The log-ratio differences to the reference, (B,), differentiable."""
    ratios = job.policy.log_ratios("train", rows.tolist())
    reference = job.reference["train"][rows]
    return ratios - torch.as_tensor(reference[:, 0] - reference[:, 1], dtype=ratios.dtype, device=ratios.device)


def _tokens(job: Job, rows: Rows) -> int:
    """Tokens of the step's pairs; where one-token answers share a prompt, of the prompts."""
    pairs = job.pairs["train"]
    if pairs.one_token():
        return int(pairs.prompt_lengths[rows].sum())
    return sum(len(pairs.chosen[row]) + len(pairs.rejected[row]) for row in rows)


def _told(job: Job, step: int, what: str, rows: Rows) -> str:
    where = [job.pairs["train"].where[row] for row in rows]
    named = ", ".join(where[:_NAMED]) + (f" and {len(where) - _NAMED} more" if len(where) > _NAMED else "")
    return f"{what} of step {step} is not finite, from {named}"


def _require_finite(found: Mapping[str, NDArray[np.float64]], pairs: TokenPairs, step: int) -> None:
    """Refuse figures that overflowed; those of a behaviour without pairs are NaN and no concern."""
    present = np.bincount(pairs.behaviours, minlength=len(pairs.names)) > 0
    for name in EVALUATION_FIGURES:
        bad = np.flatnonzero(present & ~np.isfinite(found[name]))
        if len(bad):
            raise DivergedError(
                f"the {name.replace('_', ' ')} of {pairs.names[bad[0]]} after step {step} is {found[name][bad[0]]:g}"
            )


def _number(value: int | None) -> int:
    assert value is not None
    return value
