"""The values of a JSON object as text, with refusals that name the place."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops._errors import DataError

Record = Mapping[str, object]


def texts(record: Record, keys: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The texts under `keys`, all of which must be there."""
    missing = [key for key in keys if key not in record]
    if missing:
        raise DataError(f"{where}: missing {', '.join(map(repr, missing))}; expected the keys {', '.join(keys)}")
    return tuple(text(record[key], repr(key), where) for key in keys)


def text(value: object, what: str, where: str) -> str:
    """A value that must be text; `what` names it."""
    if not isinstance(value, str):
        raise DataError(f"{where}: {what} must be text, found {kind(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can spell half of a surrogate pair, which no tokenizer takes.
        raise DataError(f"{where}: {what} is not valid Unicode ({error.reason})") from error
    return value


def refuse_identical(chosen: str, rejected: str, keys: tuple[str, ...], where: str) -> None:
    """Refuse a pair in which nothing is preferred; the last two of `keys` name its sides."""
    if chosen == rejected:
        raise DataError(
            f"{where}: {keys[-2]!r} and {keys[-1]!r} are identical ({shortened(chosen)}); nothing is preferred"
        )


def shortened(value: str) -> str:
    """The beginning of a text, as a message quotes it."""
    return repr(value if len(value) <= 40 else value[:39] + "…")


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
