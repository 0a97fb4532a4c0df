"""The built-in model measured on a few of its statements, and small features without a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from persona_files import write_persona

from alignprops.data import generate_preferences
from alignprops.measurement import Measurement, measure
from alignprops.models.tiny import tiny_model_folder

STATEMENTS = 40


@pytest.fixture(scope="session")
def built_in_folder(own_cache_of_the_session: Path) -> Path:
    """The folder of the built-in model, as any other model's."""
    return tiny_model_folder()


@pytest.fixture(scope="session")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated statements of all four behaviours, as files."""
    return write_persona(tmp_path_factory.mktemp("statements"), generate_preferences(statements=STATEMENTS))


@pytest.fixture(scope="session")
def measured(own_cache_of_the_session: Path) -> Measurement:
    """The built-in model on its own statements."""
    return measure(max_statements=STATEMENTS)
