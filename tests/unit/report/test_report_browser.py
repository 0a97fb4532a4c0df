"""The page in headless Chromium, light and dark, wide and narrow."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import example_documents as made
import numpy as np
import pytest

from alignprops.report.figures.style import COLOURS
from alignprops.report.html import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DARK, LIGHT = 0, 1

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")


def screenshot(page: Path, *, scheme: int, width: int) -> np.ndarray:
    """The page (height, width, 3) as Chromium shows it."""
    from matplotlib.image import imread

    target = page.with_name(f"{scheme}-{width}.png")
    command = [
        str(CHROMIUM),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--window-size={width},1400",
        f"--screenshot={target}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return np.asarray(imread(target))[..., :3] * 255


def test_the_page_renders_in_the_light_and_in_the_dark(tmp_path: Path) -> None:
    """In the colours of each, with letters and curves to be seen in both."""
    document = made.written(tmp_path, made.experiment(figures=[made.curves()]))
    page = write_report([document], tmp_path / "page.html")
    for scheme, width in ((LIGHT, 1200), (DARK, 500)):
        shown = screenshot(page, scheme=scheme, width=width)
        assert shown.shape[:2] == (1400, width)
        for name in ("paper", "ink", "s0", "s1"):
            colour = COLOURS[name][0 if scheme == LIGHT else 1]
            wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            near = (np.abs(shown - wanted).max(axis=2) < 12).mean()
            assert near > (0.5 if name == "paper" else 1e-5), (scheme, name)
        assert (np.abs(shown[:, -8:] - shown[0, -1]).max() == 0).all()  # nothing runs out at the side
