"""The report is one file that needs no other, and shows hostile names as text."""

import base64
import hashlib
import os
import re
import struct
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from hierbayes.errors import DataError
from hierbayes.report.blocks import Code, Listing, Maths, Picture, Table, Words
from hierbayes.report.mathml import mathml
from hierbayes.report.page import Page, Section, page, write_page
from hierbayes.report.text import text, texts

HOSTILE = "<script>alert(1)</script>"
QUOTED = '"><img src=x onerror=alert(2)>'
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Reader(HTMLParser):
    """Collects the tags, their attributes and the text of a page."""

    VOID = ("meta", "img")

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def hostile_page():
    table = pd.DataFrame(
        {HOSTILE: [1.5, np.nan], "group": [HOSTILE, QUOTED]}, index=pd.Index([HOSTILE, QUOTED], name=QUOTED)
    )
    return Page(
        title=HOSTILE,
        formula=f"y ~ `{HOSTILE}`",
        notes=(HOSTILE,),
        sections=(
            Section(HOSTILE, (Words(HOSTILE), Words(HOSTILE, aside=True), Listing((HOSTILE, QUOTED)), Code(HOSTILE))),
            Section("empty", ()),
            Section("tables", (Table(table, HOSTILE, HOSTILE), Picture(PIXEL, QUOTED, 2.0), Maths(mathml("x &= 1")))),
        ),
        footer=QUOTED,
    )


def test_hostile_names_are_text():
    html = page(hostile_page())
    read = Reader(html)
    assert read.open == []
    assert read.tags.count("img") == 1
    assert "script" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    # title twice, note, contents, heading, two paragraphs, list, code, caption, column, index, cell, table's note
    assert read.words.count(HOSTILE) == 14
    assert ("img", "alt", QUOTED) in read.attributes


def test_the_page_needs_no_other_file():
    html = page(hostile_page())
    links = [value for _, name, value in Reader(html).attributes if name in ("src", "href", "action")]
    inside = [link for link in links if link.startswith("#")]
    assert inside == ["#part-1", "#part-2"]
    assert all(f'id="{link[1:]}"' in html for link in inside)
    (image,) = [link for link in links if not link.startswith("#")]
    assert image.startswith("data:image/png;base64,")
    assert base64.b64decode(image.split(",")[1]) == PIXEL
    assert not re.search(r"https?:|//|@import|url\(", html.replace(image, ""))


def test_the_policy_allows_the_style_sheet_and_nothing_else():
    html = page(hostile_page())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    style = re.search(r"<style>(.*?)</style>", html, flags=re.DOTALL).group(1)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {"default-src": "'none'", "img-src": "data:", "style-src": f"'sha256-{allowed}'",
                     "base-uri": "'none'", "form-action": "'none'"}  # fmt: skip
    assert not [name for _, name, _ in Reader(html).attributes if name == "style"]


def test_empty_sections_and_a_single_one_need_no_contents():
    assert re.findall("<h2>(.*?)</h2>", page(hostile_page())) == ["&lt;script&gt;alert(1)&lt;/script&gt;", "tables"]
    bare = page(Page("Sleep"))
    assert "<h1>Sleep</h1>" in bare
    assert not set(Reader(bare).tags) & {"h2", "section", "footer", "aside", "table", "nav"}
    assert "nav" not in Reader(page(Page("Sleep", sections=(Section("one", (Words("a"),)),)))).tags


def table_html(frame, **options):
    return Table(frame, **options).html()


def test_an_index_is_shown_unless_it_counts_rows():
    columns = {"mean": [251.405, 10.467], "group": ["a", "b"]}
    counted = table_html(pd.DataFrame(columns))
    assert re.findall('<th scope="col".*?>(.*?)</th>', counted) == ["mean", "group"]
    named = table_html(pd.DataFrame(columns, index=["Intercept", "Days"]))
    assert re.findall('<th scope="row">(.*?)</th>', named) == ["Intercept", "Days"]
    pairs = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["level", None])
    nested = table_html(pd.DataFrame({"mean": [251.405, -10.467]}, index=pairs))
    assert re.findall('<th scope="row">(.*?)</th>', nested) == ["a", "1", "b", "2"]
    assert re.findall('<td class="number">(.*?)</td>', nested) == ["251.4", "−10.5"]


def test_an_empty_table_a_headless_one_and_long_cells():
    assert "<tbody></tbody>" in table_html(pd.DataFrame({"mean": []}))
    assert "<thead>" not in table_html(pd.DataFrame({"mean": [1.0]}), headed=False)
    long = table_html(pd.DataFrame({"note": ["short", "x" * 40]}))
    assert re.findall("<td(.*?)>", long) == ["", ' class="long"']


def test_a_picture_knows_its_size():
    assert 'width="1" height="1"' in Picture(PIXEL, "a").html()
    wide = PIXEL[:16] + struct.pack(">II", 1600, 800) + PIXEL[24:]
    assert 'width="960" height="480"' in Picture(wide, "a", 160 / 96).html()


def test_the_page_is_made_for_the_dark_for_paper_and_for_phones():
    html = page(Page("Sleep"))
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert '<html lang="en">' in html
    assert '<meta charset="utf-8">' in html
    assert 'name="viewport" content="width=device-width' in html


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([251.405, 10.467], ["251.41", "10.47"]),
        ([-24.74, 0.0655], ["−24.740", "0.066"]),
        ([1743.628, 1751.94], ["1743.6", "1751.9"]),
        ([1.0, 2.0], ["1", "2"]),
        ([np.nan, 1.5], ["", "1.50"]),
        ([np.inf, 1.5], ["inf", "1.50"]),
        ([1e-6, 2.5], ["1e-06", "2.5"]),
        ([1e9, 2.5], ["1e+09", "2.5"]),
        ([0.0, 0.0], ["0", "0"]),
        ([np.nan, np.nan], ["", ""]),
        ([True, False], ["True", "False"]),
        ([3, 4], ["3", "4"]),
        (["a", None], ["a", ""]),
    ],
)
def test_numbers_of_a_column_have_the_same_decimals(values, shown):
    assert texts(pd.Series(values)) == shown


def test_effective_sample_sizes_are_whole():
    assert texts(pd.Series([2811.6], name="ess_bulk")) == ["2812"]


def test_a_value_alone_has_four_figures():
    assert [text(value) for value in (24.740657, -0.5, None, float("nan"), pd.NA, ("A", "a"), 3, np.float32(0.1))] == [
        "24.74", "−0.5", "", "", "", "A:a", "3", "0.1",
    ]  # fmt: skip


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full_disk)
        with pytest.raises(DataError, match="No space left on device"):
            write_page(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]
    assert write_page(path, "new é \ud800") == path
    assert path.read_text(encoding="utf-8").startswith("new é ")
    assert os.listdir(tmp_path) == ["report.html"]


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "report.html", tmp_path / "file" / "report.html", tmp_path / "folder"):
        with pytest.raises(DataError, match=re.escape(str(path))):
            write_page(path, "page")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_page_is_as_open_as_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    write_page(tmp_path / "report.html", "page")
    assert (tmp_path / "report.html").stat().st_mode == (tmp_path / "plain").stat().st_mode
