"""Keep third-party loading code from writing on our user's terminal."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers.utils import logging as _transformers_logging

# Not all of it is annotated.
transformers_logging: Any = _transformers_logging


@contextmanager
def silence() -> Iterator[None]:
    """No log lines, progress bars or warnings from transformers inside; its settings are put back after.

    What matters in them is checked by us and raised as an error instead.
    """
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
