"""What a model wrote has no effect in the report, wherever it is shown."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passk.store import rebuild
from reports import write_report
from reports.data.markdown import code, fenced, inline, table
from reports.html import twin
from reports.report import FIGURES
from tests.unit.each import every

PLANTED = [
    "<script>alert('planted')</script>",
    "</code></pre><img src=x onerror=alert(1)><script src=https://planted.example/x.js></script>",
    "```\n# planted heading\n![planted](https://planted.example/pixel.png)\n[planted](javascript:alert(1))\n```",
    "`````text\n~~~\n<iframe src='data:text/html,planted'></iframe>",
    "\x1b[2J\x1b[31m planted \x00\x07\x9b0m\r\n\x85\u2028",
    "\u202edetnalp\u202c \u2066planted\u2069 \u200b\ufeff\u061c",
    "planted | cell | <b>bold</b>\n\n| a | b |\n| - | - |\n",
    "planted" + "A" * 200_000,
    "planted\n" * 5_000,
    "<!-- planted --> &lt;script&gt; &#60;script&#62; ]]> <svg onload=alert(1)> {{ planted }} {% raw %}",
]
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "em", "code", "pre", "table",
    "thead", "tbody", "tr", "th", "td", "ul", "li", "img", "br",
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory, run_factory):
    """A report in whose samples every incorrect response is hostile, as are the texts of its verifier and source."""
    run = run_factory(tmp_path_factory.mktemp("planted") / "runs")
    for i, directory in enumerate(run.evaluations()):
        rows = pq.read_table(directory / "samples.parquet").to_pydict()
        for row, correct in enumerate(rows["correct"]):
            text = PLANTED[(i + row) % len(PLANTED)]
            rows["response"][row] = text
            rows["extracted"][row] = text
            rows["reason"][row] = "correct" if correct else text
        pq.write_table(pa.table(rows), directory / "samples.parquet")
    for file in (run.directory / "problems").glob("*.parquet"):
        rows = pq.read_table(file).to_pydict()
        rows["prompt"] = [PLANTED[i % len(PLANTED)] for i in range(len(rows["prompt"]))]
        rows["demonstration"] = rows["prompt"]
        rows["difficulty"] = [PLANTED[i % 3][:30] for i in range(len(rows["prompt"]))]
        rows["metadata"] = ["{}"] * len(rows["prompt"])
        pq.write_table(pa.table(rows), file)
    assert rebuild(run.runs).skipped == []
    return write_report(run.store, run.directory)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def outside_of_code(markdown):
    """The lines outside of fences, without their code spans."""
    kept, fence = [], None
    for line in markdown.split("\n"):
        mark = re.match(r"(`{3,})(text)?$", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and fence is not None and line == fence:
            fence = None
        elif fence is None:
            kept.append(re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
    assert fence is None, "a fence is left open"
    return "\n".join(kept)


def test_the_planted_text_is_in_the_report_or_the_others_show_nothing(planted):
    text = planted.read_text()
    assert text.count("planted") > 8 and "planted" in "".join(Page(planted.with_suffix(".html").read_text()).text)


def test_in_the_markdown_it_stays_in_fences_and_code(planted):
    text = planted.read_text()
    outside = outside_of_code(text)
    assert not re.search(r"planted|(?<!\\)<|javascript:|onerror", outside)
    assert not CONTROL.search(text)


def test_in_the_html_it_is_text_and_nothing_else(planted):
    text = planted.with_suffix(".html").read_text()
    page = Page(text)
    assert set(page.tags) <= ALLOWED
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not CONTROL.search(text)


def test_the_html_loads_nothing_from_elsewhere_and_has_its_figures_inside(planted):
    text = planted.with_suffix(".html").read_text()
    page = Page(text)
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset", "action", "background")]
    assert len(sources) == len(FIGURES) and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "default-src 'none'; script-src 'none'" in text
    assert not re.search(r"url\(|@import", text[: text.index("<body>")])


def test_no_line_of_it_is_longer_than_a_person_would_scroll(planted):
    text = planted.read_text()
    assert max(len(line) for line in text.split("\n")) < 2_000
    assert len(text) < 60_000


@every("text", PLANTED)
def test_each_of_it_is_text_in_every_place_that_takes_text(text):
    whole = [
        fenced(text, 600, 24),
        f"a {code(text, 200)} b",
        inline(text),
        f"- {code(text)}",
        table(["a"], [[code(text)]]),
    ]
    page = Page(twin("\n\n".join(whole), text, Path()))
    assert set(page.tags) <= ALLOWED - {"img"}
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)


@every("text", PLANTED)
def test_each_of_it_is_shortened(text):
    shown = [fenced(text, 600, 24), code(text, 200)]
    assert max(len(line) for part in shown for line in part.split("\n")) < 1_000
    assert max(part.count("\n") for part in shown) < 30


def test_markup_and_pictures_that_the_markdown_should_ever_hold_are_not_let_into_the_html(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    markdown = "a <script>alert(1)</script> b\n\n<iframe src=x></iframe>\n\n" + "\n\n".join(
        f"![a]({where})"
        for where in ("https://planted.example/a.png", "secret.png", "figures/../secret.png", "/etc/a.png")
    )
    page = Page(twin(f"{markdown}\n\n[a](javascript:alert(1)) [b](https://planted.example)", "t", tmp_path))
    assert set(page.tags) <= ALLOWED - {"img"} and not any(name in ("src", "href") for name, _ in page.attributes)


def test_figures_carry_none_of_it_as_markup(planted):
    for figure in (planted.parent / "figures").glob("*.svg"):
        content = figure.read_text()
        assert "<script" not in content and "onerror=" not in re.sub(r"<!--.*?-->", "", content, flags=re.S)
        assert not CONTROL.search(content)
