"""The page: complete, static, self-contained, escaped, and the same every time."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import example_documents as made
import pytest

from alignprops.cli import main
from alignprops.report.documents import collect
from alignprops.report.html import Report, write_report
from alignprops.report.mathematics import Typesetter
from alignprops.report.sections import section

#: Text that breaks out of pages whose writers escape by hand.
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "end of style": "</style></svg><img src=x onerror=alert(1)>",
    "end of data": "]]> --> --!> &lt;b&gt;",
    "attribute": '" onload="alert(1)" x=\'',
    "mathematics": r" $\frac{1}{2}$ {{ 7 * 7 }} {% raw %}",
    "right to left": "שלום \u202eevil عالم",
    "unprintable": "a\x00b\x1bc\ud800d\ufffee",
    "long": " " + "very-long-name" * 60,
}
KNOWN_TAGS = set(
    """html head meta title style body main header nav section article figure figcaption p h1 h2 h3 h4 h5 span em strong
    a br wbr bdi time code dl dt dd div ul li table caption thead tbody tr th td details summary
    svg g path defs use text clippath rect tspan""".split()  # noqa: SIM905  # read as prose
)


class Read(HTMLParser):
    """What a browser would find: elements, their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value for _, each, value in self.attributes if each == name]


def page(*paths: Path) -> str:
    """The page made from documents."""
    return Report(collect(paths)).page()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of a document of each kind."""
    folder = tmp_path_factory.mktemp("everything")
    made.written(folder, made.experiment(figures=[made.curves(), made.scatter()]), "experiment.json")
    made.written(folder, made.suite(claims=[made.refuted()]), "report.json")
    made.written(folder, made.measurement(), "measure.json")
    made.trace(folder / "trace", ["a<script>", "</text><b>", "c"])
    return write_report([folder], folder / "out.html").read_text("utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run that ended as it should; its figures take seconds."""
    return page(made.trace(tmp_path_factory.mktemp("finished") / "trace"))


def test_a_folder_of_every_kind_becomes_one_page(everything: str) -> None:
    """Each document a section, figures numbered through, and what the paper calls them."""
    text = Read(everything).text

    assert "Distinguishability and the speed of learning" in text
    assert "Theorems: learning dynamics" in text
    assert "What the theory reads in tiny" in text
    assert "Training run: lora on tiny" in text
    assert [int(number) for number in re.findall(r'class="label">Figure (\d+)\.', everything)] == list(range(1, 9))
    assert "In the paper: Figure 2 (a)." in text
    assert "Spearman 0.9 [0.7, 1.0]" in text
    assert "a<script>" in text  # a behaviour of the trace


def test_the_page_is_static_and_needs_nothing_else(everything: str) -> None:
    """No script, no address, no event handler; every link leads into the page, and no id is there twice."""
    read = Read(everything)

    assert read.tags <= KNOWN_TAGS
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|javascript:", everything)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    targets = [*read.values("href"), *re.findall(r"url\((#[^)]*)\)", everything)]
    assert {target for target in targets if target[1:] not in ids or target[0] != "#"} == set()
    assert "default-src 'none'" in everything


def test_a_measurement_never_looks_like_a_theorem(everything: str) -> None:
    """Its table has no verdict, and the table of claims is marked as theorems."""
    measured = everything[everything.index('<table class="measurements">') :]
    measured = measured[: measured.index("</table>")]

    assert "rank correlation of δ and the rate" in measured
    assert "[0.5, 0.98]" in measured
    assert "95 %" in measured
    assert "verdict" not in measured
    assert re.search(r'mark measured">measured</span>\s*Measurements', everything)
    assert re.search(r'mark theorem">theorem</span>\s*Claims', everything)


def test_a_refutation_is_told_first_with_its_witnesses_and_how_to_replay_it(everything: str) -> None:
    """The reason, both witnesses, the premises, the command."""
    text = " ".join(Read(everything).text.split())

    assert "1 claim that did not hold" in text
    assert "the right side is smaller by 0.3" in text
    assert "Premises met: step size 97/100." in text
    assert "alignprops replay 01234567" in text
    assert "alignprops replay fedcba98" in text
    assert "[[1.0, 0.5]]" in text


def test_a_theorem_is_told_with_its_statement_proofs_and_mutants(everything: str) -> None:
    """The statement is set, with its text for who cannot see it; a survivor stands out."""
    read = Read(everything)

    assert "rate = sqrt(2)*beta*shift/2" in read.values("aria-label")
    assert "the √2 lost: refuted by generated, float64" in read.text
    assert "<bdi>too weak</bdi>: <strong>survived</strong>" in everything
    assert "1/2" in read.text  # mutants killed


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_of_a_document_is_read_as_markup(text: str, tmp_path: Path) -> None:
    """Whatever names and captions hold, the page has the same elements, and says it."""
    figure = made.curves() if text is HOSTILE["script"] else made.matrix(values=[[1.0]], rows=["a"], columns=["b"])
    hostile = made.experiment(figures=[figure])
    path = made.written(tmp_path, made.with_text(hostile, text))
    read = Read(page(path))

    assert read.tags <= KNOWN_TAGS
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "src"]
    plain = text.translate({ord("\u202e"): None, **dict.fromkeys(map(ord, "\x00\x1b\ud800\ufffe"), "\ufffd")})
    assert "Each behaviour is trained alone." + plain in read.text


@pytest.mark.parametrize("text", [HOSTILE["script"], HOSTILE["end of style"], HOSTILE["mathematics"]])
def test_no_text_of_a_suite_or_a_measurement_is_read_as_markup(text: str, tmp_path: Path) -> None:
    """Statements, sources, witnesses and reasons included."""
    suite = made.with_text(made.suite(claims=[made.refuted()]), text)
    measured = made.with_text(made.measurement(priorities={}), text)
    paths = [made.written(tmp_path, suite, "a.json"), made.written(tmp_path, measured, "b.json")]
    found = page(*paths)

    assert Read(found).tags <= KNOWN_TAGS
    assert html.escape("the right side is smaller by 0.3" + text, quote=False)[:50] in found.replace("&#34;", '"')


def test_the_same_documents_give_the_same_page_and_figures(tmp_path: Path) -> None:
    """Byte by byte."""
    path = made.written(tmp_path, made.experiment(figures=[made.curves()]))
    for run in ("first", "second"):
        folder = tmp_path / run
        assert main(["report", str(path), "--output", str(folder / "r.html"), "--figures", str(folder)]) == 0

    first = {file.name: file.read_bytes() for file in (tmp_path / "first").iterdir()}
    second = {file.name: file.read_bytes() for file in (tmp_path / "second").iterdir()}
    assert first == second
    assert sorted(first) == [
        "learning-speed-head-loss.png",
        "learning-speed-head-loss.svg",
        "r.html",
    ]


def test_figures_cannot_leave_their_folder(tmp_path: Path) -> None:
    """Names of files come from ids in the document."""
    ids = ["../../evil", "a/b", "..", "a b"]
    path = made.written(
        tmp_path, made.experiment(figures=[made.matrix(id=name, rows=[], columns=[], values=[]) for name in ids])
    )
    out = tmp_path / "out" / "deep"
    arguments = ["--figures", str(out), "--format", "svg", "--output", str(out / "r.html")]
    assert main(["report", str(path), *arguments]) == 0

    files = sorted(file.name for file in out.iterdir())
    stems = ["-a-b-2", "-a-b", "-evil", ""]
    assert files == sorted([*(f"learning-speed{stem}.svg" for stem in stems), "r.html"])
    assert not (tmp_path / "evil.svg").exists()


def test_a_report_of_one_document_has_its_title(tmp_path: Path) -> None:
    """And tells it once."""
    found = page(made.written(tmp_path, made.experiment(figures=[])))

    assert "<title>Distinguishability and the speed of learning</title>" in found
    assert found.count("Distinguishability and the speed of learning") == 2
    assert "2026-11-23 14:00 UTC" in found


def test_a_run_that_goes_on_is_told_as_such(tmp_path: Path) -> None:
    """Its trace has no end yet."""
    (document,) = collect([made.trace(tmp_path / "trace", finished=False)])

    assert "3 behaviours, not finished" in section(document, Typesetter()).summary[0]


def test_how_a_run_ended_is_told_at_the_top(tmp_path: Path, finished: str) -> None:
    """Diverged with its message, cut short with its last step; nothing of a finished one."""
    from alignprops.trace.files import read_json, write_json

    ended = made.trace(tmp_path / "diverged")
    end = read_json(ended / "end.json")
    write_json(ended / "end.json", {**end, "status": "diverged", "message": "the loss of step 4 is not finite"})

    found = page(ended)
    told = "<strong><bdi>Diverged after step 3: the loss of step 4 is not finite.</bdi></strong>"
    assert told in found
    assert found.index(told) < found.index("<figure")
    cut = page(made.trace(tmp_path / "cut", finished=False))
    assert "Cut short after step 3, or still going on: nothing was recorded of its end." in cut
    assert 'class="notice"' not in finished


def test_the_settings_of_a_run_are_a_table(finished: str) -> None:
    """A row each."""
    assert "The settings of the run." in finished
    assert re.search(r"<td><bdi>method</bdi></td><td><bdi>lora</bdi></td>", finished)


def test_sources_are_cited_and_referred_to_once(tmp_path: Path, finished: str) -> None:
    """By authors and year; a key that is not known stays as it is."""
    document = made.suite()
    document["theorems"][0]["source"] = "im2024understanding, Section 4"
    document["theorems"].append({**document["theorems"][0], "id": "other.theorem", "source": "unknown2020key, p. 3"})

    found = page(made.written(tmp_path, document))

    assert "Im &amp; Li 2024, Section 4" in found
    assert "unknown2020key, p. 3" in found
    assert "im2024understanding" not in found
    assert found.count("S. Im and Y. Li, Understanding the Learning Dynamics of Alignment with Human Feedback,") == 1
    assert "References" not in finished


def test_the_slack_is_told_in_the_details_only(tmp_path: Path) -> None:
    """Tightness stays in the table of claims."""
    found = page(made.written(tmp_path, made.suite()))
    table = found.partition('<table class="claims">')[2].partition("</table>")[0]

    assert "tightness" in table
    assert "slack" not in table
    assert "12.5" in found
