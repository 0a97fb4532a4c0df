"""Pairs that are longer than the model reads: refused, or cut on request, never to nothing and never to equals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alignprops._errors import DataError, InputError

#: What may be cut: nothing, the oldest tokens of the prompt, the ends of the responses, or either.
Truncation = Literal["refuse", "prompt-start", "response-end", "both"]
TRUNCATIONS: tuple[Truncation, ...] = ("refuse", "prompt-start", "response-end", "both")


@dataclass(frozen=True, slots=True)
class Pair:
    """The token ids of one pair, in parts."""

    before: tuple[int, ...]
    """Special tokens of the beginning; never cut."""
    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]
    where: str

    @property
    def prompt_length(self) -> int:
        """Tokens before the responses."""
        return len(self.before) + len(self.prompt)

    @property
    def length(self) -> int:
        """Tokens of the longer of the two sequences."""
        return self.prompt_length + max(len(self.chosen), len(self.rejected))


def truncated(pairs: Sequence[Pair], limit: int | None, truncate: Truncation, *, limited_by: str) -> list[Pair]:
    """The pairs with at most `limit` tokens in each sequence; `limited_by` says in words whose limit it is.

    prompt-start   the prompt loses its oldest tokens, the same for both responses (they share one prompt)
    response-end   each response loses its last tokens, its end-of-sequence token first: it is not made to end there
    both           responses are cut only as far as a prompt needs room, which is at most half of the limit; then the
                   prompt is cut at its start

    Raises:
        DataError: a pair is too long (`refuse`), or would lose its prompt, a response, or its difference.
        InputError: there is no such way to truncate.
    """
    if truncate not in TRUNCATIONS:
        raise InputError(f"unknown truncation {truncate!r}; expected one of {', '.join(TRUNCATIONS)}")
    if limit is None:
        return list(pairs)
    long = [pair for pair in pairs if pair.length > limit]
    if truncate == "refuse" and long:
        _refuse_long(long, limit, limited_by)
    cut = [_cut(pair, limit, truncate) for pair in pairs]
    _refuse(
        [pair for pair, new in zip(pairs, cut, strict=True) if not (new.chosen and new.rejected)],
        f"would lose its whole response, for the prompt alone fills the {limit} tokens ({limited_by})",
    )
    _refuse(
        [pair for pair, new in zip(pairs, cut, strict=True) if new.length > limit or (pair.prompt and not new.prompt)],
        f"would lose its whole prompt, for a response alone fills the {limit} tokens ({limited_by})",
    )
    _refuse(
        [a for a, b in zip(pairs, cut, strict=True) if a.chosen != a.rejected and b.chosen == b.rejected],
        f"would be left with two equal responses within {limit} tokens ({limited_by})",
    )
    return cut


def _cut(pair: Pair, limit: int, truncate: Truncation) -> Pair:
    if pair.length <= limit:
        return pair
    if truncate != "prompt-start":
        kept = min(pair.prompt_length, limit // 2) if truncate == "both" else pair.prompt_length
        room = max(limit - kept, 0)
        pair = replace(pair, chosen=pair.chosen[:room], rejected=pair.rejected[:room])
    if truncate != "response-end":
        pair = replace(pair, prompt=pair.prompt[max(pair.length - limit, 0) :])
    return pair


def _refuse_long(long: list[Pair], limit: int, limited_by: str) -> None:
    hopeless = [pair for pair in long if pair.prompt_length >= limit]
    if hopeless:
        raise DataError(
            f"{hopeless[0].where}: the prompt has {hopeless[0].prompt_length} tokens, which leaves none of {limit} "
            f"({limited_by}) for the response{_others(hopeless)}; shorten or remove it, or cut prompts at their start "
            f"(--truncate prompt-start, or both)"
        )
    raise DataError(
        f"{long[0].where}: prompt and response have {long[0].length} tokens, more than {limit} "
        f"({limited_by}){_others(long)}; shorten or remove the pair, or cut it "
        f"(--truncate prompt-start, response-end or both)"
    )


def _refuse(pairs: list[Pair], what: str) -> None:
    if pairs:
        raise DataError(f"{pairs[0].where}: truncated, the pair {what}{_others(pairs)}; remove it or raise the limit")


def _others(pairs: list[Pair]) -> str:
    """The places of the other pairs that the same is true of."""
    if len(pairs) == 1:
        return ""
    file = pairs[0].where.rpartition(":")[0]
    own = [line for pair in pairs[1:6] if (line := pair.where.removeprefix(f"{file}:")) != pair.where]
    named = [pair.where for pair in pairs[1:6] if not pair.where.startswith(f"{file}:")]
    lines = [f"{'lines' if len(own) > 1 else 'line'} {', '.join(own)}"] if own else []  # of the same file only the line
    more = f" and {len(pairs) - 6} more" if len(pairs) > 6 else ""
    return f" (so also {', '.join([*lines, *named])}{more})"
