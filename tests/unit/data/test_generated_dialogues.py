"""Generated transcripts: deterministic, all different, of several tokens, with the advice in both responses."""

from __future__ import annotations

import pytest

from alignprops._errors import DataError, UnknownNameError
from alignprops.data import generate_dialogues
from alignprops.data.generated_dialogues import DIALOGUES, TASKS
from alignprops.data.transcripts import parse_transcripts


def test_the_same_seed_writes_the_same_dialogues() -> None:
    """And another one others; a behaviour does not depend on which are beside it."""
    alone = generate_dialogues(pairs=20, seed=3, behaviours=["admits-doubt"]).behaviours[0]

    assert generate_dialogues(pairs=20, seed=3).behaviours[1] == alone
    assert generate_dialogues(pairs=20, seed=4).behaviours[1] != alone


@pytest.mark.parametrize("behaviour", generate_dialogues(pairs=250).behaviours, ids=lambda behaviour: behaviour.name)
def test_hundreds_of_pairs_differ(behaviour: object) -> None:
    """No pair is written twice, and no pair is its own opposite."""
    assert (behaviour.duplicates, behaviour.contradictory) == (0, 0)  # type: ignore[attr-defined]


def test_what_is_written_reads_back_as_transcripts() -> None:
    """Prompt and responses are those that the reader of transcripts finds, so the files could have been given."""
    preferences = generate_dialogues(pairs=40)
    statements = [statement for behaviour in preferences for statement in behaviour.statements]

    assert preferences.format == "transcripts"
    for statement in statements:
        record = {"chosen": statement.prompt + statement.chosen, "rejected": statement.prompt + statement.rejected}
        assert parse_transcripts(record, where="here", line=statement.line) == statement


def test_both_responses_give_the_same_advice() -> None:
    """What is preferred is the manner alone."""
    ways = [advice for _, *advices in TASKS for advice in advices]

    for behaviour in generate_dialogues(pairs=30):
        for statement in behaviour.statements:
            given = [{way for way in ways if way in side.lower()} for side in (statement.chosen, statement.rejected)]
            assert given[0] == given[1]
            assert given[0]


def test_what_cannot_be_written_is_refused() -> None:
    """Too few, more than there are, and an unknown behaviour."""
    with pytest.raises(DataError, match="1 pairs a behaviour were asked for; at least 2"):
        generate_dialogues(pairs=1)
    with pytest.raises(DataError, match=r"9999 pairs of 'answers-kindly' were asked for; there are \d+ different ones"):
        generate_dialogues(pairs=9999)
    with pytest.raises(UnknownNameError, match="did you mean 'admits-doubt'"):
        generate_dialogues(behaviours=["admits-doubts"])
    assert len({dialogue.name for dialogue in DIALOGUES}) == 3
