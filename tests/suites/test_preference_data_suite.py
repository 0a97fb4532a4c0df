"""The suite `preference_data` is complete."""

from __future__ import annotations

from alignprops.registry import load_suites

IDS = {
    "answer.learnt",
    "content.kept",
    "labels.ids",
    "mask.real-tokens",
    "options.live",
    "padding.declared",
    "padding.width",
    "pairing.derangement",
    "pairing.in-step",
    "prompt.not-learnt",
    "prompt.shared",
    "purity",
    "specials.once",
    "truncation.answers",
    "truncation.limit",
}


def test_the_theorems_are_these() -> None:
    """Each with the codes of the properties that it is a case of."""
    theorems = load_suites()["preference_data"].theorems

    assert {theorem.id for theorem in theorems} == {f"preference-data.{name}" for name in IDS}
    assert all(theorem.codes for theorem in theorems)
