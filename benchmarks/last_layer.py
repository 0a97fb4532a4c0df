"""Last-layer DPO trajectory in Gram form against plain autograd training of the full V × d head.

Side by side in one process: the runs alternate, minima count, the spread is printed. The baseline caches its
reference; a step of it that takes much longer than its two matrix products alone, or less time, is implausible and
refused. Both trajectories are compared: over the timed steps at full size, and over all steps at a small vocabulary.

    python -m benchmarks.last_layer
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from alignprops.dynamics.autograd import answer_tokens, dpo_step, log_ratio
from alignprops.dynamics.trajectories import trajectory
from benchmarks.row import Row

SAMPLES, DIMENSION, VOCABULARY, STEPS, TIMED_STEPS = 900, 4096, 32_000, 100, 3
SMALL_VOCABULARY = 2_000
ETA, BETA = 1e-3, 0.1
YES, NO = 7, 11
TARGET, AGREEMENT = 5_000.0, 1e-6
#: Softmax, gather and the update add memory traffic to the two products; beyond this factor something is wrong.
SLOWEST_PLAUSIBLE, FASTEST_PLAUSIBLE = 3.0, 0.8


def measure() -> Row:
    """Time both and compare both trajectories; a few minutes, about 6 GB of memory."""
    features, signs = _preferences()
    baseline = _FullHead(features, signs, VOCABULARY)
    ours, theirs, products, worst = [], [], [], 0.0
    for step in range(1, TIMED_STEPS + 1):
        seconds, run = _timed(lambda: _train(features, signs))
        ours.append(seconds)
        products.append(_timed(baseline.products)[0])
        theirs.append(_timed(baseline.step)[0])
        worst = max(worst, baseline.disagreement(run[step]))
    ours += [_timed(lambda: _train(features, signs))[0] for _ in range(TIMED_STEPS)]
    del baseline
    small = _agreement_over_all_steps(features, signs)
    overhead = min(theirs) / min(products)
    refused = "" if FASTEST_PLAUSIBLE <= overhead <= SLOWEST_PLAUSIBLE else f"{overhead:.2g} x its two products"
    if max(worst, small) > AGREEMENT:
        refused = f"the trajectories differ by {max(worst, small):.1e}"
    checks = (
        f"a baseline step takes {overhead:.2f} x its two matrix products; trajectories differ by {worst:.1e} "
        f"over {TIMED_STEPS} steps, by {small:.1e} over {STEPS} steps at V={SMALL_VOCABULARY} (allowed {AGREEMENT:g})"
    )
    return Row(
        what=f"last-layer DPO trajectory (n={SAMPLES}, d={DIMENSION}, V={VOCABULARY}, {STEPS} steps, float64)",
        against=f"autograd training of the full head ({TIMED_STEPS} steps timed, extrapolated)",
        target=TARGET,
        ratio=STEPS * min(theirs) / min(ours),
        ours=tuple(ours),
        theirs=tuple(theirs),
        checks=checks,
        refused=refused,
    )


def _preferences() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Gaussian classes around ±μ with a common offset, as hidden states have."""
    generator = np.random.default_rng(0)
    signs = generator.choice(np.array([-1, 1]), SAMPLES)
    offset, mean = generator.normal(size=(2, DIMENSION))
    features = generator.normal(size=(SAMPLES, DIMENSION)) + offset / 4 + signs[:, None] * mean / 8
    return features, signs


def _train(features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any]) -> Any:
    run = trajectory(features, signs, eta=ETA, beta=BETA, steps=STEPS, form="gram")
    return run.updates


class _FullHead:
    """Plain autograd training of all V rows, in steps."""

    def __init__(self, features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any], vocabulary: int) -> None:
        self._x = torch.as_tensor(features)
        self._tokens = answer_tokens(signs, yes=YES, no=NO)
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(vocabulary, DIMENSION, dtype=torch.float64, generator=generator) / DIMENSION**0.5
        self._start = start[[YES, NO]].clone()
        self._head = start.requires_grad_()
        self._weights = torch.full((SAMPLES,), 1 / SAMPLES, dtype=torch.float64)
        with torch.no_grad():
            self._reference = log_ratio(self._head, self._x, *self._tokens)

    def step(self) -> None:
        dpo_step(self._head, self._x, *self._tokens, self._reference, self._weights, eta=ETA, beta=BETA)

    def products(self) -> None:
        """The two matrix products that a step cannot do without: the logits and the gradient of the head."""
        with torch.no_grad():
            logits = self._x @ self._head.T
            logits.T @ self._x

    def disagreement(self, update: np.ndarray[Any, Any]) -> float:
        """Largest difference of the two moved rows from ±u/2, relative to the largest entry of u/2."""
        moved = (self._head.detach()[[YES, NO]] - self._start).numpy()
        expected = np.stack([update / 2, -update / 2])
        return float(np.abs(moved - expected).max() / np.abs(expected).max())


def _agreement_over_all_steps(features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any]) -> float:
    updates = _train(features, signs)
    baseline = _FullHead(features, signs, SMALL_VOCABULARY)
    worst = 0.0
    for step in range(1, STEPS + 1):
        baseline.step()
        worst = max(worst, baseline.disagreement(updates[step]))
    return worst


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    print(measure())
