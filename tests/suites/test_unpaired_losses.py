"""The theorems on losses of single answers are complete."""

from __future__ import annotations

from alignprops.registry import find_theorems

IDS = {
    "at-reference",
    "extremes",
    "gradient",
    "live",
    "padding",
    "partition",
    "point-reported",
    "purity",
    "reference-point",
    "rewards",
    "rewards-detached",
    "saturation",
    "threshold",
    "value",
}


def test_the_theorems_are_these() -> None:
    """Each with the codes of the properties that it is a case of."""
    theorems = [theorem for theorem in find_theorems() if theorem.kind == "unpaired-loss"]

    assert {theorem.id for theorem in theorems} == {f"preference-losses.unpaired.{name}" for name in IDS}
    assert all(theorem.codes for theorem in theorems)
