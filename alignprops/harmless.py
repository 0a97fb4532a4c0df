"""Text of others (data, models, exceptions of host code) that must not act on what shows it."""

from __future__ import annotations

import re

#: No page, no SVG and no terminal may get these: control characters but tab and line end, halves of surrogate pairs.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Signs of these kinds turn the direction of text; each piece of text keeps its own to itself.
DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: A terminal starts the line again at this one; a page takes it for a line end.
_RETURN = re.compile("\r")
#: What rich writes for colours; it does nothing but colour.
_COLOUR = re.compile("(\x1b\\[[0-9;]*m)")


def for_terminal(text: str, *, coloured: bool = False) -> str:
    r"""`text` with every sign that a terminal would obey or turn around spelled out, as in `\x1b[2J`.

    Args:
        text: what is to be shown.
        coloured: leave the codes of colours as they are.
    """
    parts = _COLOUR.split(text) if coloured else [text]
    return "".join(part if index % 2 else _spelled_out(part) for index, part in enumerate(parts))


def _spelled_out(text: str) -> str:
    for signs in (UNPRINTABLE, DIRECTION, _RETURN):
        text = signs.sub(_spelled, text)
    return text


def _spelled(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
