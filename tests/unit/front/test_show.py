"""`alignprops show` renders every theorem that is installed."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from alignprops import find_theorems
from alignprops.cli import main


@pytest.mark.parametrize("theorem", [theorem.id for theorem in find_theorems()])
def test_every_installed_theorem_can_be_shown(theorem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With its statement and its source, on 80 columns."""
    assert main(["show", theorem]) == 0

    shown = capsys.readouterr().out
    assert all(f"\n{section}\n" in shown for section in ("Statement", "Source", "Proofs", "Checked on"))
    assert max(map(cell_len, shown.splitlines())) <= 80
