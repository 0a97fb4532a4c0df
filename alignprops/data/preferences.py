"""Preference statements: one comparison each, grouped into behaviours.

A statement is a prompt with a preferred and a rejected response. A behaviour is a named list of
statements that one model is trained on; theorems compare behaviours. The sign of a statement is
+1 if the preferred response is the *positive* one, y+, and -1 otherwise. Which of two responses
is y+ is a convention (every quantity measured is blind to it): the one that sorts last, so that
" Yes" is y+ and " No" is y-.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

POSITIVE_ANSWER = " Yes"
NEGATIVE_ANSWER = " No"

Format = Literal["persona", "pairs", "conversations", "transcripts", "generated"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages before the response, and the two messages that may follow; a chat template writes them as text."""

    prompt: tuple[Message, ...]
    chosen: Message
    rejected: Message


@dataclass(frozen=True, slots=True)
class Statement:
    """One comparison: after `prompt`, the response `chosen` is preferred to `rejected`."""

    prompt: str
    chosen: str
    rejected: str
    line: int
    """The line of the source it was read from, counted from 1."""
    conversation: Conversation | None = None
    """What was read, if it was a conversation; the texts above are then a plain rendering, for people."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A named list of statements. The name is safe to use in a subject id."""

    name: str
    statements: tuple[Statement, ...]
    source: str
    """The file it was read from, as the user wrote it, or what generated it."""

    def __len__(self) -> int:
        return len(self.statements)

    @property
    def contradictory(self) -> int:
        """How many different questions are answered both ways: real data, hence counted and not refused."""
        seen = {(s.prompt, s.chosen, s.rejected) for s in self.statements}
        return len({p for p, chosen, rejected in seen if (p, rejected, chosen) in seen})

    @property
    def duplicates(self) -> int:
        """How many statements repeat an earlier one word for word, label included."""
        return len(self) - len({(s.prompt, s.chosen, s.rejected) for s in self.statements})

    def where(self, statement: Statement) -> str:
        """The place of a statement, for messages: `file:line`."""
        return f"{self.source}:{statement.line}"


@dataclass(frozen=True, slots=True)
class PreferenceSet:
    """Behaviours in the order they were read; their names are distinct."""

    behaviours: tuple[Behaviour, ...]
    format: Format
    """`persona` and `generated` answer in one token; the responses of the others are of any length."""

    def __len__(self) -> int:
        return sum(len(behaviour) for behaviour in self.behaviours)

    def __iter__(self) -> Iterator[Behaviour]:
        return iter(self.behaviours)

    @property
    def one_token(self) -> bool:
        """Whether every response is the answer " Yes" or " No"."""
        return self.format in ("persona", "generated")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the behaviours."""
        return tuple(behaviour.name for behaviour in self.behaviours)
