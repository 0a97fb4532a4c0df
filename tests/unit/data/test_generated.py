"""Generated statements: deterministic, balanced, and different by construction."""

from __future__ import annotations

import hashlib

import pytest

from alignprops._errors import DataError, UnknownNameError
from alignprops.data.generated import BEHAVIOURS, generate_preferences


def test_strengths_fall() -> None:
    """From every part telling to one part only."""
    strengths = [behaviour.strength for behaviour in BEHAVIOURS]

    assert strengths == sorted(strengths, reverse=True)
    assert (strengths[0], strengths[-1]) == (1.0, 0.0)


def test_classes_share_no_telling_words() -> None:
    """A telling part decides the label by itself, and in each statement one tells."""
    for behaviour in BEHAVIOURS:
        assert sum(not part.neutral for part in behaviour.parts) == 1
        for part in behaviour.parts:
            assert not set(part.favour) & set(part.against)
            assert not set(part.neutral) & {*part.favour, *part.against}


def test_text_depends_on_seed_and_behaviour_only() -> None:
    """The same call writes the same statements, whichever others are written beside them."""
    whole = generate_preferences(statements=20)

    assert whole == generate_preferences(statements=20)
    assert whole.behaviours[2] == generate_preferences(statements=20, behaviours=["plans-ahead"]).behaviours[0]
    assert whole != generate_preferences(statements=20, seed=1)


def test_text_is_pinned() -> None:
    """The tiny model is trained on these words: another text is another model, and needs a new version."""
    preferences = generate_preferences()
    text = "".join(s.prompt + s.chosen for behaviour in preferences for s in behaviour.statements)

    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "7f313994107e74d9"


@pytest.mark.parametrize("count", [2, 7, 50])
def test_classes_are_balanced_and_consistent(count: int) -> None:
    """One half for, one half against; no statement is answered both ways."""
    for behaviour in generate_preferences(statements=count):
        chosen = [statement.chosen for statement in behaviour.statements]
        assert chosen.count(" Yes") == (count + 1) // 2
        assert behaviour.contradictory == 0


def test_bad_requests_are_refused() -> None:
    """Too few statements, and a behaviour that does not exist."""
    with pytest.raises(DataError, match="1 statements a behaviour were asked for; at least 2"):
        generate_preferences(statements=1)
    with pytest.raises(UnknownNameError, match="did you mean 'plans-ahead'"):
        generate_preferences(behaviours=["plan-ahead"])
