"""Subexponential clouds: the tail is as claimed, and draws are reproducible."""

import numpy as np
import pytest

from alignprops.dynamics.clouds import Cloud


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_in_one_dimension_the_tail_is_exact(alpha):
    """d = 1: P(error) = ½ exp(−(m/K)^α), matched within five standard deviations."""
    cloud = Cloud(np.array([0.5]), np.array([2.0]), alpha, 1.0, 40_000, seed=3)
    expected = np.exp(-(0.5**alpha)) / 2
    assert cloud.margin == 0.5
    assert abs((~cloud.correct()).mean() - expected) <= 5 * (expected * (1 - expected) / 40_000) ** 0.5


def test_draws_depend_on_the_seed_only():
    """The same cloud gives the same samples, whatever the global generator does."""
    cloud = Cloud(np.array([1.0, 0.0]), np.array([1.0, 1.0]), 1.0, 1.0, 100, seed=5)
    first = cloud.correct()
    assert np.array_equal(first, cloud.correct())
    assert np.abs(cloud.noises().mean(axis=0)).max() < 1


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("noise", "factor"), [("one-sided", 2), ("two-sided", 1)])
def test_noise_along_the_direction_attains_the_bound(alpha, noise, factor):
    """P(error) = 2exp(−(m/K)^α), or half of that with a fair sign, in any dimension."""
    direction = np.array([3.0, 0.0, 4.0])
    cloud = Cloud(2 * direction / 5, direction, alpha, 2.0, 40_000, seed=7, noise=noise)
    expected = factor * np.exp(-1)
    assert cloud.margin == 2
    assert abs((~cloud.correct()).mean() - expected) <= 5 * (expected * (1 - expected) / 40_000) ** 0.5


def test_noise_on_one_side_is_not_symmetric():
    """The bound for symmetric noise speaks of the other two."""
    kinds = ("radial", "two-sided", "one-sided")
    clouds = [Cloud(np.array([1.0]), np.array([1.0]), 1.0, 1.0, 1, seed=0, noise=noise) for noise in kinds]
    assert [cloud.symmetric for cloud in clouds] == [True, True, False]
