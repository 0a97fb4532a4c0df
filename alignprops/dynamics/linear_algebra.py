"""Norms and the largest eigenvalue, in floats with an error bound and in exact balls.

Functions that end in a pair return `(value, error)`: on floats `error` bounds |value − true value|; on object
arrays of python-flint balls the value carries its own radius and `error` is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alignprops.measured import EPS, is_exact

Pair = tuple[Any, Any]


def square_root(x: Any) -> Any:
    """√x for x ≥ 0; a value that rounding pushed below 0 counts as 0, a ball is cut at 0."""
    if not is_exact(x):
        return np.sqrt(np.maximum(x, 0))
    if not isinstance(x, np.ndarray):
        return x.nonnegative_part().sqrt()
    out = np.empty(x.shape, dtype=object)
    for index, ball in np.ndenumerate(x):
        out[index] = ball.nonnegative_part().sqrt()
    return out


def norm(v: Any) -> Any:
    """Euclidean norm along the last axis; floats are scaled first: squares neither over- nor underflow."""
    if is_exact(v):
        return square_root((v * v).sum(axis=-1))
    largest = np.abs(v).max(axis=-1, initial=0)
    scale = np.where(largest > 0, largest, 1)
    unit = v / scale[..., None]
    return scale * np.sqrt((unit * unit).sum(axis=-1))


def norm_rounding(d: int) -> float:
    """Relative rounding error of `norm` of d numbers: d/2 sums and products, a root, a division, a product."""
    return (d / 2 + 4) * EPS


def as_exact(values: Any) -> Any:
    """Integers as an object array of Python integers, which multiply balls exactly."""
    return np.asarray(values).astype(object)


def largest_eigenvalue(matrix: Any) -> Pair:
    """The largest eigenvalue of a symmetric positive semi-definite matrix (m, m), m ≥ 1; a pair."""
    if is_exact(matrix):
        return _largest_eigenvalue_ball(matrix), 0.0
    value = max(float(np.linalg.eigvalsh(matrix)[-1]), 0.0)
    # LAPACK's symmetric solver is backward stable: |error| ≤ p(size)·eps·‖M‖ with a modest p.
    return value, 4 * len(matrix) * EPS * value


def _largest_eigenvalue_ball(matrix: Any) -> Any:
    diagonal = _diagonal_maximum(matrix)
    return diagonal if diagonal is not None else _power_enclosure(matrix)


def _diagonal_maximum(matrix: Any) -> Any:
    """The largest entry of an exactly diagonal matrix (orthogonal designs, n = 1: exact), else None."""
    size = len(matrix)
    if any(not matrix[i, j].is_zero() for i in range(size) for j in range(i)):
        return None
    top = matrix[0, 0]
    for i in range(1, size):
        top = top.max(matrix[i, i])
    return top


def _power_enclosure(matrix: Any) -> Any:
    """(tr A^k / m)^{1/k} ≤ ‖A‖ ≤ (tr A^k)^{1/k} for even k = 2^j by repeated squaring, at any multiplicity of λ.

    A holds the exact midpoints (squaring would blow up the radii of the input, so they are added at the end:
    |‖M‖ − ‖A‖| ≤ ‖radii‖_F). With A_0 = A/τ_0, A_{j+1} = A_j²/τ_{j+1}, τ_{j+1} = tr A_j²:
    (tr A^k)^{1/k} = τ_0·∏ τ_i^{1/2^i}; tr(A·A^k)/tr A^k, a mean of eigenvalues, is a second lower bound.
    Rounding grows by up to 2√m a squaring, hence the additional precision.
    """
    from flint import arb, arb_mat, ctx

    size = len(matrix)
    squarings = ctx.prec // 2 + 8
    with ctx.workprec(2 * ctx.prec + squarings * (2 + size.bit_length()) // 2 + 64):
        entries = [[arb(matrix[max(i, j), min(i, j)]) for j in range(size)] for i in range(size)]
        radius = square_root(sum((entry.rad() * entry.rad() for row in entries for entry in row), arb(0)))
        power = arb_mat([[entry.mid() for entry in row] for row in entries])
        upper, root = power.trace(), arb(1)
        power = power / upper
        unit, scale, close = power, upper, arb(2) ** (-ctx.prec // 2)
        for _ in range(squarings):
            power = power * power
            root = root / 2
            trace = power.trace()
            upper = upper * trace**root
            power = power / trace
            lower = (upper * arb(size) ** (-root)).max(scale * (unit * power).trace())
            if upper - lower < close * upper:  # a simple λ is enclosed long before the last squaring
                break
        enclosure = (lower - radius).union(upper + radius)
    return +enclosure


def second_moment_eigenvalue(rows: Any, counts: Any) -> Pair:
    """λ_max of Σ c_i r_i r_iᵀ / Σ c_i for rows (n, d) and multiplicities (n,); a pair.

    Computed from the smaller of the second moment (d, d) and the weighted Gram matrix (n, n).
    """
    n, d = rows.shape
    total = int(np.sum(counts))
    if is_exact(rows):
        return largest_eigenvalue(_exact_second_moment(rows, as_exact(counts)) / total)
    top = float(np.abs(rows).max(initial=0))
    if top == 0:
        return 0.0, 0.0
    scale = 2.0 ** np.frexp(top)[1]  # a power of two: exact, and the squares stay in range
    scaled = rows / scale * np.sqrt(counts / total)[:, None]
    small = scaled.T @ scaled if d <= n else scaled @ scaled.T
    value, error = largest_eigenvalue(small)
    # Forming it: each entry rounds max(n, d) + 6 times; the moduli have a spectral norm of at most its trace.
    forming = (max(n, d) + 6) * EPS * float(np.trace(small))
    return value * scale**2, (error + forming) * scale**2


def mean_squared_norm(rows: Any, counts: Any) -> Pair:
    """Mean of ‖r_i‖² for rows (n, d) with multiplicities (n,); a pair."""
    total = int(counts.sum())
    if is_exact(rows):
        return (as_exact(counts)[:, None] * rows * rows).sum() / total, 0.0
    value = float(counts @ (rows * rows).sum(axis=1) / total)
    return value, (sum(rows.shape) + 4) * EPS * value


def _exact_second_moment(rows: Any, counts: Any) -> Any:
    """Σ c r rᵀ (d, d), or √(c_i c_j)⟨r_i, r_j⟩ (n, n), of the same non-zero spectrum, if that is smaller."""
    n, d = rows.shape
    if d <= n:
        return rows.T @ (counts[:, None] * rows)
    one = rows[0, 0] * 0 + 1
    # √(c_i·c_i) of an integer square is exact, so that an orthogonal design keeps an exact diagonal.
    return square_root(np.outer(counts, counts) * one) * (rows @ rows.T)
