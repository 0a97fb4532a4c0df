"""Every source that a theorem names is a known work."""

from __future__ import annotations

import pytest

from alignprops.registry import find_theorems
from alignprops.report.bibliography import WORKS


@pytest.mark.parametrize("key", sorted({theorem.source.key for theorem in find_theorems()}))
def test_a_source_is_in_the_bibliography(key: str) -> None:
    """A reader of a report sees an author and a year, not a key."""
    assert WORKS[key].cited
