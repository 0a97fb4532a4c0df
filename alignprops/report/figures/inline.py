"""An SVG file of matplotlib made into an element of a page: no prolog, no global style, colours as CSS variables."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from alignprops.report.figures.style import COLOURS

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
VARIABLES = {light: f"var(--{name})" for name, (light, _) in COLOURS.items()}
COLOUR = re.compile("#[0-9a-f]{6}")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
REFERENCE = re.compile(r"url\(#([^)]*)\)")
#: The text of figures has the page's own sans-serif font.
FONT = re.compile(r"""(font:[^;]*?\d(?:\.\d+)?px)[^;]*""")


def for_page(svg: str, *, prefix: str, label: str) -> str:
    """Return the `<svg>` element.

    Args:
        svg: a file as matplotlib writes it.
        prefix: what all ids begin with, so that several figures share a page.
        label: what the figure is called for readers who do not see it.
    """
    root = ET.fromstring(svg)  # noqa: S314  # matplotlib wrote it a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{SVG}metadata", f"{SVG}style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        element.attrib = {
            key.removeprefix(LINK): _attribute(key.removeprefix(LINK), value, prefix)
            for key, value in element.attrib.items()
        }
    for size in ("width", "height"):
        root.attrib.pop(size)
    root.attrib |= {"role": "img", "aria-label": label}
    return ET.tostring(root, encoding="unicode")


def _attribute(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        return f"#{prefix}{value.removeprefix('#')}"
    value = REFERENCE.sub(lambda found: f"url(#{prefix}{found[1]})", value)
    value = LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
    if key != "style":
        return value
    return FONT.sub(r"\1 var(--sans)", COLOUR.sub(lambda found: VARIABLES.get(found[0], found[0]), value))
