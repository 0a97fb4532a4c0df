"""Our keys in the ini file that pytest would take."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignprops import InputError
from alignprops.ini_file import read_ini

FILES = {
    "pytest.ini": "[pytest]\nalignprops_seed = 4\nalignprops_theorems =\n    a.*\n    b.*\naddopts = -x\n",
    "tox.ini": "[pytest]\nalignprops_seed = 4\nalignprops_theorems =\n    a.*\n    b.*\n",
    "setup.cfg": "[tool:pytest]\nalignprops_seed = 4\nalignprops_theorems =\n    a.*\n    b.*\n",
    "pyproject.toml": '[tool.pytest.ini_options]\nalignprops_seed = 4\nalignprops_theorems = ["a.*", "b.*"]\n',
    "pytest.toml": '[pytest]\nalignprops_seed = "4"\nalignprops_theorems = ["a.*", "b.*"]\n',
}


@pytest.mark.parametrize("name", FILES)
def test_every_place_that_pytest_reads(tmp_path: Path, name: str) -> None:
    """Of the nearest file that configures pytest, here or above; only our keys."""
    (tmp_path / name).write_text(FILES[name])
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert read_ini(below) == {"seed": "4", "theorems": ["a.*", "b.*"]}


def test_a_report_folder_is_meant_from_the_file(tmp_path: Path) -> None:
    """Not from where the command runs."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nalignprops_report_dir = out\n")
    (tmp_path / "below").mkdir()

    assert read_ini(tmp_path / "below") == {"report_dir": str(tmp_path / "out")}


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    """With its path."""
    (tmp_path / "pyproject.toml").write_text("[tool\n")

    with pytest.raises(InputError, match=r"pyproject\.toml cannot be read: [^\n]+$"):
        read_ini(tmp_path)
