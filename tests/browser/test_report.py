"""The report in a browser: nothing is asked of the network, every word is text, every image loads, and it prints."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a&amp;b", "new\nline", "{{ 1 }}", "x" * 200)
DAMAGE = "() => { window.damage = 0; window.alert = () => { window.damage += 1 } }"


def hostile():
    rng = np.random.default_rng(8)
    codes = np.repeat(np.arange(len(HOSTILE)), 5)
    x = rng.normal(size=len(codes))
    return pd.DataFrame({HOSTILE[0]: x + rng.normal(size=len(codes)), HOSTILE[1]: x,
                         HOSTILE[2]: [HOSTILE[code] for code in codes]})  # fmt: skip


MAKERS = {
    "sleepstudy": lambda: fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")),
    "penicillin": lambda: fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin")),
    "oats": lambda: fake_fit("Y ~ V * N + (1 | B/V)", hb.load_data("oats")),
    "hostile": lambda: fake_fit("`{0}` ~ `{1}` + (`{1}` | `{2}`)".format(*HOSTILE), hostile()),
}


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """The written report of each model, made on first use."""
    folder, made = tmp_path_factory.mktemp("reports"), {}

    def get(name):
        if name not in made:
            made[name] = MAKERS[name]().report(folder / f"{name}.html")
        return made[name]

    return get


def opened(page, path):
    page.add_init_script(f"({DAMAGE})()")
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    return page


@pytest.mark.parametrize("name", MAKERS)
def test_the_page_is_quiet_and_its_images_load(page, reports, name):
    opened(page, reports(name))
    images = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.width, i.height / i.naturalHeight])")
    assert len(images) >= 3
    for natural, width, ratio in images:
        assert natural > 200
        assert ratio == pytest.approx(width / natural, rel=0.01)
    assert page.evaluate("window.damage") == 0


@pytest.mark.parametrize("name", MAKERS)
def test_a_phone_scrolls_in_one_direction_only(phone, reports, name):
    opened(phone, reports(name))
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # What is wider than the screen lies in a box that scrolls by itself.
    wide = "[...document.querySelectorAll('table, math')].every(e => e.closest('.scroll') !== null)"
    assert phone.evaluate(wide)


def test_hostile_names_are_text(page, reports):
    opened(page, reports("hostile"))
    shown = page.evaluate("document.body.textContent")
    for name in HOSTILE:
        assert name in shown
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("[...document.images].filter(i => !i.src.startsWith('data:')).length") == 0
    assert page.evaluate("[...document.querySelectorAll('*')].filter(e => e.hasAttribute('onerror')).length") == 0


def test_the_policy_stops_what_escaping_would_miss(page, reports, tmp_path):
    broken = tmp_path / "broken.html"
    text = reports("sleepstudy").read_text(encoding="utf-8")
    injected = "<script>alert(1)</script><img src=x onerror=alert(2)><img src='https://example.org/x.png'>"
    broken.write_text(text.replace("</h1>", f"</h1>{injected}"), encoding="utf-8")
    opened(page, broken)
    assert page.evaluate("window.damage") == 0
    assert any("Content Security Policy" in said for said in page.complaints)
    page.complaints.clear()
    page.fetched.clear()


def test_without_the_policy_the_same_would_run(page, reports, tmp_path):
    naked = tmp_path / "naked.html"
    text = reports("sleepstudy").read_text(encoding="utf-8").replace("</h1>", "</h1><script>alert(1)</script>")
    naked.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy".*?>\n', "", text), encoding="utf-8")
    opened(page, naked)
    assert page.evaluate("window.damage") == 1


def test_the_contents_lead_to_the_parts(page, reports):
    opened(page, reports("sleepstudy"))
    page.click("nav a >> text=How it was made")
    assert page.evaluate("document.querySelector(location.hash + ' h2').textContent") == "How it was made"
    top = page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
    assert top < page.viewport_size["height"]


def test_the_mathematics_is_drawn(page, reports):
    opened(page, reports("sleepstudy"))
    box = page.evaluate(
        "(({width, height}) => [width, height])(document.querySelector('math').getBoundingClientRect())"
    )
    assert box[0] > 300
    assert box[1] > 150
    assert "Reaction" not in page.evaluate("document.querySelector('math').textContent")


@pytest.mark.parametrize("name", ["sleepstudy", "oats", "penicillin"])
def test_it_prints_on_paper(page, reports, name):
    opened(page, reports(name))
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 20
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 673, "height": 1000})  # A4 less its margins
    too_wide = (
        "[...document.querySelectorAll('table, math, img, pre')].filter(e => e.getBoundingClientRect().right > 674)"
    )
    assert page.evaluate(f"{too_wide}.map(e => e.textContent.slice(0, 60))") == []
