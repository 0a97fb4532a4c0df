"""Preference pairs as token ids: what training, evaluation and the reference log-probabilities read.

Conventions.
  Prompt      tokenised on its own, as it is when the model is asked; the special tokens that the tokenizer puts at the
              beginning of a text stand before it once, also where the text (a chat template's) brings them itself.
  Response    the ids that follow the prompt's when prompt and response are tokenised together. Where the tokenizer
              merges over the boundary, so that the prompt's ids are no longer a prefix, both responses of that pair are
              tokenised on their own instead, as the original DPO code does with all
              (Rafailov et al. 2023, "Direct Preference Optimization").
  End         an end-of-sequence token after every whole response that does not bring it, since a policy must learn
              where to stop; not after the responses of conversations, whose end the chat template writes, and not
              after one-token answers.
The prompt is not scored, every token of the response is, the first and the last included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import DataError, InputError, ModelError
from alignprops.data.preferences import Behaviour, PreferenceSet, Statement
from alignprops.training.splits import held_out
from alignprops.training.truncation import Pair, Truncation, truncated

if TYPE_CHECKING:
    from alignprops.models.loading import LanguageModel
    from alignprops.models.tokens import SpecialTokens

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenPairs:
    """Tokenised preference pairs, ragged.

    Attributes:
        chosen: prompt and chosen response of every pair, (T,) int64 each.
        rejected: prompt and rejected response of every pair.
        prompt_lengths: (n,) int64, tokens at the beginning that are the prompt, common to both and not scored.
        behaviours: (n,) int64, positions in `names`.
        names: of the behaviours.
        signs: (n,) int64, +1 where y+ is preferred and −1 where y- is (one-token answers), 0 for whole responses.
        where: `file:line` of every pair, for messages.
        texts: the prompts as text, for captions. Untrusted.
    """

    chosen: tuple[Ids, ...]
    rejected: tuple[Ids, ...]
    prompt_lengths: Ids
    behaviours: Ids
    names: tuple[str, ...]
    signs: Ids
    where: tuple[str, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.chosen)

    def one_token(self) -> bool:
        """Whether every response is a single token, so that one forward pass over the prompt serves both."""
        return all(
            len(sequence) == length + 1
            for side in (self.chosen, self.rejected)
            for sequence, length in zip(side, self.prompt_lengths, strict=True)
        )

    def flipped(self) -> TokenPairs:
        """The same pairs with the opposite preference: every label flipped."""
        return TokenPairs(
            self.rejected,
            self.chosen,
            self.prompt_lengths,
            self.behaviours,
            self.names,
            -self.signs,
            self.where,
            self.texts,
        )

    def select(self, rows: Sequence[int] | NDArray[Any]) -> TokenPairs:
        """The pairs at these positions, in this order; the names stay."""
        picked = np.asarray(rows, dtype=np.int64)
        return TokenPairs(
            tuple(self.chosen[i] for i in picked),
            tuple(self.rejected[i] for i in picked),
            self.prompt_lengths[picked],
            self.behaviours[picked],
            self.names,
            self.signs[picked],
            tuple(self.where[i] for i in picked),
            tuple(self.texts[i] for i in picked),
        )

    def split(self, evaluation: float, seed: int) -> tuple[TokenPairs, TokenPairs]:
        """Training and evaluation pairs; of every class of every behaviour about the same share.

        Pairs of a behaviour with equal prompts stay together, whatever their labels: nothing that is evaluated has been
        trained on. Where all prompts differ, the share is met to the nearest pair. What goes where depends on the seed,
        the behaviour's name and the pair's place among those of its class only: not on which behaviours are beside it,
        and not on flipped labels. A class of two or more prompts is on both sides.

        Raises:
            DataError: the share is not between 0 and 1, or nothing would be left for one side.
        """
        if not 0 < evaluation < 1:
            raise DataError(f"the evaluation share is {evaluation:g}; expected a number between 0 and 1")
        prompts = [ids[:length].tobytes() for ids, length in zip(self.chosen, self.prompt_lengths, strict=True)]
        out = held_out(prompts, self.behaviours, self.names, self.signs, share=evaluation, seed=seed)
        if not out.any():
            raise DataError(
                f"{len(self)} pairs cannot be split; at least 2 of one class and behaviour, with different prompts, "
                f"are needed"
            )
        return self.select(np.flatnonzero(~out)), self.select(np.flatnonzero(out))


def tokenize_pairs(
    model: LanguageModel,
    preferences: PreferenceSet,
    *,
    max_length: int | None = None,
    truncate: Truncation = "refuse",
) -> TokenPairs:
    """Tokenise a preference set for a model, by the conventions at the top of this module.

    Args:
        model: its tokenizer, vocabulary and context.
        preferences: of any format.
        max_length: tokens of prompt and response together; the context of the model, if that is less. The last token is
            predicted and not read, so that a context of C tokens serves sequences of C + 1.
        truncate: what to do with longer pairs; see `truncated`.

    Raises:
        DataError: pairs that are too long, that truncation would empty or equalise, or whose responses have the same
            tokens; a prompt without tokens. The message names the places.
        ModelError: no chat template for conversations; a tokenizer that does not fit the model or the answers.
        InputError: a maximum length of less than 2, or an unknown truncation.
    """
    if max_length is not None and max_length < 2:
        raise InputError(f"the maximum length is {max_length}; expected at least 2 tokens, one of each part")
    pairs, signs = _one_token(model, preferences) if preferences.one_token else _responses(model, preferences)
    limit, limited_by = _limit(model, max_length)
    pairs = truncated(pairs, limit, truncate, limited_by=limited_by)
    for pair in pairs:
        _require_usable(pair)
    _require_known_tokens(model, pairs)
    sizes = [len(behaviour) for behaviour in preferences]
    return TokenPairs(
        chosen=tuple(_ids(pair, pair.chosen) for pair in pairs),
        rejected=tuple(_ids(pair, pair.rejected) for pair in pairs),
        prompt_lengths=np.array([pair.prompt_length for pair in pairs], dtype=np.int64),
        behaviours=np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
        names=preferences.names,
        signs=signs,
        where=tuple(pair.where for pair in pairs),
        texts=tuple(statement.prompt for behaviour in preferences for statement in behaviour.statements),
    )


def _ids(pair: Pair, response: tuple[int, ...]) -> Ids:
    return np.array([*pair.before, *pair.prompt, *response], dtype=np.int64)


def _limit(model: LanguageModel, max_length: int | None) -> tuple[int | None, str]:
    """The largest number of tokens of a sequence, and whose limit it is, in words."""
    readable = None if model.context is None else model.context + 1
    if max_length is not None and (readable is None or max_length <= readable):
        return max_length, "the maximum length"
    return readable, f"{model.name} reads {model.context} and predicts one more"


def _one_token(model: LanguageModel, preferences: PreferenceSet) -> tuple[list[Pair], Ids]:
    """Prompts with the answers y+ and y-, resolved as `measure` resolves them; their length is judged later."""
    from alignprops.models.answers import resolve_answers

    answers = resolve_answers(replace(model, context=None), preferences)
    pairs = []
    for behaviour, prompts, signs in zip(preferences, answers.prompts, answers.signs, strict=True):
        for statement, prompt, sign in zip(behaviour.statements, prompts, signs, strict=True):
            begun = answers.before if tuple(prompt[: len(answers.before)]) == answers.before else ()
            y = (answers.positive,), (answers.negative,)
            chosen, rejected = y if sign > 0 else y[::-1]
            pairs.append(Pair(begun, tuple(prompt[len(begun) :]), chosen, rejected, behaviour.where(statement)))
    return pairs, np.concatenate(answers.signs)


def _responses(model: LanguageModel, preferences: PreferenceSet) -> tuple[list[Pair], Ids]:
    """Whole responses of every length."""
    from alignprops.models.chat import as_text
    from alignprops.models.silence import silence
    from alignprops.models.tokens import special_tokens

    written = as_text(model, preferences)
    probe = next((s.prompt for behaviour in written for s in behaviour.statements if s.prompt), "a")
    special = special_tokens(model.tokenizer, probe, model_name=model.name)
    end = None if written.format == "conversations" else model.tokenizer.eos_token_id
    with silence():  # tokenizers warn about lengths that are judged later
        pairs = [pair for behaviour in written for pair in _tokenized(model.tokenizer, behaviour, special, end)]
    return pairs, np.zeros(len(pairs), dtype=np.int64)


def _tokenized(tokenizer: Any, behaviour: Behaviour, special: SpecialTokens, end: int | None) -> list[Pair]:
    from alignprops.models.tokens import encode

    statements = behaviour.statements
    prompts = encode(tokenizer, [s.prompt for s in statements])
    responses = [
        _rests(tokenizer, prompts, statements, [getattr(s, side) for s in statements])
        for side in ("chosen", "rejected")
    ]
    pairs = []
    for statement, prompt, *rests in zip(statements, prompts, *responses, strict=True):
        merged = any(rest is None for rest in rests)
        alone = encode(tokenizer, [statement.chosen, statement.rejected]) if merged else rests
        begun = special.begin(prompt)
        before = tuple(begun[: len(special.before)])
        chosen, rejected = (_ended(rest or [], end) for rest in alone)
        pairs.append(Pair(before, tuple(begun[len(before) :]), chosen, rejected, behaviour.where(statement)))
    return pairs


def _rests(
    tokenizer: Any, prompts: list[list[int]], statements: Sequence[Statement], responses: list[str]
) -> list[list[int] | None]:
    """What follows the prompt's ids when both are tokenised together; None where they do not stand at the beginning."""
    from alignprops.models.tokens import encode

    together = encode(tokenizer, [s.prompt + response for s, response in zip(statements, responses, strict=True)])
    return [
        ids[len(prompt) :] if ids[: len(prompt)] == prompt else None
        for prompt, ids in zip(prompts, together, strict=True)
    ]


def _ended(response: list[int], end: int | None) -> tuple[int, ...]:
    if end is None or response[-1:] == [end]:
        return tuple(response)
    return (*response, end)


def _require_usable(pair: Pair) -> None:
    if not pair.prompt_length:
        raise DataError(f"{pair.where}: the prompt has no tokens; the model needs at least one to answer")
    if not (pair.chosen and pair.rejected):
        raise DataError(f"{pair.where}: a response has no tokens; expected at least one")
    if pair.chosen == pair.rejected:
        raise DataError(
            f"{pair.where}: 'chosen' and 'rejected' have the same {len(pair.chosen)} tokens for this tokenizer; "
            f"nothing is preferred"
        )


def _require_known_tokens(model: LanguageModel, pairs: Sequence[Pair]) -> None:
    from alignprops.models.head import output_embedding

    known = min(len(model.network.get_input_embeddings().weight), len(output_embedding(model).weight))
    largest = max((max(*pair.before, *pair.prompt, *pair.chosen, *pair.rejected) for pair in pairs), default=0)
    if largest >= known:
        raise ModelError(f"{model.name}: the tokenizer knows token {largest}, the model only {known}; they do not fit")
