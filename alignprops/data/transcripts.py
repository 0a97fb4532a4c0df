r"""Preference pairs as whole transcripts, in the form of the helpful-and-harmless data.

{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": "\n\nHuman: …\n\nAssistant: …"}: the prompt is what both begin
with, up to and including the last "\n\nAssistant:" that they have in common; the rest of each is a response
(Bai et al. 2022, "Training a Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback").
"""

from __future__ import annotations

from alignprops._errors import DataError
from alignprops.data.fields import Record, refuse_identical, texts
from alignprops.data.preferences import Statement
from alignprops.data.prefixes import common_length

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
KEYS = ("chosen", "rejected")


def looks_like_transcripts(record: Record) -> bool:
    """Whether an object without a prompt holds transcripts, told by the turns in either text."""
    sides = [record.get(key) for key in KEYS]
    return "prompt" not in record and any(
        isinstance(side, str) and (HUMAN in side or ASSISTANT in side) for side in sides
    )


def parse_transcripts(record: Record, *, where: str, line: int) -> Statement:
    """The statement that a pair of transcripts holds."""
    chosen, rejected = texts(record, KEYS, where)
    refuse_identical(chosen, rejected, KEYS, where)
    for key, transcript in zip(KEYS, (chosen, rejected), strict=True):
        if ASSISTANT not in transcript:
            raise DataError(f"{where}: {key!r} has no {ASSISTANT!r}; expected a transcript with the assistant's turns")
    common = chosen[: common_length(chosen, rejected)]
    end = common.rfind(ASSISTANT) + len(ASSISTANT)
    if ASSISTANT not in common:
        raise DataError(
            f"{where}: 'chosen' and 'rejected' differ before their first {ASSISTANT!r}; expected a common prompt"
        )
    responses = chosen[end:], rejected[end:]
    for key, response in zip(KEYS, responses, strict=True):
        _require_one_turn(key, response, where)
    return Statement(common[:end], *responses, line)


def _require_one_turn(key: str, response: str, where: str) -> None:
    if not response.strip():
        raise DataError(f"{where}: the response of {key!r} is empty; a response has at least one token")
    for turn in (HUMAN, ASSISTANT):
        if turn in response:
            raise DataError(
                f"{where}: {key!r} goes on with {turn!r} after the common prompt; expected one response of the "
                f"assistant (the human's words would be trained as well)"
            )
