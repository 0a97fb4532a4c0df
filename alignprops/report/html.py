"""One self-contained static page: no script, no network; jinja2 escapes every text, figures are inline SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.report import presentation
from alignprops.report.against import Comparison, compare
from alignprops.report.bibliography import cited, references
from alignprops.report.claims_view import VERDICTS, counted
from alignprops.report.documents import Document, collect
from alignprops.report.figures.drawing import FORMATS, Drawing
from alignprops.report.figures.specs import Figure
from alignprops.report.figures.style import COLOURS, NARROW, WIDE
from alignprops.report.json_report import require_writable
from alignprops.report.mathematics import Typesetter
from alignprops.report.sections import Section, section

EXTRA = "pip install 'alignprops[report]'"


def require_extra() -> None:
    """Refuse to begin without what the extra `report` installs.

    Raises:
        InputError: jinja2 or matplotlib is missing; the message has the command that installs them.
    """
    try:
        import jinja2
        import matplotlib as mpl
    except ImportError as error:
        raise InputError(f"a report needs jinja2 and matplotlib ({error.name} is missing); {EXTRA}") from None
    del jinja2, mpl


@dataclass(frozen=True, slots=True)
class Numbered:
    """A figure with its number in the report, and the name of its files without their ending."""

    number: int
    stem: str
    drawing: Drawing

    @property
    def figure(self) -> Figure:
        """What is drawn."""
        return self.drawing.figure


class Report:
    """The documents of a report, read, with their figures numbered through."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.setting = Typesetter()
        self.sections = tuple(section(document, self.setting) for document in documents)
        self.figures = tuple(_numbered(self.sections))

    def page(self, comparison: Comparison | None = None) -> str:
        """The HTML page."""
        template = _environment().get_template("report.html")
        page: str = template.render(
            sections=[_laid_out(each, number, self.figures) for number, each in enumerate(self.sections, start=1)],
            date=max((each.date for each in self.sections), default=""),
            verdicts=_verdicts(self.sections),
            measurements=sum(len(each.measurements) for each in self.sections),
            comparison=comparison,
            references=references(theorem.source for each in self.sections for theorem in each.theorems),
            outlines=self.setting.outlines,
            colours=COLOURS,
        )
        return page

    def write_figures(self, folder: Path, formats: Sequence[str]) -> tuple[Path, ...]:
        """Write every figure into `folder`, once in each format, and return the files."""
        require_writable(folder)
        files = []
        for numbered, kind in product(self.figures, formats):
            files.append(folder / f"{numbered.stem}.{kind}")
            atomic.write_bytes(files[-1], numbered.drawing.file(kind))
        return tuple(files)


@dataclass(frozen=True, slots=True)
class Made:
    """What was written, and what it was compared with."""

    page: Path
    figures: tuple[Path, ...]
    comparison: Comparison | None


def make_report(
    paths: Sequence[str | Path],
    output: Path,
    *,
    figures: Path | None = None,
    formats: Sequence[str] = FORMATS,
    against: str | Path | None = None,
) -> Made:
    """Read what `paths` name or hold, and write the page, and the figures if a folder is given for them.

    Everything is read before anything is written.

    Raises:
        InputError: something cannot be read or written, or what draws is not installed.
    """
    require_extra()
    documents = collect(paths)
    _require_output(output, documents)
    comparison = None if against is None else compare(against, documents)
    report = Report(documents)
    page = report.page(comparison)
    files = () if figures is None else report.write_figures(figures, formats)
    atomic.write_text(output, page)
    return Made(output, files, comparison)


def write_report(paths: Sequence[str | Path], output: Path, *, figures: Path | None = None) -> Path:
    """Write the page, and all figures as PNG and SVG if a folder is given for them; return the page's path."""
    return make_report(paths, output, figures=figures).page


def _require_output(output: Path, documents: Sequence[Document]) -> None:
    if output.is_dir():
        raise InputError(f"cannot write {output}: it is a folder; give the name of a file in it")
    if any(output.resolve() == document.path.resolve() for document in documents):
        raise InputError(f"cannot write {output}: it is what the report is made from; choose another file")


def _numbered(sections: Iterable[Section]) -> Iterator[Numbered]:
    taken: Counter[str] = Counter()
    number = 0
    for each in sections:
        for figure in each.figures:
            number += 1
            stem = presentation.file_stem(each.name, figure.id)
            taken[stem] += 1
            yield Numbered(number, stem if taken[stem] == 1 else f"{stem}-{taken[stem]}", Drawing(figure))


def _laid_out(each: Section, number: int, figures: Sequence[Numbered]) -> dict[str, Any]:
    """What the template of a section needs beside the section itself."""
    return {
        "number": number,
        "section": each,
        "figures": [_drawn(found) for found in figures if any(found.figure is own for own in each.figures)],
        "verdicts": counted(each.claims),
    }


def _drawn(found: Numbered) -> dict[str, Any]:
    from markupsafe import Markup

    drawings = {
        name: Markup(found.drawing.in_page(width, f"f{found.number}{name[0]}-"))  # noqa: S704  # drawn here, escaped there
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    }
    return {"number": found.number, "figure": found.figure, "drawings": drawings}


def _verdicts(sections: Iterable[Section]) -> Mapping[str, int]:
    counts = Counter(claim.verdict for each in sections for claim in each.claims)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("alignprops.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "told": presentation.told,
        "interval": presentation.interval,
        "percent": presentation.percent,
        "counted": presentation.counted,
        "cited": cited,
        "numeric": presentation.numeric,
    }
    return environment
