"""A small reproduction of everything, made once for all tests of the experiments."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_plan import SMALL

from alignprops.experiments.reproduce import ALL, Reproduced, reproduce


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is kept."""
    return tmp_path_factory.mktemp("reproduction")


@pytest.fixture(scope="session")
def reproduced(folder: Path) -> dict[str, Reproduced]:
    """Every experiment on the built-in model, by name."""
    made = reproduce([ALL], plan=SMALL, folder=folder, command="alignprops reproduce all")
    return {one.experiment.name: one for one in made}
