"""Symbols, sources and conditions that the theorems on preference data share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Eq

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative

KIND = "preference-data"
SOURCE = Ref("rafailov2023direct", where="Eq. 7: log-probabilities of answers y given one prompt x")
PAIRING = Ref("ethayarajh2024kto", where="Section 4.1: the reference point is estimated on mismatched answers")
ROUNDING = Rounding(1, "counts are integers")
NO_PROOF = "what is counted is the output of code, and code is not symbolic"

#: 1 where the code did not refuse the example; 1 where it is not longer than the limit either.
kept = nonnegative("kept", r"\mathrm{kept}")
uncut = nonnegative("uncut", r"\mathrm{uncut}")
differing = nonnegative("differing", r"\#\mathrm{differing}")
prompt_learnt = nonnegative("prompt_learnt", r"\#\mathrm{prompt\ learnt}")
answer_lost = nonnegative("answer_lost", r"\#\mathrm{answer\ lost}")
learnt = nonnegative("learnt", r"\#\mathrm{learnt}")
wrong_labels = nonnegative("wrong_labels", r"\#\mathrm{labels}")
wrong_mask = nonnegative("wrong_mask", r"\#\mathrm{mask}")
wrong_content = nonnegative("wrong_content", r"\#\mathrm{content}")
stray_starts = nonnegative("stray_starts", r"\#\mathrm{BOS}")
wrong_ends = nonnegative("wrong_ends", r"\#\mathrm{EOS}")
beyond = nonnegative("beyond", r"\#\mathrm{beyond}")
shortest = nonnegative("shortest", r"\min|y|")
identical = nonnegative("identical", r"\#\mathrm{identical}")
wrong_padding = nonnegative("wrong_padding", r"\#\mathrm{padding}")
unlike_alone = nonnegative("unlike_alone", r"\#\mathrm{unlike\ alone}")
own = nonnegative("own", r"\#\mathrm{own}")
unused = nonnegative("unused", r"\#\mathrm{unused}")
moved = nonnegative("moved", r"\#\mathrm{moved}")
foreign = nonnegative("foreign", r"\#\mathrm{foreign}")
paired = nonnegative("paired", r"\#\mathrm{paired}")
live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")
modified = nonnegative("modified", r"\#\mathrm{modified}")
unrepeated = nonnegative("unrepeated", r"\#\mathrm{unrepeated}")

KEPT = {"the example is not refused": Eq(kept, 1)}
UNCUT = {"the example is not refused or cut": Eq(uncut, 1)}


def of(*tasks: str, needs: str | None = None) -> Callable[[Any], str | None]:
    """For theorems about some of the formats, or about code that is given something."""

    def about(subject: Any) -> str | None:
        if subject.task not in tasks:
            return f"it is code of the format {subject.task}"
        return None if needs is None or needs in subject.takes else f"it is given no {needs}"

    return about


def knows_padding(subject: Any) -> str | None:
    """For theorems about the id of padding."""
    told = {"pad_token_id", "tokenizer"} & subject.takes
    return of("collate")(subject) or (None if told else "it is not told which id is padding")
