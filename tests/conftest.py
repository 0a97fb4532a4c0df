"""What every test may use: small models of random weights, and the built-in model in a cache of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Never the user's cache; what is made in it is made once, also where pytest-xdist has several workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "alignprops-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNPROPS_CACHE", str(folder))
        yield folder


@pytest.fixture
def save_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a model of random weights with a tokenizer, and return the folder."""
    from small_models import save_model_in

    return partial(save_model_in, tmp_path)
