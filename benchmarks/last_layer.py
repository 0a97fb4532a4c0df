"""Last-layer DPO trajectory in Gram form against plain autograd training of the full V × d head.

Side by side in one process: the runs alternate, minima count, the spread is printed. The baseline caches its
reference; a step of it that takes much longer than its two matrix products alone, or less time, is implausible and
refused. Both trajectories are compared: over the timed steps at full size, and over all steps at a small vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alignprops.dynamics.autograd import answer_tokens, dpo_step, log_ratio
from alignprops.dynamics.trajectories import trajectory
from benchmarks.row import Row
from benchmarks.timing import timed


@dataclass(frozen=True, slots=True)
class Size:
    """How large the problem is, and how many steps are timed and compared."""

    samples: int = 900
    dimension: int = 4096
    vocabulary: int = 32_000
    steps: int = 100
    timed_steps: int = 3
    small_vocabulary: int = 2_000


REDUCED = Size(samples=40, dimension=64, vocabulary=200, steps=10, timed_steps=2, small_vocabulary=50)
ETA, BETA = 1e-3, 0.1
YES, NO = 7, 11
TARGET, AGREEMENT = 5_000.0, 1e-6
#: Softmax, gather and the update add memory traffic to the two products; beyond this factor something is wrong.
SLOWEST_PLAUSIBLE, FASTEST_PLAUSIBLE = 3.0, 0.8


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Time both and compare both trajectories; a few minutes, about 6 GB of memory."""
    features, signs = _preferences(size)
    baseline = _FullHead(features, signs, size.vocabulary)
    ours, theirs, products, worst = [], [], [], 0.0
    for step in range(1, size.timed_steps + 1):
        seconds, updates = timed(lambda: _train(features, signs, size.steps))
        ours.append(seconds)
        products.append(timed(baseline.products)[0])
        theirs.append(timed(baseline.step)[0])
        worst = max(worst, baseline.disagreement(updates[step]))
    ours += [timed(lambda: _train(features, signs, size.steps))[0] for _ in range(size.timed_steps)]
    del baseline
    small = _agreement_over_all_steps(features, signs, size)
    overhead = min(theirs) / min(products)
    refused = "" if FASTEST_PLAUSIBLE <= overhead <= SLOWEST_PLAUSIBLE else f"{overhead:.2g} × its two products"
    if max(worst, small) > AGREEMENT:
        refused = f"the trajectories differ by {max(worst, small):.1e}"
    checks = (
        f"a baseline step takes {overhead:.2f} × its two matrix products; trajectories differ by {worst:.1e} over "
        f"{size.timed_steps} steps, by {small:.1e} over {size.steps} steps at V={size.small_vocabulary} "
        f"(allowed {AGREEMENT:g})"
    )
    row = Row(
        name="last-layer",
        what=f"last-layer DPO trajectory (n={size.samples}, d={size.dimension}, V={size.vocabulary}, "
        f"{size.steps} steps, float64, set-up included)",
        against=f"autograd training of the full head ({size.timed_steps} steps timed, extrapolated)",
        value=size.steps * min(theirs) / min(ours),
        unit="×",
        target=TARGET,
        ours=tuple(ours),
        theirs=tuple(theirs),
        checks=checks,
        refused=refused,
    )
    return [row]


def _preferences(size: Size) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Gaussian classes around ±μ with a common offset, as hidden states have."""
    generator = np.random.default_rng(0)
    signs = generator.choice(np.array([-1, 1]), size.samples)
    offset, mean = generator.normal(size=(2, size.dimension))
    noise = generator.normal(size=(size.samples, size.dimension))
    return noise + offset / 4 + signs[:, None] * mean / 8, signs


def _train(features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any], steps: int) -> Any:
    return trajectory(features, signs, eta=ETA, beta=BETA, steps=steps, form="gram").updates


class _FullHead:
    """Plain autograd training of all V rows, in steps."""

    def __init__(self, features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any], vocabulary: int) -> None:
        self._x = torch.as_tensor(features)
        self._tokens = answer_tokens(signs, yes=YES, no=NO)
        samples, dimension = features.shape
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(vocabulary, dimension, dtype=torch.float64, generator=generator) / dimension**0.5
        self._start = start[[YES, NO]].clone()
        self._head = start.requires_grad_()
        self._weights = torch.full((samples,), 1 / samples, dtype=torch.float64)
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


def _agreement_over_all_steps(features: np.ndarray[Any, Any], signs: np.ndarray[Any, Any], size: Size) -> float:
    updates = _train(features, signs, size.steps)
    baseline = _FullHead(features, signs, size.small_vocabulary)
    worst = 0.0
    for step in range(1, size.steps + 1):
        baseline.step()
        worst = max(worst, baseline.disagreement(updates[step]))
    return worst
