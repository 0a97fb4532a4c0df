"""One line of a JSONL file as a statement, in the two formats that are read.

persona   {"question", "answer_matching_behavior", "answer_not_matching_behavior", …}: the prompt is the
          question and a newline, the answers are " Yes" and " No"
          (Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations").
pairs     {"prompt", "chosen", "rejected", …}: responses that differ in their first token.

Other keys are ignored. Every refusal is a `DataError` that names the file and the line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from alignprops._errors import DataError
from alignprops.data.preferences import NEGATIVE_ANSWER, POSITIVE_ANSWER, Statement

FileFormat = Literal["persona", "pairs"]
Record = Mapping[str, object]

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
        raise DataError(f"{where}: expected a JSON object, found {_kind(record)}")
    return record


def detect_format(record: Record, where: str) -> FileFormat:
    """The format of a file, told by the keys of its first object."""
    if "answer_matching_behavior" in record or "question" in record:
        return "persona"
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
    return _pair(record, where, line)


def _persona(record: Record, where: str, line: int) -> Statement:
    question, chosen, rejected = _texts(record, PERSONA_KEYS, where)
    for key, label in zip(PERSONA_KEYS[1:], (chosen, rejected), strict=True):
        if label not in (POSITIVE_ANSWER, NEGATIVE_ANSWER):
            raise DataError(
                f"{where}: unknown label {label!r} in {key!r}; "
                f"expected {POSITIVE_ANSWER!r} or {NEGATIVE_ANSWER!r} (with the leading space)"
            )
    _refuse_identical(chosen, rejected, PERSONA_KEYS, where)
    return Statement(question + "\n", chosen, rejected, line)


def _pair(record: Record, where: str, line: int) -> Statement:
    prompt, chosen, rejected = _texts(record, PAIR_KEYS, where)
    _refuse_identical(chosen, rejected, PAIR_KEYS, where)
    for key, response in zip(PAIR_KEYS[1:], (chosen, rejected), strict=True):
        if not response:
            raise DataError(f"{where}: {key!r} is empty; a response has at least one token")
    return Statement(prompt, chosen, rejected, line)


def _texts(record: Record, keys: tuple[str, ...], where: str) -> tuple[str, ...]:
    missing = [key for key in keys if key not in record]
    if missing:
        raise DataError(f"{where}: missing {', '.join(map(repr, missing))}; expected the keys {', '.join(keys)}")
    return tuple(_text(record[key], key, where) for key in keys)


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: {key!r} must be text, found {_kind(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can spell half of a surrogate pair, which no tokenizer takes.
        raise DataError(f"{where}: {key!r} is not valid Unicode ({error.reason})") from error
    return value


def _refuse_identical(chosen: str, rejected: str, keys: tuple[str, ...], where: str) -> None:
    if chosen == rejected:
        raise DataError(
            f"{where}: {keys[1]!r} and {keys[2]!r} are identical ({_shortened(chosen)}); nothing is preferred"
        )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
