"""The built-in model, and a few of its statements as pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignprops.data import generate_preferences
from alignprops.models.loading import LanguageModel
from alignprops.models.tiny import load_tiny_model
from alignprops.training.pairs import TokenPairs, tokenize_pairs


@pytest.fixture(scope="session")
def model(own_cache_of_the_session: Path) -> LanguageModel:
    """The built-in model; training leaves it alone."""
    return load_tiny_model()


@pytest.fixture(scope="session")
def pairs(model: LanguageModel) -> TokenPairs:
    """Twelve statements of each of two behaviours."""
    chosen = ["loves-the-sea", "plans-ahead"]
    return tokenize_pairs(model, generate_preferences(statements=12, behaviours=chosen))


@pytest.fixture(scope="session")
def split(pairs: TokenPairs) -> tuple[TokenPairs, TokenPairs]:
    """Training and evaluation pairs."""
    return pairs.split(0.25, seed=0)
