"""A browser without a network that writes down what a page complains of and what it asks for.

Without Chromium the tests that need it are skipped; where HIERBAYES_BROWSER is "required" they fail instead.
"""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOCAL = {"file", "data", "blob", "about"}
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def missing(why):
    """Skip the test, or fail it where a browser is required."""
    if os.environ.get("HIERBAYES_BROWSER") == "required":
        pytest.fail(f"HIERBAYES_BROWSER=required, but {why}", pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def chromium():
    """One headless Chromium for all tests of a process."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("there is no Chromium on the path")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed")
    # Chromium has no sandbox for root, nor in most containers, where /dev/shm is small too. The pages are our own.
    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, headless=True, args=options)
        yield browser
        browser.close()


def watch(page):
    """Let the page keep `page.complaints` (console errors, uncaught ones) and `page.fetched` (addresses not local)."""
    page.complaints, page.fetched = [], []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "request", lambda asked: page.fetched.append(asked.url) if urlsplit(asked.url).scheme not in LOCAL else None
    )
    return page


@pytest.fixture
def new_page(chromium):
    """Open watched pages: `new_page(viewport=PHONE, color_scheme="dark")`; further options are Playwright's.

    After the test no page may have complained or asked the network for anything; a test that expects either clears
    `page.complaints` or `page.fetched`.
    """
    contexts, pages = [], []

    def make(viewport=None, **options):
        context = chromium.new_context(viewport=viewport or DESKTOP, offline=True, **options)
        contexts.append(context)
        pages.append(watch(context.new_page()))
        return pages[-1]

    yield make
    for context in contexts:
        context.close()
    assert [said for page in pages for said in page.complaints] == []
    assert [address for page in pages for address in page.fetched] == []


@pytest.fixture
def page(new_page):
    """One watched page of desktop width. Open a file with ``page.goto(path.as_uri())``."""
    return new_page()


@pytest.fixture
def phone(new_page):
    """One watched page as wide as a phone, with touch."""
    return new_page(PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
