"""Prompts as token ids: special tokens once, and the policy said in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignprops._errors import ModelError
from alignprops.models.silence import silence


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What the tokenizer puts around a text; only what stands before it is kept."""

    before: tuple[int, ...]
    policy: str

    def begin(self, ids: Sequence[int]) -> list[int]:
        """The ids of a whole prompt; a text that begins with the special tokens does not get them twice."""
        if self.before and tuple(ids[: len(self.before)]) == self.before:
            return list(ids)
        return [*self.before, *ids]


def special_tokens(tokenizer: Any, probe: str, *, model_name: str) -> SpecialTokens:
    """Find the special tokens that a tokenizer adds to a text, on one that it is to read."""
    with silence():
        bare = encode(tokenizer, [probe])[0]
        full = list(tokenizer([probe], add_special_tokens=True)["input_ids"][0])
    starts = [i for i in range(len(full) - len(bare) + 1) if full[i : i + len(bare)] == bare]
    if not bare:
        raise ModelError(f"{model_name}: the tokenizer has no token for the text {probe[:40]!r}")
    if not starts:
        raise ModelError(f"{model_name}: the tokenizer writes a text differently when it adds special tokens")
    before, after = full[: starts[0]], full[starts[0] + len(bare) :]
    policy = f"before the prompt once: {_names(tokenizer, before)}" if before else "no special token before the prompt"
    if after:
        policy += f"; left off after it: {_names(tokenizer, after)}"
    return SpecialTokens(tuple(before), policy)


def encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids without special tokens, a list a text."""
    if not texts:
        return []
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
    return [list(ids) for ids in encoded["input_ids"]]


def token_text(tokenizer: Any, token: int) -> str:
    """A token as text, its leading space kept where the tokenizer marks it."""
    mark = str(tokenizer.convert_ids_to_tokens(token))
    text = str(tokenizer.decode([token]))
    # sentencepiece decoders strip the space that the token "▁Yes" stands for
    return " " + text if mark.startswith("▁") and not text.startswith(" ") else text


def _names(tokenizer: Any, ids: Sequence[int]) -> str:
    return " ".join(map(str, tokenizer.convert_ids_to_tokens(list(ids))))
