"""Host packages made in a temporary folder: alignprops' adapters for hosts, without the hosts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: Importable names of the hosts that tests make.
FAKED = ("trl", "openrlhf", "torchtune", "verl", "liger_kernel", "accelerator_of_nobody")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution: `install("trl", "9.9", {"trl/__init__.py": "…"})`; gone after the test."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def installed(distribution: str, version: str, files: dict[str, str]) -> None:
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        for name, text in files.items():
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in list(path.relative_to(site).parents)[:-1]:
                (site / folder / "__init__.py").touch()

    yield installed
    for name in [name for name in sys.modules if name.partition(".")[0] in FAKED]:
        del sys.modules[name]
