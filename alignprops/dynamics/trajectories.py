"""Whole last-layer trajectories for production: many runs at once, full batch or mini-batch, on CPU or CUDA.

Two forms of the same step (LD-1). *Direct*: u ∈ R^d, O(nd) a step. *Gram*: u_t = Σ a_i z_i stays in the span of the
samples, so with K = (⟨z_i, z_j⟩) the margins alone carry the run, O(n²) a step:

    a_{t+1} = a_t + 2ηβ w∘σ(−m_t),   m_{t+1} = m_t + 2ηβ² K (w∘σ(−m_t)).

Arrays are numpy or torch; leading axes are independent runs. Results are raw: rounding.py bounds float64 errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from alignprops._errors import InputError
from alignprops.atoms import log_cosh
from alignprops.dynamics.arrays import stack, to_backend, transposed
from alignprops.dynamics.last_layer import Pull, descend, logistic_pull

Form = Literal["auto", "direct", "gram"]
#: A matrix product does about this many times more arithmetic a second than a matrix–vector product.
_BLAS3_ADVANTAGE = 16


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run, or many (leading axes …): margins (…, steps+1, n), and what recovers u_t.

    `coefficients` (…, steps+1, n) are the dual coefficients a_t of the Gram form (None in the direct form),
    `weights` (…, n) the weights of the full-batch mean (also for mini-batch runs).
    """

    z: Any
    weights: Any
    margins: Any
    coefficients: Any
    direct_updates: Any

    @cached_property
    def updates(self) -> Any:
        """u_t, (…, steps+1, d); in the Gram form one matrix product for all steps."""
        return self.direct_updates if self.coefficients is None else self.coefficients @ self.z

    @cached_property
    def head_change(self) -> Any:
        """‖W_t − W_0‖_F = ‖u_t‖/√2, (…, steps+1)."""  # LD-1
        return ((self.updates**2).sum(-1) / 2) ** 0.5

    @cached_property
    def along_shift(self) -> Any:
        """⟨u_t, z̄⟩, (…, steps+1)."""
        shift = (self.weights[..., None, :] @ self.z)[..., 0, :]
        return (self.updates @ shift[..., None])[..., 0]

    @cached_property
    def loss_drop(self) -> Any:
        """log 2 − L(u_t) of the DPO loss over all samples, (…, steps+1)."""
        halves = self.margins / 2
        return ((halves - log_cosh.numeric(halves)) @ self.weights[..., None])[..., 0]

    @cached_property
    def accuracy(self) -> Any:
        """Share of positive margins, (…, steps+1); ties are errors."""
        won = (self.margins > 0) * self.weights[..., None, :]
        return won.sum(-1)


def trajectory(
    features: Any,
    signs: Any,
    *,
    eta: Any,
    beta: Any,
    steps: int,
    weights: Any = None,
    batches: Any = None,
    pull: Pull = logistic_pull,
    form: Form = "auto",
    dtype: str | None = None,
    device: str | None = None,
) -> Trajectory:
    """Train the last layer by DPO from W_0 = reference, and return every step.

    Args:
        features: (…, n, d), numpy or torch; leading axes are independent runs.
        signs: ±1, (…, n) or (n,).
        eta: learning rate of W, a number or one for each run.
        beta: DPO's β, a number or one for each run.
        steps: number of steps, at least 1.
        weights: of the samples in the mean, (…, n) or (n,), adding up to 1; equal if not given.
        batches: sample indices (steps, B) of each step's mini-batch, shared by all runs; full batch if not given.
        pull: −f'(m) of every margin, for another loss f than DPO's: `lambda m: -loss.slope(m)`.
        form: "direct", "gram", or "auto": Gram where n < d and the steps pay for K.
        dtype: "float64" or "float32"; that of the features if not given.
        device: "cpu" or "cuda" turns the arrays into torch tensors there; left where they are if not given.

    Raises:
        InputError: shapes, steps or options that do not fit.
    """
    x = to_backend(features, dtype=dtype, device=device)
    if x.ndim < 2 or 0 in x.shape:
        raise InputError(f"features have shape {tuple(x.shape)}; expected (…, samples, dimension), all at least 1")
    if steps < 1:
        raise InputError(f"steps is {steps}; expected at least 1")
    n, d = x.shape[-2:]
    z = to_backend(signs, like=x)[..., None] * x
    w = to_backend(np.full(n, 1 / n) if weights is None else weights, like=x)
    rate, strength = (_per_run(number, x) for number in (eta, beta))
    rows = _checked_batches(batches, n, steps)
    if form not in ("auto", "direct", "gram"):
        raise InputError(f"form is {form!r}; expected 'auto', 'direct' or 'gram'")
    gram = form == "gram" or (form == "auto" and n < d and n <= _BLAS3_ADVANTAGE * steps)
    return (_gram_form if gram else _direct_form)(z, w, rate, strength, rows, steps, pull)


def _direct_form(z: Any, w: Any, eta: Any, beta: Any, rows: Any, steps: int, pull: Pull) -> Trajectory:
    updates = [z[..., 0, :] * 0]
    for step in range(steps):
        batch, share = (z, w) if rows is None else (z[..., rows[step], :], 1 / rows.shape[1])
        updates.append(descend(updates[-1], batch, share, eta=eta, beta=beta, pull=pull))
    path = stack(updates, axis=-2)  # (…, steps+1, d)
    margins = _beside(beta, 2) * (path @ transposed(z))
    return Trajectory(z, w, margins, None, path)


def _gram_form(z: Any, w: Any, eta: Any, beta: Any, rows: Any, steps: int, pull: Pull) -> Trajectory:
    gram = z @ transposed(z)  # (…, n, n)
    m = a = z[..., 0] * 0
    margins, coefficients = [m], [a]
    for step in range(steps):
        share = w if rows is None else to_backend(_occurrences(rows[step], z.shape[-2]), like=z)
        push = 2 * _beside(eta, 1) * _beside(beta, 1) * share * pull(m)  # (…, n)
        m = m + _beside(beta, 1) * _product(gram, push, None if rows is None else np.unique(rows[step]))
        a = a + push
        margins.append(m)
        coefficients.append(a)
    return Trajectory(z, w, stack(margins, axis=-2), stack(coefficients, axis=-2), None)


def _product(gram: Any, push: Any, rows: Any) -> Any:
    """K·push; with `rows`, from the columns of the batch alone."""
    if rows is not None:
        gram, push = gram[..., rows], push[..., rows]
    return (gram @ push[..., None])[..., 0]


def _occurrences(rows: Any, n: int) -> Any:
    """Share of each sample in a batch that may hold one several times, (n,)."""
    return np.bincount(rows, minlength=n) / len(rows)


def _checked_batches(batches: Any, n: int, steps: int) -> Any:
    if batches is None:
        return None
    rows = np.asarray(batches)
    if rows.ndim != 2 or len(rows) != steps or rows.shape[1] == 0 or rows.dtype.kind not in "iu":
        raise InputError(f"batches have shape {rows.shape} of {rows.dtype}; expected sample indices ({steps}, B)")
    if rows.min() < 0 or rows.max() >= n:
        raise InputError(f"batches point at samples {rows.min()} … {rows.max()}; expected 0 … {n - 1}")
    return rows


def _per_run(number: Any, like: Any) -> Any:
    """η or β: a number, or one for each run, (…,)."""
    return number if np.ndim(number) == 0 else to_backend(number, like=like)


def _beside(number: Any, axes: int) -> Any:
    """η or β of each run, with so many axes more."""
    return number[(..., *[None] * axes)] if getattr(number, "ndim", 0) else number
