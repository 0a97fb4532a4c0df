"""Norms and the largest eigenvalue, degenerate matrices included."""

import numpy as np
import pytest
from flint import arb, ctx

from alignprops.dynamics.linear_algebra import largest_eigenvalue, norm, second_moment_eigenvalue, square_root
from alignprops.evidence.exact import to_balls

DEGENERATE = {
    "one number": ([[5.0]], 5),
    "zero": (np.zeros((3, 3)), 0),
    "identity": (np.eye(4), 1),
    "double, not diagonal": ([[2.0, 0, 0, 1], [0, 2, 1, 0], [0, 1, 2, 0], [1, 0, 0, 2]], 3),
    "rank one": (np.ones((6, 6)), 6),
    "rank one and identity": (np.ones((6, 6)) + np.eye(6), 7),
    "tiny beside huge": ([[2.0**40, 2.0**-40], [2.0**-40, 2.0**-40]], None),
    "nearly double": ([[1.0, 2.0**-30], [2.0**-30, 1.0]], 1 + 2.0**-30),
}


@pytest.mark.parametrize("precision", [53, 128, 512])
@pytest.mark.parametrize("name", DEGENERATE)
def test_balls_enclose_the_largest_eigenvalue_and_converge(name, precision):
    """Whatever its multiplicity, λ lies in the ball, whose radius falls with the precision."""
    matrix, expected = DEGENERATE[name]
    with ctx.workprec(precision):
        value, _ = largest_eigenvalue(to_balls(np.asarray(matrix, dtype=float)))
        if expected is not None:
            assert value.contains(arb(expected))
        assert value.rad() <= abs(value.mid()) * arb(2) ** (8 - precision // 2)


@pytest.mark.parametrize("name", DEGENERATE)
def test_floats_are_within_their_bound(name):
    """The float eigenvalue is within its error bound of the exact one."""
    matrix = np.asarray(DEGENERATE[name][0], dtype=float)
    value, error = largest_eigenvalue(matrix)
    with ctx.workprec(256):
        exact, _ = largest_eigenvalue(to_balls(matrix))
        assert abs(exact - value) <= error + exact.rad()


def test_orthogonal_rows_have_an_exact_curvature():
    """Rows along the axes, weighted, give λ without any radius, in the (d, d) and in the (n, n) form."""
    counts = np.array([3, 5])
    for rows in ([[1.0, 0.0], [0.0, 2.0]], [[1.0, 0, 0], [0, 2.0, 0]]):
        value, _ = second_moment_eigenvalue(to_balls(np.array(rows)), counts)
        assert value == arb(20) / 8


def test_both_forms_of_the_second_moment_agree():
    """The (d, d) matrix and the weighted Gram matrix have the same largest eigenvalue."""
    generator = np.random.default_rng(0)
    rows, counts = generator.normal(size=(4, 7)), np.array([1, 10**8, 3, 2])
    heavy = (rows.T * counts) @ rows / counts.sum()
    assert second_moment_eigenvalue(rows, counts)[0] == pytest.approx(np.linalg.eigvalsh(heavy)[-1], rel=1e-13)
    exact, _ = second_moment_eigenvalue(to_balls(rows), counts)
    assert float(exact) == pytest.approx(np.linalg.eigvalsh(heavy)[-1], rel=1e-13)


def test_norms_neither_overflow_nor_underflow():
    """The norm of numbers whose squares leave the range of floats is right."""
    assert norm(np.array([3e-200, 4e-200])) == pytest.approx(5e-200)
    assert norm(np.array([3e200, 4e200])) == pytest.approx(5e200)
    assert norm(np.zeros((2, 0))).tolist() == [0, 0]


def test_roots_of_balls_that_reach_below_zero_are_cut_at_zero():
    """A sum of squares around 0 has a root, not NaN."""
    root = square_root(arb(0, 1e-9))
    assert root.is_finite()
    assert root.contains(0)
