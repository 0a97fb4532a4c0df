"""The kind `classifier`: something that tells the class of fresh samples by a direction fixed beforehand.

It is called with a `Cloud` and returns whether each fresh sample was told correctly, booleans of shape (trials,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.clouds import Cloud
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Classify = Callable[[Cloud], Any]


def by_direction(cloud: Cloud) -> NDArray[np.bool_]:
    """The sign of ⟨u, x⟩ tells the class; a tie is an error."""
    return cloud.correct()


def reversed_direction(cloud: Cloud) -> NDArray[np.bool_]:
    """Looks the wrong way."""
    return ~cloud.correct()


def one_in_ten_wrong(cloud: Cloud) -> NDArray[np.bool_]:
    """Loses every tenth sample, as a data loader that mislabels them would."""
    correct = cloud.correct().copy()
    correct[::10] = False
    return correct


def _subject(subject_id: str, classify: Classify) -> Subject:
    return Subject(subject_id, "classifier", lambda: classify)


COUNTERFEITS: dict[str, Classify] = {"reversed-direction": reversed_direction, "one-in-ten-wrong": one_in_ten_wrong}

register_kind(
    Kind(
        name="classifier",
        protocol="called with a Cloud; returns whether each fresh sample was told correctly, booleans (trials,)",
        references=(_subject("toy", by_direction),),
        counterfeits={name: _subject(f"counterfeit/{name}", classify) for name, classify in COUNTERFEITS.items()},
    )
)
