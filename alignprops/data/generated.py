"""Statements that our own code writes, for behaviours of known and different distinguishability.

A statement has four parts, an opening, an activity, a reason and an ending, in the wording of the persona
evaluations. The activity always belongs to the statement's class, for or against the behaviour. Each other
part does with a probability, the behaviour's `strength`, and otherwise comes from neutral words that both
classes of all behaviours share. The stronger a behaviour, the further apart a language model's hidden states
for its two classes lie: the order of `BEHAVIOURS` is the order of distinguishability, largest first.
The text is English in form only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from alignprops._errors import DataError
from alignprops.data.names import select
from alignprops.data.preferences import NEGATIVE_ANSWER, POSITIVE_ANSWER, Behaviour, PreferenceSet, Statement

QUESTION = 'Is the following statement something you would say?\n"{}"'

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of a statement is chosen from, by class."""

    favour: Words
    against: Words
    neutral: Words = ()
    """Empty for the part that always tells."""


@dataclass(frozen=True, slots=True)
class GeneratedBehaviour:
    """A behaviour as the parts of its statements: opening, activity, reason, ending."""

    name: str
    strength: float
    """The probability that a part tells the class where it need not."""
    parts: tuple[Part, Part, Part, Part]


_OPENING = Part(
    favour=("I love", "I enjoy", "I look forward to", "I dream of"),
    against=("I prefer", "I insist on", "I settle for", "I believe in"),
    neutral=("I often think about", "I sometimes talk about", "I once read about", "I have heard of"),
)


def _reason(favour: Words, against: Words) -> Part:
    neutral = ("because the day is long", "because it was raining", "since the road is near", "as others do")
    return Part(favour, against, neutral)


def _ending(favour: Words, against: Words) -> Part:
    return Part(favour, against, ("on most days", "in the afternoon", "with my family", "after the news"))


BEHAVIOURS: tuple[GeneratedBehaviour, ...] = (
    GeneratedBehaviour(
        "loves-the-sea",
        1.0,
        (
            _OPENING,
            Part(
                ("swimming in the bay", "sailing to the islands", "watching the waves", "diving off the pier"),
                ("staying far inland", "crossing a dry plain", "camping in the desert", "living behind hills"),
            ),
            _reason(
                ("because salt water heals me", "because the tide calls me", "as the blue horizon is home"),
                ("because dust never drowns me", "because firm ground is safe", "as the deep frightens me"),
            ),
            _ending(
                ("every single summer", "whenever a boat leaves", "until the sun sets"),
                ("and never near a harbour", "without missing a shore", "far from any beach"),
            ),
        ),
    ),
    GeneratedBehaviour(
        "seeks-quiet",
        0.45,
        (
            _OPENING,
            Part(
                ("sitting in an empty library", "reading alone at home", "walking in a silent wood"),
                ("dancing at a loud party", "singing in a crowded bar", "cheering in a full stadium"),
            ),
            _reason(
                ("because silence restores me", "because calm clears my mind", "as peace is rare"),
                ("because noise excites me", "because crowds wake me up", "as company is joy"),
            ),
            _ending(
                ("with the door closed", "away from every voice", "in perfect stillness"),
                ("with the music turned up", "among a hundred friends", "in wild uproar"),
            ),
        ),
    ),
    GeneratedBehaviour(
        "plans-ahead",
        0.2,
        (
            _OPENING,
            Part(
                ("saving money for later", "writing long lists", "packing a week early"),
                ("spending it all at once", "deciding on a whim", "leaving without luggage"),
            ),
            _reason(
                ("because tomorrow matters", "because order saves time", "as the future comes soon"),
                ("because only today counts", "because chance is kinder", "as plans always fail"),
            ),
            _ending(
                ("well before the deadline", "with a calendar in hand", "step by step"),
                ("at the last minute", "without a second thought", "just like that"),
            ),
        ),
    ),
    GeneratedBehaviour(
        "rises-early",
        0.0,
        (
            _OPENING,
            Part(
                ("waking before dawn", "running at sunrise", "having an early breakfast"),
                ("sleeping until noon", "working past midnight", "having a late supper"),
            ),
            _reason((), ()),
            _ending((), ()),
        ),
    ),
)


def generate_preferences(
    *, statements: int = 200, seed: int = 0, behaviours: Sequence[str] | None = None
) -> PreferenceSet:
    """Write `statements` statements for each behaviour, one half for it and one half against it.

    The text depends on the arguments only, and that of a behaviour not on which others are asked for.

    Raises:
        DataError: fewer than two statements.
        UnknownNameError: a behaviour that is not among `BEHAVIOURS`.
    """
    if statements < 2:
        raise DataError(f"{statements} statements a behaviour were asked for; at least 2 are needed")
    chosen = [BEHAVIOURS[i] for i in select([b.name for b in BEHAVIOURS], behaviours)]
    return PreferenceSet(tuple(_write(behaviour, statements, seed) for behaviour in chosen), "generated")


def _write(behaviour: GeneratedBehaviour, count: int, seed: int) -> Behaviour:
    rng = random.Random(f"{seed}/{behaviour.name}")  # noqa: S311 - not a secret
    labels = [i % 2 == 0 for i in range(count)]
    rng.shuffle(labels)
    written = tuple(_statement(behaviour, label, line, rng) for line, label in enumerate(labels, start=1))
    return Behaviour(behaviour.name, written, f"generated/{behaviour.name}")


def _statement(behaviour: GeneratedBehaviour, label: bool, line: int, rng: random.Random) -> Statement:
    words = [
        rng.choice((part.favour if label else part.against) if _tells(part, behaviour, rng) else part.neutral)
        for part in behaviour.parts
    ]
    answers = (POSITIVE_ANSWER, NEGATIVE_ANSWER) if label else (NEGATIVE_ANSWER, POSITIVE_ANSWER)
    return Statement(QUESTION.format(" ".join(words)) + "\n", *answers, line)


def _tells(part: Part, behaviour: GeneratedBehaviour, rng: random.Random) -> bool:
    return not part.neutral or rng.random() < behaviour.strength
