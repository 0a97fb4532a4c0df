"""The suite `log_probabilities` is complete."""

from __future__ import annotations

from alignprops.registry import load_suites

IDS = {
    "alignment.one-hot",
    "batches.partition",
    "batches.purity",
    "extremes.confident",
    "extremes.empty-rows",
    "lean.gradient",
    "lean.value",
    "lengths.homogeneous",
    "options.live",
    "padding.columns",
    "padding.finite",
    "padding.non-finite",
    "padding.non-finite-gradient",
    "reference.gradient",
    "reference.value",
    "softmax.normalised",
    "softmax.shift-invariant",
}


def test_the_theorems_are_these() -> None:
    """Each with the codes of the properties that it is a case of."""
    theorems = load_suites()["log_probabilities"].theorems

    assert {theorem.id for theorem in theorems} == {f"log-probabilities.{name}" for name in IDS}
    assert all(theorem.codes for theorem in theorems)
