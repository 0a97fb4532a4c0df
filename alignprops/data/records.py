"""One line of a JSONL file as a statement, in the formats that are read.

persona         {"question", "answer_matching_behavior", "answer_not_matching_behavior", …}: the prompt is the
                question and a newline, the answers are " Yes" and " No"
                (Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations").
pairs           {"prompt", "chosen", "rejected", …}: plain texts; the prompt is kept as written.
conversations   the same with lists of messages; see `alignprops.data.conversations`.
transcripts     {"chosen", "rejected"}: whole transcripts; see `alignprops.data.transcripts`.

Other keys are ignored. Every refusal is a `DataError` that names the file and the line.
"""

from __future__ import annotations

import json
from typing import Literal

from alignprops._errors import DataError
from alignprops.data.conversations import parse_conversation
from alignprops.data.fields import Record, kind, refuse_identical, texts
from alignprops.data.preferences import NEGATIVE_ANSWER, POSITIVE_ANSWER, Statement
from alignprops.data.transcripts import looks_like_transcripts, parse_transcripts

FileFormat = Literal["persona", "pairs", "conversations", "transcripts"]

PERSONA_KEYS = ("question", "answer_matching_behavior", "answer_not_matching_behavior")
PAIR_KEYS = ("prompt", "chosen", "rejected")


def parse_object(line: str, where: str) -> Record:
    """The JSON object on a line."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"{where}: not JSON ({reason}); expected one JSON object a line") from error
    if not isinstance(record, dict):
        raise DataError(f"{where}: expected a JSON object, found {kind(record)}; one object a line")
    return record


def detect_format(record: Record, where: str) -> FileFormat:
    """The format of a file, told by the keys of its first object."""
    if "answer_matching_behavior" in record or "question" in record:
        return "persona"
    if any(isinstance(record.get(key), list) for key in PAIR_KEYS[1:]):
        return "conversations"
    if looks_like_transcripts(record):
        return "transcripts"
    if any(key in record for key in PAIR_KEYS):
        return "pairs"
    found = ", ".join(sorted(map(str, record))[:8]) or "none"
    raise DataError(
        f"{where}: neither a persona statement (keys {', '.join(PERSONA_KEYS)}) "
        f"nor a preference pair (keys {', '.join(PAIR_KEYS)}); keys found: {found}"
    )


def parse_statement(record: Record, file_format: FileFormat, *, where: str, line: int) -> Statement:
    """The statement that a JSON object holds."""
    if file_format == "persona":
        return _persona(record, where, line)
    if file_format == "conversations":
        return parse_conversation(record, where=where, line=line)
    if file_format == "transcripts":
        return parse_transcripts(record, where=where, line=line)
    return _pair(record, where, line)


def _persona(record: Record, where: str, line: int) -> Statement:
    question, chosen, rejected = texts(record, PERSONA_KEYS, where)
    for key, label in zip(PERSONA_KEYS[1:], (chosen, rejected), strict=True):
        if label not in (POSITIVE_ANSWER, NEGATIVE_ANSWER):
            raise DataError(
                f"{where}: unknown label {label!r} in {key!r}; "
                f"expected {POSITIVE_ANSWER!r} or {NEGATIVE_ANSWER!r} (with the leading space)"
            )
    refuse_identical(chosen, rejected, PERSONA_KEYS, where)
    return Statement(question + "\n", chosen, rejected, line)


def _pair(record: Record, where: str, line: int) -> Statement:
    prompt, chosen, rejected = texts(record, PAIR_KEYS, where)
    refuse_identical(chosen, rejected, PAIR_KEYS, where)
    for key, response in zip(PAIR_KEYS[1:], (chosen, rejected), strict=True):
        if not response:
            raise DataError(f"{where}: {key!r} is empty; a response has at least one token")
    return Statement(prompt, chosen, rejected, line)
