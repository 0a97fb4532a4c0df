"""A tiny deterministic tokenizer, for code that needs one: characters, two merges, special tokens in the text.

Everything that trips real tokenisation code is in it: a merge across the boundary of prompt and answer, a BOS that is
added to every part unless one asks for none, an end token that may serve as padding, and the id 0, which is a word.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

#: Token 0 is a letter like any other.
_CHARACTERS = string.ascii_lowercase + " " + string.ascii_uppercase + string.digits + string.punctuation + "\n"
#: Pairs of characters that become one token, wherever the text was cut.
MERGES = ("ab", "cd")
BOS_TEXT, EOS_TEXT, PAD_TEXT = "<s>", "</s>", "<pad>"
_TOKENS = [*_CHARACTERS, *MERGES, BOS_TEXT, EOS_TEXT, PAD_TEXT]
_IDS = {text: at for at, text in enumerate(_TOKENS)}
BOS, EOS, PAD = _IDS[BOS_TEXT], _IDS[EOS_TEXT], _IDS[PAD_TEXT]
_PIECES = re.compile("|".join(re.escape(text) for text in (BOS_TEXT, EOS_TEXT, PAD_TEXT, *MERGES)) + r"|[\s\S]")


class Encoding(dict[str, Any]):
    """What a call returns: a mapping whose keys are also attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class StubTokenizer:
    """The part of the usual tokenizer interface that preference code touches.

    Attributes:
        adds_bos: whether a call adds BOS in front of every text, unless `add_special_tokens=False`.
        pad_token_id, bos_token_id, eos_token_id: PAD may be EOS.
        padding_side: "right" or "left".
    """

    bos_token, eos_token = BOS_TEXT, EOS_TEXT
    bos_token_id, eos_token_id = BOS, EOS
    unk_token_id = None
    vocab_size = len(_TOKENS)
    is_fast = False
    model_max_length = 10**9

    def __init__(self, *, adds_bos: bool = True, pad_is_eos: bool = False, padding_side: str = "right") -> None:
        self.adds_bos = adds_bos
        self.add_bos_token = adds_bos
        self.pad_token, self.pad_token_id = (EOS_TEXT, EOS) if pad_is_eos else (PAD_TEXT, PAD)
        self.padding_side = padding_side
        self.all_special_ids = sorted({BOS, EOS, self.pad_token_id})

    def __repr__(self) -> str:
        return f"StubTokenizer(adds_bos={self.adds_bos}, pad_is_eos={self.pad_token_id == self.eos_token_id})"

    def __len__(self) -> int:
        return self.vocab_size

    def __call__(self, text: Any, *, add_special_tokens: bool = True, **asked: Any) -> Encoding:
        """Ids and attention mask of a text, or of several.

        Of the other keywords of the usual interface `truncation` with `max_length` is honoured; padding is not done.
        """
        if not isinstance(text, str):
            parts = [self(one, add_special_tokens=add_special_tokens, **asked) for one in text]
            return Encoding({name: [part[name] for part in parts] for name in ("input_ids", "attention_mask")})
        ids = self.encode(text, add_special_tokens=add_special_tokens)
        if asked.get("truncation") and asked.get("max_length") is not None:
            ids = ids[: asked["max_length"]]
        return Encoding(input_ids=ids, attention_mask=[1] * len(ids))

    def encode(self, text: str, *, add_special_tokens: bool = True, **_: Any) -> list[int]:
        """Ids; characters that are not known are left out."""
        ids = [_IDS[piece] for piece in _PIECES.findall(text) if piece in _IDS]
        return [BOS, *ids] if add_special_tokens and self.adds_bos else ids

    def decode(self, ids: Any, *, skip_special_tokens: bool = False, **_: Any) -> str:
        """The text of ids."""
        plain = [int(i) for i in ids]
        return "".join(_TOKENS[i] for i in plain if not (skip_special_tokens and i in (BOS, EOS, PAD)))

    def convert_tokens_to_ids(self, token: str) -> int:
        """The id of one token."""
        return _IDS[token]

    def apply_chat_template(
        self,
        messages: Sequence[dict[str, str]],
        *,
        tokenize: bool = False,
        add_generation_prompt: bool = False,
        **_: Any,
    ) -> Any:
        """`U:…` and `A:…` turn by turn; a turn of the assistant ends with EOS."""
        turns = [
            f"A:{turn['content']}{EOS_TEXT}" if turn["role"] == "assistant" else f"U:{turn['content']}"
            for turn in messages
        ]
        text = "".join(turns) + ("A:" if add_generation_prompt else "")
        return self.encode(text, add_special_tokens=False) if tokenize else text
