"""The rules of the design at work, on the specimens of the engine's tests."""

import sys
from pathlib import Path

import pytest

from alignprops import installed

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "engine"))


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of pytest inside of pytest see no profile from outside."""
    installed._suites_once.cache_clear()
    for name in ("CI", "ALIGNPROPS_PROFILE", "ALIGNPROPS_SEED", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
