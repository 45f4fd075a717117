"""The documentation in a browser: every page shows the pages of its section, and the header is one line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SECTIONS = ["Start", "Course", "How to", "Coming from", "Reference", "How it works"]
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 400, "height": 850}
ONE_LINE = 90
"""Pixels. The theme gives its header 80; a second line makes it 100 and more."""
WITHOUT_SECTION = {"index", "search", "genindex"}
PAGES = sorted(
    {path.stem for path in (ROOT / "docs").glob("*.md")} - WITHOUT_SECTION
    | {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
)
MADE = shutil.ignore_patterns("notebooks", "generated", "gallery", "__pycache__")
LINKS = """(holder) => [...holder.querySelectorAll("nav.bd-docs-nav .bd-toc-item a")]
    .filter(link => link.checkVisibility()).map(link => [link.textContent.trim(), link.href])"""
SHOWN = "links => links.filter(link => link.checkVisibility()).map(link => link.textContent.trim())"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The pages as a draft, built in a copy of the sources: no model is fitted and no notebook executed."""
    pytest.importorskip("pydata_sphinx_theme")
    pytest.importorskip("myst_nb")
    pytest.importorskip("numpydoc")
    copy = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", copy / "docs", ignore=MADE)
    shutil.copytree(ROOT / "notebooks", copy / "notebooks", ignore=MADE)
    asked = ["-W", "--keep-going", "-q", "-t", "draft", "-b", "html", "-d", str(copy / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *asked, str(copy / "docs"), str(copy / "html")],
        capture_output=True, text=True, timeout=300, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return copy / "html"


def test_every_page_is_built(site):
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    assert {name for name in built if not name.startswith("_")} == {*PAGES, *WITHOUT_SECTION}


def test_the_first_page_lists_all(site, page):
    page.goto((site / "index.html").as_uri())
    places = page.locator(".toctree-wrapper a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert sorted(places) == sorted(f"{name}.html" for name in PAGES)


def sidebar(page):
    """The text and the address of each link that is visible in the page's list of its section."""
    holder = page.locator("#pst-primary-sidebar")
    if page.viewport_size["width"] < 960:
        # on a phone the button opens the sidebar in a dialog
        page.click("button.primary-toggle")
        holder = page.locator("#pst-primary-sidebar-modal[open]")
    return holder.evaluate(LINKS)


def misses_of_the_sidebar(page):
    """What the sidebar has wrong: few links, a link that leads nowhere, or not the page itself."""
    links, here = sidebar(page), urlsplit(page.url).path
    places = [urlsplit(address).path for _, address in links]
    # that of a section itself stands above the others, in the header
    itself = here in places or page.locator("h1").first.inner_text().rstrip("#") in SECTIONS
    return {
        "few": [len(links)] if len(links) < 3 else [],
        "lost": [place for place in places if not Path(place).is_file()],
        "without": [] if itself else [here],
    }


def misses_of_the_header(page):
    """What the header has wrong: other links than the sections, on more than one line."""
    links, header = page.locator(".bd-header nav .nav-link:not(.dropdown-toggle)"), page.locator(".bd-header")
    boxes = links.evaluate_all("links => links.flatMap(link => [...link.getClientRects()].map(box => box.top))")
    shown, height = links.evaluate_all(SHOWN), header.evaluate("header => header.getBoundingClientRect().height")
    return {
        "sections": shown if shown != SECTIONS else [],
        "lines": boxes if len(boxes) != len(SECTIONS) or len(set(boxes)) != 1 else [],
        "height": height if height > ONE_LINE else [],
    }


def found(misses):
    return {what: where for what, where in misses.items() if where}


def test_every_page_lists_its_section_under_a_header_of_one_line(site, new_page):
    page, wrong = new_page(LAPTOP), {}
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        if misses := found(misses_of_the_sidebar(page) | misses_of_the_header(page)):
            wrong[name] = misses
    assert wrong == {}


def test_on_a_phone_every_page_lists_its_section(site, new_page):
    page, wrong = new_page(PHONE), {}
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        if misses := found(misses_of_the_sidebar(page)):
            wrong[name] = misses
    assert wrong == {}


@pytest.mark.parametrize("width", [960, 1000, 1199, 1200, 1280, 1920])
@pytest.mark.parametrize("name", ["index", "how-to", "priors"])
def test_the_header_is_one_line_at_every_width(site, new_page, width, name):
    page = new_page({"width": width, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert found(misses_of_the_header(page)) == {}


def test_an_empty_list_and_a_second_line_are_seen(site, page):
    page.goto((site / "priors.html").as_uri())
    assert found(misses_of_the_sidebar(page) | misses_of_the_header(page)) == {}
    page.evaluate("document.querySelector('nav.bd-docs-nav .bd-toc-item').replaceChildren()")
    page.add_style_tag(content=".bd-header .nav-item { width: 100% } .bd-header .navbar-nav { flex-wrap: wrap }")
    assert {"few", "without"} <= set(found(misses_of_the_sidebar(page)))
    assert "lines" in found(misses_of_the_header(page))


@pytest.mark.parametrize("name", ["index", "priors"])
def test_on_a_phone_the_button_opens_the_sections(site, new_page, name):
    page = new_page(PHONE)
    page.goto((site / f"{name}.html").as_uri())
    assert page.locator(".bd-header").evaluate("header => header.getBoundingClientRect().height") < ONE_LINE
    assert page.locator(".bd-header nav .nav-link").evaluate_all(SHOWN) == []
    page.click("button.primary-toggle")
    opened = page.locator("#pst-primary-sidebar-modal[open] .navbar-nav .nav-link:not(.dropdown-toggle)")
    opened.first.wait_for()
    assert opened.evaluate_all(SHOWN) == SECTIONS


@pytest.mark.parametrize("name", sorted(WITHOUT_SECTION))
def test_a_page_of_no_section_has_no_empty_list(site, page, name):
    page.goto((site / f"{name}.html").as_uri())
    assert page.locator("nav.bd-docs-nav").count() == 0
