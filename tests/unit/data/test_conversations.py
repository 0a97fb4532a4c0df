"""Conversations and transcripts: what becomes the prompt, what the responses, and what is refused with which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alignprops._errors import DataError
from alignprops.data import PreferenceSet, load_preferences
from alignprops.data.preferences import Conversation, Message

ASKED = {"role": "user", "content": "Is it late?"}
SYSTEM = {"role": "system", "content": "Be brief."}
YES = {"role": "assistant", "content": "Yes, it is."}
NO = {"role": "assistant", "content": "Not yet."}

EXPLICIT = {"prompt": [SYSTEM, ASKED], "chosen": [YES], "rejected": [NO]}
IMPLICIT = {"chosen": [ASKED, YES], "rejected": [ASKED, NO]}
TURN = "\n\nHuman: Is it late?\n\nAssistant:"
TRANSCRIPTS = {"chosen": f"{TURN} Yes.", "rejected": f"{TURN} No."}


def read(folder: Path, *records: Any) -> PreferenceSet:
    """A file of these records, one a line."""
    path = folder / "talk.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return load_preferences(path)


def conversations(preferences: PreferenceSet) -> list[Conversation | None]:
    """What was read, as conversations."""
    return [statement.conversation for statement in preferences.behaviours[0].statements]


def test_a_prompt_of_messages_is_kept_apart(tmp_path: Path) -> None:
    """Explicit prompt; other keys are ignored."""
    preferences = read(tmp_path, EXPLICIT | {"score": 3}, EXPLICIT)

    assert preferences.format == "conversations"
    assert not preferences.one_token
    assert conversations(preferences)[0] == Conversation(
        (Message("system", "Be brief."), Message("user", "Is it late?")),
        Message("assistant", "Yes, it is."),
        Message("assistant", "Not yet."),
    )


def test_the_common_beginning_is_the_prompt(tmp_path: Path) -> None:
    """Implicit prompt, of several turns; a text that repeats the question is read over."""
    longer = {"chosen": [ASKED, NO, ASKED, YES], "rejected": [ASKED, NO, ASKED, NO]}
    first, second = conversations(read(tmp_path, longer, IMPLICIT | {"prompt": "Is it late?"}))

    assert first is not None
    assert [message.content for message in first.prompt] == ["Is it late?", "Not yet.", "Is it late?"]
    assert second is not None
    assert second.prompt == (Message("user", "Is it late?"),)
    assert (second.chosen.content, second.rejected.content) == ("Yes, it is.", "Not yet.")


def test_messages_are_shown_as_plain_text(tmp_path: Path) -> None:
    """For captions; the model sees what its chat template writes."""
    statement = read(tmp_path, EXPLICIT, IMPLICIT).behaviours[0].statements[0]

    assert statement.prompt == "system: Be brief.\nuser: Is it late?\n"
    assert (statement.chosen, statement.rejected) == ("Yes, it is.", "Not yet.")


def test_a_transcript_is_cut_behind_the_last_common_turn_of_the_assistant(tmp_path: Path) -> None:
    """Also where the responses begin alike, and where the assistant has spoken before."""
    earlier = f"\n\nHuman: Hello.\n\nAssistant: Hello.{TURN}"
    preferences = read(tmp_path, {"chosen": earlier + " Not so late.", "rejected": earlier + " Not yet."}, TRANSCRIPTS)

    assert preferences.format == "transcripts"
    statements = preferences.behaviours[0].statements
    assert (statements[0].prompt, statements[0].chosen, statements[0].rejected) == (
        earlier,
        " Not so late.",
        " Not yet.",
    )
    assert statements[1].prompt == TURN


CONVERSATIONS = [
    (EXPLICIT | {"rejected": [YES]}, "'chosen' and 'rejected' are identical"),
    ({"chosen": [ASKED, YES]}, "missing 'rejected'; expected lists of messages"),
    (EXPLICIT | {"rejected": "Not yet."}, "'rejected' must be a list of messages, found text"),
    (EXPLICIT | {"prompt": []}, "'prompt' is an empty list; expected messages of 'role' and 'content'"),
    (EXPLICIT | {"chosen": []}, "'chosen' is an empty list"),
    (EXPLICIT | {"chosen": ["Yes"]}, "message 1 of 'chosen' must be an object of 'role' and 'content', found text"),
    (EXPLICIT | {"chosen": [{"content": "Yes"}]}, "message 1 of 'chosen' has no 'role'"),
    (EXPLICIT | {"chosen": [{"role": "assistant"}]}, "message 1 of 'chosen' has no 'content'"),
    (EXPLICIT | {"chosen": [YES | {"role": 3}]}, "the role of message 1 of 'chosen' must be text, found a number"),
    (
        EXPLICIT | {"chosen": [YES | {"role": "bot"}]},
        "message 1 of 'chosen' has the role 'bot'; expected one of system, developer, user, assistant, tool",
    ),
    (EXPLICIT | {"chosen": [YES | {"content": None}]}, "the content of message 1 of 'chosen' must be text, found null"),
    (EXPLICIT | {"chosen": [YES | {"content": ["a"]}]}, "content of message 1 of 'chosen' must be text, found a list"),
    (EXPLICIT | {"chosen": [YES | {"content": "\ud800"}]}, "message 1 of 'chosen' is not valid Unicode"),
    (EXPLICIT | {"chosen": [YES | {"content": " \n"}]}, "the response 'chosen' is empty"),
    (EXPLICIT | {"chosen": [ASKED]}, "'chosen' answers the prompt with a message of the role 'user'; expected 'assist"),
    (EXPLICIT | {"chosen": [YES, ASKED]}, "'chosen' goes on for 2 messages after the prompt; expected one"),
    (EXPLICIT | {"prompt": [ASKED, NO]}, "'prompt' ends with a message of the assistant"),
    (EXPLICIT | {"prompt": "Another question"}, "'prompt' is text and 'chosen' a list of messages; expected messages"),
    (EXPLICIT | {"prompt": 3}, "'prompt' is a number and 'chosen' a list of messages"),
    ({"chosen": [YES], "rejected": [NO]}, "'chosen' and 'rejected' begin with different messages; expected a common"),
    ({"chosen": [ASKED, YES], "rejected": [ASKED]}, "'rejected' ends with the common prompt; expected the assistant's"),
    (
        {"chosen": [SYSTEM, ASKED, YES], "rejected": [SYSTEM, ASKED | {"content": "When?"}, NO]},
        "'chosen' answers the prompt with a message of the role 'user'",
    ),
]


@pytest.mark.parametrize(("record", "message"), CONVERSATIONS, ids=[message[:40] for _, message in CONVERSATIONS])
def test_a_conversation_that_does_not_fit_is_refused(tmp_path: Path, record: object, message: str) -> None:
    """By file and line."""
    with pytest.raises(DataError, match=f"talk.jsonl:2: .*{message}"):
        read(tmp_path, IMPLICIT, record)


TURNS = [
    (TRANSCRIPTS | {"rejected": TRANSCRIPTS["chosen"]}, "'chosen' and 'rejected' are identical"),
    (TRANSCRIPTS | {"rejected": "\n\nHuman: Is it late?"}, r"'rejected' has no '\\n\\nAssistant:'"),
    (TRANSCRIPTS | {"rejected": 3}, "'rejected' must be text, found a number"),
    ({"chosen": TRANSCRIPTS["chosen"]}, "missing 'rejected'"),
    (
        TRANSCRIPTS | {"rejected": "\n\nHuman: Another.\n\nAssistant: No."},
        r"'chosen' and 'rejected' differ before their first '\\n\\nAssistant:'; expected a common prompt",
    ),
    (TRANSCRIPTS | {"rejected": f"{TURN} "}, "the response of 'rejected' is empty"),
    (
        TRANSCRIPTS | {"chosen": f"{TURN} Yes.\n\nHuman: Thanks.\n\nAssistant: Bye."},
        r"'chosen' goes on with '\\n\\nHuman:' after the common prompt; expected one response",
    ),
]


@pytest.mark.parametrize(("record", "message"), TURNS, ids=[message[:40] for _, message in TURNS])
def test_a_transcript_that_does_not_fit_is_refused(tmp_path: Path, record: object, message: str) -> None:
    """By file and line."""
    with pytest.raises(DataError, match=f"talk.jsonl:2: {message}"):
        read(tmp_path, TRANSCRIPTS, record)


def test_the_helpful_and_harmless_data_loads_whole() -> None:
    """The published form, where a checkout has it beside it."""
    path = Path(__file__).resolve().parents[4] / "shared/data/hh_rlhf/harmless_base_test_subset.jsonl"
    if not path.is_file():
        pytest.skip("the helpful-and-harmless transcripts are not beside this checkout")

    preferences = load_preferences(path)

    assert (preferences.format, len(preferences)) == ("transcripts", 200)
    assert all(s.prompt.endswith("\n\nAssistant:") for s in preferences.behaviours[0].statements)
