"""Preference pairs as conversations: lists of {"role", "content"}.

explicit   {"prompt": [messages], "chosen": [the assistant's message], "rejected": [the assistant's message]}
implicit   {"chosen": [messages], "rejected": [messages]}: whole conversations; the messages that both begin with are
           the prompt, and one message of the assistant follows in each. A "prompt" that is text and repeats the first
           message, as some collections have it, is read over.

A response is one message of the assistant: in a longer continuation the user's words would be trained as well.
Other keys of a message are ignored.
"""

from __future__ import annotations

from alignprops._errors import DataError
from alignprops.data.fields import Record, kind, refuse_identical, text
from alignprops.data.preferences import Conversation, Message, Statement
from alignprops.data.prefixes import common_length

ROLES = ("system", "developer", "user", "assistant", "tool")
SIDES = ("chosen", "rejected")

Messages = tuple[Message, ...]


def parse_conversation(record: Record, *, where: str, line: int) -> Statement:
    """The statement that a JSON object of conversations holds; its texts are a plain rendering."""
    missing = [key for key in SIDES if key not in record]
    if missing:
        raise DataError(f"{where}: missing {', '.join(map(repr, missing))}; expected lists of messages under {SIDES}")
    chosen, rejected = (_messages(record[key], key, where) for key in SIDES)
    if chosen == rejected:
        refuse_identical(_rendered(chosen), _rendered(rejected), SIDES, where)
    if _has_prompt(record, chosen, rejected, where):
        prompt = _messages(record["prompt"], "prompt", where)
        _require_question(prompt, where)
    else:
        prompt = chosen[: common_length(chosen, rejected)]
        if not prompt:
            raise DataError(
                f"{where}: 'chosen' and 'rejected' begin with different messages; expected a common prompt, or the "
                f"key 'prompt'"
            )
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
        for side, messages in zip(SIDES, (chosen, rejected), strict=True):
            if not messages:
                raise DataError(f"{where}: {side!r} ends with the common prompt; expected the assistant's response")
    conversation = Conversation(prompt, _response(chosen, "chosen", where), _response(rejected, "rejected", where))
    return Statement(_rendered(prompt), conversation.chosen.content, conversation.rejected.content, line, conversation)


def _has_prompt(record: Record, chosen: Messages, rejected: Messages, where: str) -> bool:
    """Whether the prompt is given as messages of its own."""
    prompt = record.get("prompt")
    if prompt is None or isinstance(prompt, list):
        return prompt is not None
    repeated = isinstance(prompt, str) and all(
        any(message.content == prompt for message in messages[:2]) for messages in (chosen, rejected)
    )
    if not repeated:
        raise DataError(
            f"{where}: 'prompt' is {kind(prompt)} and 'chosen' a list of messages; expected messages in both, or no "
            f"'prompt' where the conversations begin with it"
        )
    return False


def _messages(value: object, key: str, where: str) -> Messages:
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} must be a list of messages, found {kind(value)}")
    if not value:
        raise DataError(f"{where}: {key!r} is an empty list; expected messages of 'role' and 'content'")
    return tuple(_message(entry, f"message {number} of {key!r}", where) for number, entry in enumerate(value, start=1))


def _message(entry: object, what: str, where: str) -> Message:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: {what} must be an object of 'role' and 'content', found {kind(entry)}")
    for key in ("role", "content"):
        if key not in entry:
            raise DataError(f"{where}: {what} has no {key!r}; expected 'role' and 'content'")
    role = text(entry["role"], f"the role of {what}", where)
    if role not in ROLES:
        raise DataError(f"{where}: {what} has the role {role[:40]!r}; expected one of {', '.join(ROLES)}")
    return Message(role, text(entry["content"], f"the content of {what}", where))


def _require_question(prompt: Messages, where: str) -> None:
    if prompt[-1].role == "assistant":
        raise DataError(f"{where}: 'prompt' ends with a message of the assistant; expected one that asks for an answer")


def _response(messages: Messages, side: str, where: str) -> Message:
    if messages[0].role != "assistant":
        raise DataError(
            f"{where}: {side!r} answers the prompt with a message of the role {messages[0].role!r}; expected "
            f"'assistant'"
        )
    if len(messages) > 1:
        raise DataError(
            f"{where}: {side!r} goes on for {len(messages)} messages after the prompt; expected one, of the assistant "
            f"(earlier messages belong to the prompt)"
        )
    if not messages[0].content.strip():
        raise DataError(f"{where}: the response {side!r} is empty; a response has at least one token")
    return messages[0]


def _rendered(messages: Messages) -> str:
    return "".join(f"{message.role}: {message.content}\n" for message in messages)
