"""A host's theorem file, and an installed third-party suite, for runs of pytest inside pytest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from theorem_files import THEOREMS

# Inner runs share this process and forget what they imported: no numpy and no class may be made twice.
import alignprops.claim_items
import alignprops.claims
import alignprops.engine
import alignprops.expected_items  # noqa: F401
from alignprops import installed
from alignprops.subjects import kinds


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner runs register kinds of their own and see no profile from outside."""
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds._KINDS))
    installed._suites_once.cache_clear()
    for name in ("CI", "ALIGNPROPS_PROFILE", "ALIGNPROPS_SEED", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def theorems(pytester: pytest.Pytester) -> Callable[..., Path]:
    """Write a test file with the true theorem and the given others."""

    def write(*others: str, name: str = "test_squares.py") -> Path:
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(THEOREMS + "".join(others), encoding="utf-8")
        return path

    return write


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a third party's suite `acme` (package `acme_theorems`) by its metadata; return its folder."""
    site = tmp_path_factory.mktemp("site")
    package = site / "acme_theorems"
    package.mkdir()
    (package / "__init__.py").write_text('"""The theorems of Acme."""\n', encoding="utf-8")
    (package / "squares.py").write_text(THEOREMS, encoding="utf-8")
    metadata = site / "acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "RECORD").write_text("acme_theorems/__init__.py,,\nacme_theorems/squares.py,,\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[alignprops.theorems]\nacme = acme_theorems\n", encoding="utf-8")
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_theorems"]:
        monkeypatch.delitem(sys.modules, name)  # of an earlier test
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(site)
    return package
