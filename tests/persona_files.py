"""Preference sets as persona files, as a user has them."""

from __future__ import annotations

import json
from pathlib import Path

from alignprops.data import PreferenceSet


def write_persona(folder: Path, preferences: PreferenceSet) -> Path:
    """Write one JSONL file a behaviour and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for behaviour in preferences:
        lines = [
            json.dumps(
                {
                    "question": statement.prompt.removesuffix("\n"),
                    "answer_matching_behavior": statement.chosen,
                    "answer_not_matching_behavior": statement.rejected,
                }
            )
            for statement in behaviour.statements
        ]
        (folder / f"{behaviour.name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
