"""The suite `aggregation` is complete."""

from __future__ import annotations

from alignprops.registry import load_suites

IDS = {
    "extremes.degenerate",
    "lengths.ratio",
    "options.live",
    "padding.columns",
    "padding.finite",
    "padding.non-finite",
    "partition.mean-of-means",
    "partition.micro-batches",
    "partition.order",
    "partition.purity",
    "reference.gradient",
    "reference.value",
    "whitening.moments",
    "whitening.outside",
}


def test_the_theorems_are_these() -> None:
    """Each with the codes of the properties that it is a case of."""
    theorems = load_suites()["aggregation"].theorems

    assert {theorem.id for theorem in theorems} == {f"aggregation.{name}" for name in IDS}
    assert all(theorem.codes for theorem in theorems)


def test_agg_1_is_proved() -> None:
    """The covariance formula follows from the sums, for any number of micro-batches."""
    theorems = {theorem.id: theorem for theorem in load_suites()["aggregation"].theorems}

    proofs = theorems["aggregation.partition.mean-of-means"].proofs
    assert [proof.concludes for proof in proofs] == ["statement"]
