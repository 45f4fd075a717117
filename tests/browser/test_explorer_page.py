"""The explorer in a browser: the slider moves the lines to the three ways of pooling, in numbers read from the page."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from oracles import henderson

import hierbayes as hb

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "</script><b>", "__proto__", "", "{{ 1 }}",
    "a&amp;b", "two\nlines", "x" * 300,
)  # fmt: skip
MIDDLE, LAST = 30, 60


def hundred():
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(100), rng.integers(1, 12, 100))
    x = rng.uniform(0, 10, len(codes))
    b = rng.multivariate_normal([0, 0], [[4, 0.6], [0.6, 0.25]], 100)
    y = 20 + b[codes, 0] + (1.2 + b[codes, 1]) * x + rng.normal(0, 3, len(codes))
    return pd.DataFrame({"score": y, "hours": x, "school": [f"school {code + 1}" for code in codes]})


def hostile():
    rng = np.random.default_rng(8)
    codes = np.repeat(np.arange(len(HOSTILE)), 5)
    x = rng.normal(size=len(codes))
    y = rng.normal(size=len(HOSTILE))[codes] + x + rng.normal(size=len(codes))
    return pd.DataFrame({HOSTILE[0]: y, HOSTILE[1]: x, HOSTILE[2]: [HOSTILE[code] for code in codes]})


def sampled(text, data):
    return hb.fit(text, hb.load_data(data), seed=1, progress=False)


MAKERS = {
    "sleepstudy": lambda: sampled("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "dyestuff": lambda: sampled("Yield ~ 1 + (1 | Batch)", "dyestuff"),
    "dyestuff2": lambda: fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff2")),
    "penicillin": lambda: fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin")),
    "hundred": lambda: fake_fit("score ~ hours + (hours | school)", hundred()),
    "three terms": lambda: fake_fit("score ~ hours + I(hours**2) + (hours + I(hours**2) | school)", hundred()),
    "categorical": lambda: fake_fit("Y ~ N + V + (1 | B)", hb.load_data("oats")),
    "shares": lambda: fake_fit(
        "incidence | trials(size) ~ period + (1 | herd)", hb.load_data("cbpp"), family="binomial"
    ),
    "hostile": lambda: fake_fit("`{0}` ~ `{1}` + (`{1}` | `{2}`)".format(*HOSTILE), hostile()),
}


@pytest.fixture(scope="session")
def explorers(tmp_path_factory):
    """Fit and written explorer of each model, made on first use."""
    folder, made = tmp_path_factory.mktemp("explorers"), {}

    def get(name):
        if name not in made:
            fit = MAKERS[name]()
            made[name] = fit, fit.explore(folder / f"{name}.html")
        return made[name]

    return get


@pytest.fixture
def opened(explorers):
    def go(page, name):
        fit, shown = explorers(name)
        page.goto(shown.path.as_uri())
        page.wait_for_selector("#panels .panel")
        return fit, shown

    return go


def until(page, condition):
    """Wait for a condition. Playwright's own way evaluates a text in the page, which its policy forbids."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never came true: {condition}")


def state(page):
    return page.evaluate("window.hierbayes.state()")


def lines(page):
    """What `state` says of the lines: one array a level."""
    return [np.array(level["line"]) for level in state(page)["levels"]]


def drawn(page, level):
    """The heights of a level's present line, read off the drawing by its scale."""
    panel = page.locator(f'.panel[data-level="{level}"]')
    points = panel.locator("polyline.present-line").get_attribute("points")
    low, high = map(float, panel.get_attribute("data-y-domain").split())
    bottom, top = map(float, panel.get_attribute("data-y-range").split())
    y = np.array([float(point.split(",")[1]) for point in points.split()])
    return low + (y - bottom) * (high - low) / (top - bottom), 0.006 * (high - low) / abs(top - bottom)


def separate(fit):
    """Least squares for each level by itself."""
    Z, codes = fit.design.groups[0].Z, fit.design.groups[0].codes
    return np.array([np.linalg.lstsq(Z[codes == j], fit.design.y[codes == j])[0] for j in range(codes.max() + 1)])


def test_the_slider_moves_the_lines_from_complete_over_reml_to_no_pooling(page, opened):
    fit, shown = opened(page, "sleepstudy")
    days = np.arange(10.0)
    complete = np.polynomial.Polynomial.fit(fit.design.X[:, 1], fit.design.y, 1)(days)
    reml = fit.model.reml().coef().pivot(index="level", columns="term", values="mean")
    own = separate(fit)
    tolerance = shown.data["left"]
    assert tolerance < 0.0025  # milliseconds, beside lines that span 270: 100 times the sd is not infinity
    slider = page.locator("#slider")
    slider.focus()

    expected = {"Home": (0, complete, 1e-9), "End": (LAST, None, tolerance * 1.01)}
    for key, (position, line, near) in expected.items():
        page.keyboard.press(key)
        assert (state(page)["position"], slider.input_value()) == (position, str(position))
        for j, found in enumerate(lines(page)):
            wanted = line if line is not None else own[j, 0] + own[j, 1] * days
            assert np.abs(found - wanted).max() < near
            seen, blur = drawn(page, j)
            assert np.abs(seen - wanted).max() < near + blur
    worst = max(np.abs(found - own[j, 0] - own[j, 1] * days).max() for j, found in enumerate(lines(page)))
    assert worst > 0.5 * tolerance

    page.get_by_role("button", name="REML").click()
    assert (state(page)["position"], state(page)["multiplier"]) == (MIDDLE, 1)
    for j, found in enumerate(lines(page)):
        intercept, slope = reml.loc[state(page)["levels"][j]["name"], ["Intercept", "Days"]]
        assert np.abs(found - intercept - slope * days).max() < 1e-8
        assert np.abs(drawn(page, j)[0] - found).max() < drawn(page, j)[1]
    # Neither end would pass for the middle.
    gaps = [np.abs(found - complete).max() for found in lines(page)]
    assert max(gaps) > 50
    assert max(np.abs(found - own[j, 0] - own[j, 1] * days).max() for j, found in enumerate(lines(page))) > 10


def test_lines_of_shares_are_drawn_on_the_scale_of_the_response(page, opened):
    fit, shown = opened(page, "shares")
    Z, codes = henderson.pieces(fit.design)["herd"]
    for key, position in (("Home", 0), ("End", LAST)):
        page.locator("#slider").focus()
        page.keyboard.press(key)
        b = np.array(shown.data["b"][position])
        eta = fit.design.X @ shown.data["beta"][position] + np.sum(Z * b[codes], axis=1)
        for j, found in enumerate(lines(page)):
            wanted = 1 / (1 + np.exp(-eta[codes == j]))
            assert np.abs(found - wanted).max() < 1e-9
            seen, blur = drawn(page, j)
            assert np.abs(seen - wanted).max() < 1e-9 + blur


def test_arrows_point_from_no_pooling_to_the_present(page, opened):
    fit, _ = opened(page, "sleepstudy")
    own, plane = separate(fit), page.locator("#plane svg")

    def scaled(axis, value):
        low, high = map(float, plane.get_attribute(f"data-{axis}-domain").split())
        a, b = map(float, plane.get_attribute(f"data-{axis}-range").split())
        return a + (value - low) * (b - a) / (high - low)

    for position in (0, 17, MIDDLE, LAST):
        page.evaluate("(to) => window.hierbayes.go(to)", position)
        for j in (0, 8, 17):
            shaft = page.locator(f'#plane .arrow[data-level="{j}"] .shaft')
            now = state(page)["levels"][j]["estimate"]
            ends = [float(shaft.get_attribute(key)) for key in ("x1", "y1", "x2", "y2")]
            wanted = [scaled("x", own[j, 0]), scaled("y", own[j, 1]), scaled("x", now[0]), scaled("y", now[1])]
            assert np.abs(np.subtract(ends, wanted)).max() < 0.02


def test_a_random_intercept_shows_moving_means(page, opened):
    fit, shown = opened(page, "dyestuff")
    means = separate(fit)[:, 0]
    found = {}
    for position in (0, MIDDLE, LAST):
        page.evaluate("(to) => window.hierbayes.go(to)", position)
        found[position] = np.array([line[0] for line in lines(page)])
        assert all(np.ptp(line) == 0 for line in lines(page))
        assert np.allclose(drawn(page, 4)[0], found[position][4], atol=drawn(page, 4)[1])
    assert np.allclose(found[0], fit.design.y.mean(), atol=1e-9)
    assert np.abs(found[LAST] - means).max() < shown.data["left"] * 1.01 < 0.0021
    reml = fit.model.reml()
    assert np.allclose(found[MIDDLE], reml.coef()["mean"], atol=1e-9)
    assert page.locator("#plane .arrow").count() == 6


def test_of_crossed_factors_one_is_moved_and_the_other_held(page, opened):
    fit, shown = opened(page, "penicillin")
    table = fit.model.reml().varcorr()
    covariances = {f: henderson.covariance_of(table, f, ["Intercept"]) for f in ("plate", "sample")}
    sigma = float(table.loc[table["kind"] == "sigma", "mean"].iloc[0])
    page.keyboard.press("ArrowRight")  # the slider hears the arrows wherever the focus is
    assert state(page)["position"] == MIDDLE + 1
    for position, m in ((0, 0.0), (MIDDLE, 1.0), (LAST, 100.0)):
        page.evaluate("(to) => window.hierbayes.go(to)", position)
        own = covariances | {"plate": covariances["plate"] * m**2}
        beta, b = henderson.estimates(fit.design, own, sigma, "plate")
        assert np.allclose([line[0] for line in lines(page)], beta[0] + b[:, 0], atol=1e-8)
    codes = henderson.pieces(fit.design)["plate"][1]
    ends = np.array([line[0] for line in lines(page)])[codes]
    limit = henderson.not_pooled(fit.design, covariances, sigma, "plate")
    assert np.abs(ends - limit).max() < 1.02 * shown.data["left"]
    assert "The other grouping factor (sample) stays in the model" in page.locator("#words").inner_text()


def test_a_singular_fit_says_so_above_the_slider(phone, opened):
    opened(phone, "dyestuff2")
    warning = phone.locator("header .warning")
    assert warning.inner_text().startswith("REML is singular here: it puts the sd of Intercept at 0.")
    assert warning.bounding_box()["y"] < phone.locator("#slider").bounding_box()["y"]
    assert phone.locator("[data-go=middle]").inner_text() == "Posterior median"
    zero = phone.locator("#density .zero").bounding_box()
    assert phone.locator("#density .reml").bounding_box()["x"] == pytest.approx(zero["x"], abs=4)


def test_keys_and_the_button_play_and_pause(page, opened):
    opened(page, "dyestuff")
    page.evaluate("window.hierbayes.go(3)")
    page.keyboard.press("Space")
    until(page, "window.hierbayes.state().position > 6")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Space")
    position = state(page)["position"]
    assert not state(page)["playing"]
    assert position == int(position) == int(page.locator("#slider").input_value())
    page.evaluate("window.hierbayes.go(57)")
    page.locator("#play").click()
    until(page, "!window.hierbayes.state().playing")
    assert state(page)["position"] == LAST
    page.locator("#slider").press("ArrowLeft")
    assert state(page)["position"] == LAST - 1
    assert re.fullmatch(r"sd of Intercept 36\d\d, 86 × REML, partial pooling", said(page))


def said(page):
    return page.locator("#slider").get_attribute("aria-valuetext")


def test_less_motion_goes_by_whole_steps(new_page, opened):
    page = new_page(reduced_motion="reduce")
    opened(page, "dyestuff")
    page.evaluate("window.hierbayes.go(55)")
    page.evaluate("""() => {
        window.seen = [];
        const look = () => window.seen.push(document.body.dataset.position);
        new MutationObserver(look).observe(document.body, { attributes: true });
    }""")
    page.locator("#play").click()
    until(page, "!window.hierbayes.state().playing && window.hierbayes.state().position === 60")
    assert {float(value) % 1 for value in page.evaluate("window.seen")} == {0.0}


def test_the_mark_under_the_slider_stands_below_its_thumb_and_reml_at_its_value(page, opened):
    opened(page, "sleepstudy")
    box = page.locator("#slider").bounding_box()
    for position in (0, 12, LAST):
        page.evaluate("(to) => window.hierbayes.go(to)", position)
        now = page.locator("#density .now").bounding_box()
        thumb = box["x"] + 12 + (box["width"] - 24) * position / LAST
        assert now["x"] + now["width"] / 2 == pytest.approx(thumb, abs=1.5)
    assert float(page.locator("#density .reml").get_attribute("data-sd")) == pytest.approx(24.740, abs=1e-3)
    page.locator("#density-term").select_option(label="Days")
    assert float(page.locator("#density .reml").get_attribute("data-sd")) == pytest.approx(5.9221, abs=1e-3)


def test_levels_are_chosen(page, opened):
    opened(page, "hundred")
    assert page.locator(".panel").count() == 24
    page.locator("#levels summary").click()
    page.locator("#find").fill("school 10")
    page.locator("#none").click()
    page.locator("#find").fill("")
    page.get_by_label("school 1", exact=True).uncheck()
    page.get_by_label("school 100", exact=True).check()
    names = page.locator(".panel title").all_text_contents()
    assert "school 100" in names
    assert "school 1" not in names
    page.locator("#all").click()
    assert page.locator(".panel").count() == 100
    assert page.locator("#count").inner_text() == "100 of 100 shown"
    page.locator("#none").click()
    assert page.locator(".panel").count() == 0


def test_two_terms_of_three_are_chosen(page, opened):
    opened(page, "three terms")
    page.locator("#term-x").select_option(index=2)
    labels = page.locator("#plane .label").all_text_contents()
    assert labels == ["I(hours^2)", "hours"]
    page.locator("#term-y").select_option(index=2)  # the same on both axes: they change places
    assert page.locator("#plane .label").all_text_contents() == ["hours", "I(hours^2)"]


def test_the_table_follows_the_slider(page, opened):
    opened(page, "dyestuff")
    page.locator("#numbers summary").click()
    page.evaluate("window.hierbayes.go(0)")
    cells = page.locator("#numbers tbody tr").first.locator("th, td").all_inner_texts()
    assert cells == ["population", "", "", "1528"]
    assert page.locator("#numbers caption").inner_text() == "Batch: 0 × REML, complete pooling"


@pytest.mark.parametrize("policy", [True, False])
def test_hostile_names_are_text(page, opened, explorers, tmp_path, policy):
    fit, shown = explorers("hostile")
    html = shown.html if policy else re.sub(r"<meta http-equiv.*?>", "", shown.html)
    place = tmp_path / "hostile.html"
    place.write_text(html, encoding="utf-8")
    page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
    page.goto(place.as_uri())
    page.wait_for_selector("#panels .panel")
    page.locator("#levels summary").click()
    page.locator("#numbers summary").click()
    page.evaluate("window.hierbayes.go(7)")
    counts = {tag: page.locator(tag).count() for tag in ("script", "img", "b")}
    assert counts == {"script": 2, "img": 0, "b": 0}
    names = page.locator("#boxes span").all_inner_texts()
    assert set(names) == {" ".join(name.split("\n")) or "(empty)" for name in HOSTILE}
    assert HOSTILE[0] in page.title()
    assert HOSTILE[2] in page.locator("h1").inner_text()
    assert [level["name"] for level in state(page)["levels"]] == list(fit.design.groups[0].levels)


def test_the_policy_refuses_what_is_not_the_page(page, opened):
    opened(page, "dyestuff")
    assert page.evaluate("fetch('https://example.org').then(() => 'came', () => 'refused')") == "refused"
    page.evaluate("""() => { const made = document.createElement("script"); made.textContent = "window.added = 1";
        document.body.append(made); }""")
    assert page.evaluate("window.added === undefined")
    assert any("Content Security Policy" in said for said in page.complaints)
    page.complaints.clear()


@pytest.mark.parametrize(
    "name", ["sleepstudy", "dyestuff", "dyestuff2", "penicillin", "hundred", "categorical", "shares", "hostile"]
)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_cut_off_at_any_width(new_page, opened, name, width):
    page = new_page({"width": width, "height": 844})
    opened(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#slider").bounding_box()["width"] >= 200
    for button in page.locator("#controls button").all():
        assert button.bounding_box()["height"] >= 36
    outside = page.evaluate("""() => [...document.querySelectorAll("svg text")].filter((text) => {
        const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
        return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1
          || own.bottom > all.bottom + 1;
    }).map((text) => text.textContent)""")
    assert outside == []
    crossing = page.evaluate("""() => {
        const boxes = [...document.querySelectorAll("svg .tick, svg .name, svg .label")].map((text) =>
          [text.ownerSVGElement, text.textContent, text.getBoundingClientRect()]);
        return boxes.flatMap(([svg, name, a], i) => boxes.slice(i + 1).filter(([other, , b]) => other === svg
          && a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
          .map(([, second]) => `${name} / ${second}`));
    }""")
    assert crossing == []


def test_a_narrower_window_is_laid_out_anew(page, opened):
    opened(page, "sleepstudy")
    wide = page.locator("#panels svg").bounding_box()["width"]
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, f"document.querySelector('#panels svg').clientWidth < {wide / 1.5}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_dark_page_is_dark(new_page, opened):
    page = new_page(color_scheme="dark")
    opened(page, "sleepstudy")
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", shade)[:3])) < 60


def test_it_works_inside_a_notebook_page_twice(page, explorers, tmp_path):
    inside = "".join(explorers(name)[1]._repr_html_() for name in ("dyestuff", "sleepstudy"))
    place = tmp_path / "notebook.html"
    place.write_text(f"<!doctype html><title>notebook</title><body><p>Out:</p>{inside}</body>", encoding="utf-8")
    page.goto(place.as_uri())
    for i in (0, 1):
        frame = page.frame_locator("iframe").nth(i)
        frame.locator("#slider").focus()
        frame.locator("#slider").press("Home")
        assert frame.locator("body").get_attribute("data-position") == "0"
        assert frame.locator("#readout").inner_text().endswith("complete pooling")
