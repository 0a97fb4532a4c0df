"""The two answer tokens, resolved in the context of every prompt.

A prompt and the prompt followed by a response are tokenised; the first must be a prefix of the second,
so that the token after it is what the model is asked to predict. For one-token answers nothing may follow.
One pair {y+, y-} serves the whole set, because one difference of unembedding rows carries the run (LD-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alignprops._errors import DataError, InputError, ModelError
from alignprops.data.preferences import POSITIVE_ANSWER, Behaviour, PreferenceSet, Statement
from alignprops.models.chat import as_text
from alignprops.models.head import output_embedding
from alignprops.models.loading import LanguageModel
from alignprops.models.silence import silence
from alignprops.models.tokens import SpecialTokens, encode, special_tokens, token_text


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answer tokens and the tokenised prompts of a preference set."""

    positive: int
    negative: int
    positive_text: str
    negative_text: str
    policy: str
    """What was done with special tokens."""
    before: tuple[int, ...]
    """The special tokens that every prompt begins with."""
    prompts: tuple[tuple[list[int], ...], ...]
    """Token ids of each prompt, by behaviour; special tokens included."""
    signs: tuple[np.ndarray[Any, np.dtype[np.int64]], ...]
    """(n,) int64 by behaviour: +1 where the preferred response begins with y+, else -1."""


def resolve_answers(model: LanguageModel, preferences: PreferenceSet) -> Answers:
    """Tokenise a preference set and find its answer tokens.

    Raises:
        ModelError: the tokenizer or the model does not fit one-token answers.
        DataError: responses that begin alike, more than two first tokens, or a prompt that is too long.
    """
    preferences = as_text(model, preferences)
    probe = next((s.prompt for b in preferences for s in b.statements if s.prompt), "a")
    special = special_tokens(model.tokenizer, probe, model_name=model.name)
    one_token = preferences.one_token
    inputs = len(model.network.get_input_embeddings().weight)
    outputs = len(output_embedding(model).weight)
    with silence():  # tokenizers warn about lengths that are checked here
        read = [_Reader(model, special, behaviour, one_token, inputs, outputs).read() for behaviour in preferences]
    found = sorted({pair for _, pairs in read for pair in pairs})
    tokens = sorted({token for pair in found for token in pair})
    if len(tokens) > 2:
        _refuse_many(model, preferences, read)
    positive, negative = _ordered(model, tokens, one_token, preferences)
    signs = [np.array([1 if chosen == positive else -1 for chosen, _ in pairs], dtype=np.int64) for _, pairs in read]
    for behaviour, values in zip(preferences, signs, strict=True):
        if abs(values.sum()) == len(values):
            raise DataError(
                f"{behaviour.source}: every preferred response of {behaviour.name!r} begins with the same "
                f"token, both classes are needed"
            )
    return Answers(
        positive=positive,
        negative=negative,
        positive_text=token_text(model.tokenizer, positive),
        negative_text=token_text(model.tokenizer, negative),
        policy=special.policy,
        before=special.before,
        prompts=tuple(tuple(prompts) for prompts, _ in read),
        signs=tuple(signs),
    )


def _ordered(model: LanguageModel, tokens: list[int], one_token: bool, preferences: PreferenceSet) -> tuple[int, int]:
    """y+ and y-: the token whose text sorts last is y+, so that " Yes" comes before " No"."""
    negative, positive = sorted(tokens, key=lambda token: (token_text(model.tokenizer, token), token))
    if one_token:
        first = preferences.behaviours[0].statements[0]
        ids = encode(model.tokenizer, [first.prompt + POSITIVE_ANSWER])[0]
        positive = ids[-1]
        negative = next(token for token in tokens if token != positive)
    return positive, negative


def _refuse_many(
    model: LanguageModel,
    preferences: PreferenceSet,
    read: list[tuple[list[list[int]], list[tuple[int, int]]]],
) -> None:
    first: set[int] = set()
    for behaviour, (_, pairs) in zip(preferences, read, strict=True):
        for statement, pair in zip(behaviour.statements, pairs, strict=True):
            if first and not first.issuperset(pair):
                known, other = (
                    " and ".join(repr(token_text(model.tokenizer, token)) for token in sorted(group))
                    for group in (first, set(pair))
                )
                message = f"the responses begin with {other}, those before with {known}; one pair is needed"
                if not preferences.one_token:
                    raise DataError(f"{behaviour.where(statement)}: {message}")
                raise ModelError(f"{model.name}: after the prompt of {behaviour.where(statement)} {message}")
            first.update(pair)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one behaviour."""

    model: LanguageModel
    special: SpecialTokens
    behaviour: Behaviour
    one_token: bool
    inputs: int
    """How many tokens the model reads."""
    outputs: int
    """How many tokens it predicts."""

    def read(self) -> tuple[list[list[int]], list[tuple[int, int]]]:
        """Prompt ids and (chosen, rejected) first tokens of every statement."""
        statements = self.behaviour.statements
        tokenizer = self.model.tokenizer
        bare = encode(tokenizer, [s.prompt for s in statements])
        chosen = encode(tokenizer, [s.prompt + s.chosen for s in statements])
        rejected = encode(tokenizer, [s.prompt + s.rejected for s in statements])
        pairs = [self._pair(*row) for row in zip(statements, bare, chosen, rejected, strict=True)]
        prompts = [self.special.begin(ids) for ids in bare]
        for statement, ids in zip(statements, prompts, strict=True):
            self._check_prompt(statement, ids)
        return prompts, pairs

    def _pair(self, statement: Statement, prompt: list[int], chosen: list[int], rejected: list[int]) -> tuple[int, int]:
        first = self._next_token(statement, prompt, chosen, statement.chosen)
        second = self._next_token(statement, prompt, rejected, statement.rejected)
        if first == second:
            shared = repr(token_text(self.model.tokenizer, first))
            raise self._refusal(
                statement,
                f"both responses begin with the token {shared}; the preference must show in the first token",
            )
        return first, second

    def _next_token(self, statement: Statement, prompt: list[int], ids: list[int], response: str) -> int:
        rest = ids[len(prompt) :]
        if ids[: len(prompt)] != prompt or not rest:
            raise self._refusal(
                statement,
                f"the prompt is tokenised differently when {_shortened(response)} follows; "
                f"it must end at a token boundary",
            )
        if self.one_token and len(rest) > 1:
            pieces = ", ".join(repr(token_text(self.model.tokenizer, token)) for token in rest[:4])
            raise self._refusal(statement, f"the answer {response!r} is {len(rest)} tokens ({pieces}), expected one")
        if rest[0] == self.model.tokenizer.unk_token_id:
            raise self._refusal(statement, f"the tokenizer has no token for the beginning of {_shortened(response)}")
        if rest[0] >= self.outputs:
            raise ModelError(
                f"{self.model.name}: the tokenizer knows token {rest[0]}, "
                f"the model only {self.outputs}; they do not fit"
            )
        return rest[0]

    def _check_prompt(self, statement: Statement, ids: list[int]) -> None:
        where = self.behaviour.where(statement)
        if not ids:
            raise DataError(f"{where}: the prompt has no tokens; the model needs at least one to answer")
        if self.model.context is not None and len(ids) > self.model.context:
            raise DataError(
                f"{where}: the prompt of {self.behaviour.name!r} has {len(ids)} tokens, "
                f"{self.model.name} reads at most {self.model.context}; shorten or remove it"
            )
        if max(ids) >= self.inputs:
            raise ModelError(
                f"{self.model.name}: the tokenizer knows token {max(ids)}, "
                f"the model only {self.inputs}; they do not fit"
            )

    def _refusal(self, statement: Statement, message: str) -> InputError:
        """A response that does not fit: the data's fault if it chose its own words, else the tokenizer's."""
        where = self.behaviour.where(statement)
        if self.one_token:
            return ModelError(f"{self.model.name}: after the prompt of {where} {message}")
        return DataError(f"{where}: {message}")


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
