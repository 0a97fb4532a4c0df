"""Conversations as the text that a tokenizer's chat template writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alignprops._errors import DataError, ModelError
from alignprops.data.preferences import Conversation, Message, PreferenceSet, Statement
from alignprops.data.prefixes import common_length
from alignprops.models.loading import LanguageModel
from alignprops.models.silence import silence


def as_text(model: LanguageModel, preferences: PreferenceSet) -> PreferenceSet:
    """The same preferences with every conversation written by the chat template; others are returned as they are.

    The prompt ends with what the template writes to ask for a response, and the response with what it writes after one
    (the end of the turn).

    Raises:
        ModelError: the tokenizer has no chat template, or the place of the response cannot be told.
        DataError: the template refuses a conversation.
    """
    if preferences.format != "conversations":
        return preferences
    if not getattr(model.tokenizer, "chat_template", None):
        raise ModelError(
            f"{model.name}: its tokenizer has no chat template, and {preferences.behaviours[0].source} holds "
            f"conversations; take a model with a chat template, or give prompt, chosen and rejected as plain text"
        )
    behaviours = tuple(
        replace(
            behaviour,
            statements=tuple(_written(model, s, behaviour.where(s)) for s in behaviour.statements),
        )
        for behaviour in preferences
    )
    return replace(preferences, behaviours=behaviours)


def _written(model: LanguageModel, statement: Statement, where: str) -> Statement:
    conversation = statement.conversation
    assert conversation is not None  # what the format says
    asked = _apply(model, conversation.prompt, where, ask=True)
    chosen, rejected = (
        _apply(model, (*conversation.prompt, message), where)
        for message in (conversation.chosen, conversation.rejected)
    )
    if not (chosen.startswith(asked) and rejected.startswith(asked)):
        asked = _common_beginning(model, conversation, (asked, chosen, rejected), where)
    texts = chosen[len(asked) :], rejected[len(asked) :]
    if not all(texts):
        raise DataError(f"{where}: the chat template writes nothing for a response; expected its text")
    if texts[0] == texts[1]:
        raise DataError(f"{where}: the chat template writes the same for 'chosen' and 'rejected'; nothing is preferred")
    return replace(statement, prompt=asked, chosen=texts[0], rejected=texts[1])


def _common_beginning(
    model: LanguageModel, conversation: Conversation, written: tuple[str, str, str], where: str
) -> str:
    """What asks for a response as far as it also stands before one: some templates ask with more (a thinking mark)."""
    told = _apply(model, conversation.prompt, where)
    if not all(text.startswith(told) for text in written):
        raise ModelError(
            f"{model.name}: its chat template writes the prompt of {where} differently when a response follows, so "
            f"that nobody can tell where the response begins; give prompt, chosen and rejected as plain text"
        )
    return written[0][: common_length(*written)]


def _apply(model: LanguageModel, messages: Sequence[Message], where: str, *, ask: bool = False) -> str:
    from jinja2 import TemplateError

    listed: Any = [{"role": message.role, "content": message.content} for message in messages]
    try:
        with silence():
            text = model.tokenizer.apply_chat_template(listed, tokenize=False, add_generation_prompt=ask)
    except (TemplateError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        roles = ", ".join(message.role for message in messages)
        raise DataError(
            f"{where}: the chat template refuses the conversation ({reason}); its roles: {roles}"
        ) from error
    return str(text)
