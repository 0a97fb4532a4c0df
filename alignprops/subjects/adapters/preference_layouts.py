"""The layouts in which tokenisation and collation return their rows, read by the names of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.atoms import is_tensor
from alignprops.conformance.preference_data import IGNORED, Pair, Row, joined, row_of

SIDES = ("chosen", "rejected")
_MASKS = ("attention_mask", "mask")
_LABELS = ("labels",)
_ANSWERS = ("completion_mask", "loss_mask", "response_mask")


def pairs_in(result: Any, count: int) -> list[Pair]:
    """The rows of a returned batch.

    Either one table of 2B rows, the chosen before the rejected (`input_ids`, `attention_mask`, and `labels` or
    `completion_mask`); or a table for each side with its labels (`chosen_input_ids`, `chosen_labels` …); or prompts
    and answers apart (`prompt_input_ids`, `chosen_input_ids` …), each with its mask.

    Raises:
        InputError: it has none of these layouts.
    """
    parts = _mapping(result)
    if "input_ids" in parts:
        table = _rows(parts["input_ids"])
        if len(table) != 2 * count:
            raise InputError(f"input_ids has {len(table)} rows; expected {2 * count}, all chosen before all rejected")
        rows = _whole(parts, "", len(table))
        return [Pair(rows[at], rows[count + at]) for at in range(count)]
    if _named(parts, "chosen_", _LABELS + _ANSWERS) is not None:
        chosen, rejected = (_whole(parts, f"{side}_", count) for side in SIDES)
    elif _named(parts, "prompt_", ("input_ids", "ids")) is not None:
        chosen, rejected = (_apart(parts, side, count) for side in SIDES)
    else:
        raise InputError(
            f"a mapping of {', '.join(parts)} came back; expected input_ids with labels or completion_mask, "
            "chosen_input_ids with chosen_labels, or prompt_input_ids with chosen_input_ids and rejected_input_ids"
        )
    return [Pair(*both) for both in zip(chosen, rejected, strict=True)]


def pair_in(result: Any) -> Pair:
    """The rows of one example: as a batch of one, its parts without the outer brackets."""
    return pairs_in({name: [part] for name, part in _mapping(result).items() if _is_list(part)}, 1)[0]


def _mapping(result: Any) -> dict[str, Any]:
    if not isinstance(result, Mapping):
        raise InputError(f"a {type(result).__name__} came back; expected a mapping of names to ids, masks and labels")
    return dict(result)


def _is_list(part: Any) -> bool:
    return is_tensor(part) or isinstance(part, list | tuple | np.ndarray)


def _named(parts: Mapping[str, Any], prefix: str, names: tuple[str, ...]) -> Any:
    return next((parts[prefix + name] for name in names if prefix + name in parts), None)


def _rows(part: Any) -> list[Any]:
    """Row by row as lists."""
    table = part.tolist() if is_tensor(part) or isinstance(part, np.ndarray) else part
    return [row.tolist() if is_tensor(row) else list(row) for row in table]


def _optional(part: Any, count: int) -> list[Any]:
    return [None] * count if part is None else _rows(part)


def _whole(parts: Mapping[str, Any], prefix: str, count: int) -> list[Row]:
    ids = _rows(_required(parts, prefix))
    masks = _optional(_named(parts, prefix, _MASKS), count)
    labels = _optional(_named(parts, prefix, _LABELS), count)
    answers = _optional(_named(parts, prefix, _ANSWERS), count)
    learnt = [_learnt(*row) for row in zip(ids, labels, answers, strict=True)]
    return [row_of(*row) for row in zip(ids, masks, learnt, strict=True)]


def _learnt(ids: list[int], labels: list[int] | None, answers: list[int] | None) -> Any:
    if labels is not None:
        return labels
    return None if answers is None else np.where(np.asarray(answers) != 0, ids, IGNORED)


def _apart(parts: Mapping[str, Any], side: str, count: int) -> list[Row]:
    prompts, answers = _rows(_required(parts, "prompt_")), _rows(_required(parts, f"{side}_"))
    masks = [_optional(_named(parts, prefix, _MASKS), count) for prefix in ("prompt_", f"{side}_")]
    return [joined(*row) for row in zip(prompts, answers, *masks, strict=True)]


def _required(parts: Mapping[str, Any], prefix: str) -> Any:
    found = _named(parts, prefix, ("input_ids", "ids"))
    if found is None:
        raise InputError(f"no {prefix}input_ids came back, only {', '.join(parts)}")
    return found
