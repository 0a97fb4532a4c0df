"""Small models, saved where a test can load them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_models import save_model_in


@pytest.fixture
def save_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a model of random weights with a tokenizer, and return the folder."""
    return partial(save_model_in, tmp_path)
