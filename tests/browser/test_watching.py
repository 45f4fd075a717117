"""The browser fixture sees what it is there to see."""

from __future__ import annotations


def shown(page, tmp_path, body):
    place = tmp_path / "page.html"
    place.write_text(f"<!doctype html><title>t</title>{body}", encoding="utf-8")
    page.goto(place.as_uri())
    page.wait_for_load_state("load")
    return page


def test_a_quiet_page_is_quiet(page, tmp_path):
    assert shown(page, tmp_path, "<script>console.log('x')</script>").complaints == []
    assert page.fetched == []


def test_an_error_is_seen(page, tmp_path):
    shown(page, tmp_path, "<script>console.error('one'); throw new Error('two')</script>")
    assert [said for said in page.complaints if said in ("one", "two")] == ["one", "two"]
    page.complaints.clear()


def test_a_request_is_seen_and_refused(page, tmp_path):
    shown(page, tmp_path, "<img src='https://example.org/x.png'>")
    assert page.fetched == ["https://example.org/x.png"]
    assert page.evaluate("document.images[0].naturalWidth") == 0
    page.fetched.clear()
    page.complaints.clear()
