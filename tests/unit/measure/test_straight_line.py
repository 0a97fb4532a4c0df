"""Every figure of `measure --json` equals an independent computation: one statement at a time, plain transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from persona_files import write_persona
from small_models import preference_set
from straight_line import FLOAT32_NOISE, SMALLEST_GAP, TOLERANCE, differences, figures, priorities, read, update_rate

from alignprops.cli import main


def told(arguments: list[str], tmp_path: Path) -> dict[str, Any]:
    """What `measure --json` writes."""
    assert main(["measure", *arguments, "--json", str(tmp_path / "told.json")]) == 0
    loaded: dict[str, Any] = json.loads((tmp_path / "told.json").read_text())
    return loaded


def compare(measured: dict[str, Any], found: dict[str, Any], *, beta: float, noise: float = FLOAT32_NOISE) -> None:
    """Behaviours and priorities to 1e-4 relative; the description of the model to the letter."""
    expected = {name: figures(*given, beta=beta, noise=noise) for name, given in found["behaviours"].items()}
    apart = differences(measured["behaviours"], expected)
    apart |= differences(measured["priorities"], priorities(found["behaviours"]), "priorities", least=SMALLEST_GAP)
    count = len(expected)
    assert len(apart) == count * 25 + count * (count - 1)
    assert {where: value for where, value in apart.items() if value > TOLERANCE} == {}
    model = measured["model"]
    assert (model["vocabulary"], model["width"]) == found["head"].shape
    assert (model["tokens"], model["head_scale"]) == (found["tokens"], found["scale"])


def test_the_built_in_model(built_in_folder: Path, statements: Path, tmp_path: Path) -> None:
    """On its generated statements, in float32; the initial rate also by autograd through the whole head."""
    measured = told([str(built_in_folder), str(statements)], tmp_path)

    found = read(built_in_folder, sorted(statements.glob("*.jsonl")), dtype=torch.float32)

    compare(measured, found, beta=0.1)
    for name, (x, s, _) in found["behaviours"].items():
        rate = update_rate(x, s, found["head"], 7, 11, beta=0.1)
        assert measured["behaviours"][name]["initial_update_rate"] == pytest.approx(rate, rel=TOLERANCE)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "cohere", "phi"])
def test_random_models(save_model: Callable[..., Path], tmp_path: Path, architecture: str) -> None:
    """Tied and untied, with a scale and with a bias; unbalanced classes; another β."""
    folder = save_model(architecture)
    files = write_persona(tmp_path / "statements", preference_set())

    measured = told([str(folder), str(files), "--beta", "0.25", "--dtype", "float64"], tmp_path)

    found = read(folder, sorted(files.glob("*.jsonl")), dtype=torch.float64)
    compare(measured, found, beta=0.25, noise=0.0)
    assert measured["model"]["head_bias"] is (architecture == "phi")
    assert measured["model"]["tied"] is (architecture in ("gpt2", "cohere"))


def test_the_first_statements_of_chosen_behaviours(built_in_folder: Path, statements: Path, tmp_path: Path) -> None:
    """`--behaviours` and `--max-statements` select before anything is read."""
    chosen = ["--behaviours", "seeks-quiet, plans-ahead", "--max-statements", "12"]
    measured = told([str(built_in_folder), str(statements), *chosen], tmp_path)

    files = [statements / "plans-ahead.jsonl", statements / "seeks-quiet.jsonl"]
    compare(measured, read(built_in_folder, files, dtype=torch.float32, first=12), beta=0.1)
