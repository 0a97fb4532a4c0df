"""Mini-batch orders with equal class counts."""

from __future__ import annotations

import numpy as np
import pytest

from alignprops._errors import InputError
from alignprops.dynamics.batches import stratified

SIGNS = np.array([1, -1, -1, 1, -1, -1, -1])


def test_every_batch_has_equally_many_of_each_class() -> None:
    """Whatever their shares among the samples; and every sample of a class is drawn about equally often."""
    rows = stratified(SIGNS, size=4, steps=2000, seed=3)

    assert rows.shape == (2000, 4)
    assert (SIGNS[rows].sum(axis=1) == 0).all()
    drawn = np.bincount(rows.ravel(), minlength=7) / 2000
    assert drawn[SIGNS == 1] == pytest.approx(np.full(2, 1.0), abs=0.1)
    assert drawn[SIGNS == -1] == pytest.approx(np.full(5, 0.4), abs=0.1)


def test_the_order_depends_on_the_seed_alone() -> None:
    """The same again for the same seed."""
    one, again, other = (stratified(SIGNS, size=2, steps=9, seed=seed) for seed in (1, 1, 2))

    assert (one == again).all()
    assert (one != other).any()


@pytest.mark.parametrize(
    ("signs", "size", "message"),
    [
        (SIGNS, 3, "batches of 3 from classes of 2 and 5; expected an even size"),
        (np.ones(4), 2, "batches of 2 from classes of 4 and 0"),
        (SIGNS, 8, "batches of 8 from 7 samples"),
    ],
)
def test_what_cannot_be_drawn_is_refused(signs: np.ndarray, size: int, message: str) -> None:
    """With what was given."""
    with pytest.raises(InputError, match=message):
        stratified(signs, size=size, steps=1, seed=0)
