"""The explorer's numbers against dense matrices and least squares, and its page as text."""

import base64
import hashlib
import json
import re
from importlib.resources import files

import numpy as np
import pytest
from fits import fake_fit
from hostile import LEVELS, formula, frame, quoted
from oracles import henderson
from scipy.stats import gaussian_kde

import hierbayes as hb
from hierbayes.errors import DataError, ModelError
from hierbayes.posterior.roots import lower_root
from hierbayes.report.explorer import SCRIPTS, Explorer, as_json, explore
from hierbayes.report.explorer_levels import MOST_LEVELS
from hierbayes.report.explorer_path import ABOVE, BELOW, MULTIPLIERS, STEPS

MIDDLE, LAST = 30, 60


def weighted():
    rng = np.random.default_rng(4)
    data = hb.load_data("sleepstudy")
    return data.assign(w=rng.uniform(0.5, 2, len(data)), shift=rng.normal(size=len(data)))


STRUCTURES = {
    "a plane": ("Reaction ~ Days + (Days | Subject)", "sleepstudy", "Subject"),
    "uncorrelated": ("Reaction ~ Days + (Days || Subject)", "sleepstudy", "Subject"),
    "means": ("Yield ~ 1 + (1 | Batch)", "dyestuff", "Batch"),
    "crossed, the many": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", "plate"),
    "crossed, the few": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", "sample"),
    "nested, outer": ("strength ~ 1 + (1 | batch/cask)", "pastes", "batch"),
    "nested, inner": ("strength ~ 1 + (1 | batch/cask)", "pastes", "batch:cask"),
    "categorical": ("Y ~ N + V + (1 | B/V)", "oats", "B"),
    "weights and offset": ("Reaction ~ Days + offset(shift) + (1 | Subject)", None, "Subject"),
}


def made(name):
    text, data, factor = STRUCTURES[name]
    options = {} if data else {"weights": "w"}
    fit = fake_fit(text, hb.load_data(data) if data else weighted(), **options)
    return fit, factor, explore(fit, factor).data


def given(fit):
    """REML's covariances by factor, and sigma, as its table shows them."""
    table = fit.model.reml().varcorr()
    terms = {f: [t for b in fit.design.blocks(f) for t in b.terms] for f in fit.design.factors}
    covariances = {f: henderson.covariance_of(table, f, terms[f]) for f in terms}
    return covariances, float(table.loc[table["kind"] == "sigma", "mean"].iloc[0])


def rows(data, fit, factor, position):
    """The fit of each row at a position."""
    Z, codes = henderson.pieces(fit.design)[factor]
    return fit.design.X @ data["beta"][position] + np.sum(Z * np.array(data["b"][position])[codes], axis=1)


def test_positions_run_from_0_through_1_to_100():
    assert (MULTIPLIERS[0], MULTIPLIERS[MIDDLE], len(MULTIPLIERS)) == (0, 1, LAST + 1)
    assert MULTIPLIERS[LAST] == pytest.approx(100, rel=1e-14)
    assert np.allclose(np.diff(np.log10(MULTIPLIERS[1:])), 1 / STEPS)
    assert BELOW + ABOVE + 1 == LAST


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_position_is_what_dense_matrices_give(name):
    fit, factor, data = made(name)
    covariances, sigma = given(fit)
    size = np.std(fit.design.y)
    for position in (0, 9, MIDDLE, 41, LAST):
        own = covariances | {factor: covariances[factor] * MULTIPLIERS[position] ** 2}
        beta, b = henderson.estimates(fit.design, own, sigma, factor)
        assert np.allclose(data["beta"][position], beta, rtol=0, atol=3e-8 * size)
        assert np.allclose(data["b"][position], b, rtol=0, atol=3e-8 * size)


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_right_end_is_as_near_to_no_pooling_as_the_page_says(name):
    fit, factor, data = made(name)
    gap = np.abs(rows(data, fit, factor, LAST) - henderson.not_pooled(fit.design, *given(fit), factor)).max()
    assert gap == pytest.approx(data["left"], rel=0.02, abs=1e-9 * np.std(fit.design.y))
    earlier = np.abs(rows(data, fit, factor, LAST - 5) - henderson.not_pooled(fit.design, *given(fit), factor)).max()
    assert earlier > 3 * gap


def test_the_left_end_is_least_squares_and_the_middle_is_reml():
    fit, _, data = made("a plane")
    y, X = fit.design.y, fit.design.X
    assert np.allclose(data["beta"][0], np.linalg.lstsq(X, y)[0], rtol=1e-11)
    assert not np.any(data["b"][0])
    reml = fit.model.reml()
    assert np.allclose(np.ravel(data["b"][MIDDLE]), reml.ranef()["mean"], rtol=0, atol=1e-9)
    assert np.allclose(data["beta"][MIDDLE], reml.fixef()["mean"], rtol=1e-11)


def test_a_root_of_a_matrix_without_an_inverse():
    A = np.random.default_rng(1).normal(size=(4, 2))
    L = lower_root(A @ A.T)
    assert np.allclose(L @ L.T, A @ A.T, atol=1e-14)
    assert np.array_equal(L, np.tril(L))


def test_where_reml_is_singular_the_posterior_anchors_and_the_page_says_so():
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff2"))
    assert fit.model.reml().singular
    shown = explore(fit)
    anchor = shown.data["anchor"]
    assert anchor["name"] == "posterior median"
    assert anchor["reml"] == [0.0]
    assert anchor["sds"] == pytest.approx([float(np.median(fit.posterior["sd_Batch"]))])
    assert "REML is singular here: it puts the sd of Intercept at 0." in shown.html
    end = rows(shown.data, fit, "Batch", LAST)
    means = np.bincount(fit.design.groups[0].codes, fit.design.y) / 5
    assert np.allclose(end, means[fit.design.groups[0].codes], atol=1.02 * shown.data["left"])


def test_a_correlation_at_its_limit_is_singular_too():
    rng = np.random.default_rng(2)
    data = hb.load_data("sleepstudy")
    codes = data["Subject"].cat.codes.to_numpy()
    data["Reaction"] = 250 + (10 + rng.normal(size=18)[codes] * 5) * (data["Days"] + 4) + rng.normal(size=180) * 30
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", data)
    corr = fit.model.reml().estimates.corrs[0][0, 1]
    assert abs(corr) > 1 - 1e-6
    shown = explore(fit)
    assert "it puts a correlation at its limit" in shown.html
    covariance = np.array(shown.data["anchor"]["covariance"])
    typical = float(np.mean(fit.posterior["corr_Subject"][..., 0, 1]))
    assert covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]) == pytest.approx(typical)


def test_a_fixed_sd_leaves_the_posterior_as_anchor():
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), priors={"sd_Batch": hb.Fixed(40.0)})
    shown = explore(fit)
    assert shown.data["anchor"]["reml"] is None
    assert "there is no REML fit" in shown.html
    assert shown.data["anchor"]["sigma"] == pytest.approx(float(np.median(fit.posterior["sigma"])))


def test_the_density_is_that_of_the_draws_on_the_logarithmic_scale():
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), chains=4, draws=1000)
    rng = np.random.default_rng(5)
    fit.posterior["sd_Batch"].values[:] = 42 * np.exp(0.4 * rng.normal(size=(4, 1000, 1)))
    data = explore(fit).data
    places = np.linspace(-BELOW / STEPS, ABOVE / STEPS, len(data["posterior"][0]["density"]))
    density = np.array(data["posterior"][0]["density"])
    draws = np.log10(fit.posterior["sd_Batch"].to_numpy().ravel() / data["anchor"]["sds"][0])
    assert np.trapezoid(density, places) == pytest.approx(1, abs=0.005)
    assert np.abs(density - gaussian_kde(draws)(places)).max() < 0.06 * density.max()
    assert np.abs(density - gaussian_kde(draws + 0.1)(places)).max() > 0.2 * density.max()


def test_levels_and_terms_are_chosen():
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    data = explore(fit, levels=["310", "335"], terms="Days").data
    assert [level["name"] for level in data["levels"] if level["shown"]] == ["310", "335"]
    assert (len(data["levels"]), data["axes"]) == (18, [1])
    assert explore(fit, terms=["Days", "Intercept"]).data["axes"] == [1, 0]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"factor": "Subjects"}, ModelError, "did you mean 'Subject'"),
        ({"levels": ["1"]}, DataError, "no level '1'"),
        ({"terms": ["days"]}, ModelError, "its terms are Intercept, Days"),
        ({"terms": ["Days", "Days"]}, ModelError, "one or two different terms"),
        ({"terms": []}, ModelError, "one or two different terms"),
    ],
)
def test_what_is_not_there_is_refused(options, error, said):
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    with pytest.raises(error, match=re.escape(said)):
        fit.explore(**options)


def test_a_model_without_groups_is_refused():
    with pytest.raises(ModelError, match="nothing to pool"):
        fake_fit("Reaction ~ Days", hb.load_data("sleepstudy")).explore()


def test_a_fit_loaded_without_its_data_says_what_is_missing(tmp_path):
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    fit.save(tmp_path / "fit.nc")
    assert hb.load(tmp_path / "fit.nc").explore().data["beta"] == explore(fit).data["beta"]
    fit.save(tmp_path / "fit.nc", data=False)
    with pytest.raises(ModelError, match="needs the data"):
        hb.load(tmp_path / "fit.nc").explore()


def test_an_unwritable_place_is_named(tmp_path):
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    with pytest.raises(DataError, match="no such folder"):
        fit.explore(tmp_path / "no such folder" / "page.html")


def test_small_levels_and_many_levels_are_told():
    rng = np.random.default_rng(6)
    codes = np.concatenate([np.repeat(np.arange(MOST_LEVELS + 200), 3), [MOST_LEVELS + 200]])
    x = rng.normal(size=len(codes))
    y = (1 + rng.normal(size=codes.max() + 1))[codes] * x + rng.normal(size=len(codes))
    fit = fake_fit("y ~ x + (x | g)", {"y": y, "x": x, "g": [f"{code:04d}" for code in codes]})
    data = explore(fit, levels=["1200", "0007"]).data
    assert len(data["levels"]) == MOST_LEVELS == len(data["b"][0])
    assert {"1200", "0007"} <= {level["name"] for level in data["levels"]}
    assert [level["name"] for level in data["levels"] if level["small"]] == ["1200"]
    notes = " ".join(data["notes"])
    assert "1 level has too few rows" in notes
    assert f"{MOST_LEVELS} of the {MOST_LEVELS + 201} levels" in notes


def test_lines_go_through_the_fit_of_each_place():
    fit, factor, data = made("categorical")
    expected = rows(data, fit, factor, MIDDLE)
    codes = fit.design.groups[0].codes
    places = fit.pooling_tables(factor).points["x"].cat
    assert data["xNames"] == list(places.categories)
    for j, level in enumerate(data["levels"]):
        line = np.array(level["X"]) @ data["beta"][MIDDLE] + np.array(level["Z"]) @ data["b"][MIDDLE][j]
        for at, value in zip(level["at"], line, strict=True):
            assert value == pytest.approx(expected[(codes == j) & (places.codes == at)].mean())


# ---- the page as text ----


def page_of(fit, **options):
    return explore(fit, **options).html


def test_the_page_is_written_and_names_its_place(tmp_path):
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    shown = fit.explore(tmp_path / "page.html")
    assert isinstance(shown, Explorer)
    assert shown.path.read_text(encoding="utf-8") == shown.html
    assert repr(shown).endswith(f"written to {str(shown.path)!r}")


def test_json_cannot_end_its_script():
    text = as_json({"</script><!--": "<script>&\u2028"})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"</script><!--": "<script>&\u2028"}


def test_the_policy_knows_the_script_and_style_and_no_others():
    html = page_of(fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")))
    policy = re.search('http-equiv="Content-Security-Policy" content="(.*?)"', html)[1]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind, tag in (("script", "script"), ("style", "style")):
        code = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1]
        known = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{known}'" in policy
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)


def test_the_script_makes_text_only():
    folder = files("hierbayes.report")
    for name in SCRIPTS:
        code = folder.joinpath(name).read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|fetch|XMLHttp|import\(", code
        )


def test_hostile_names_leave_no_tag_behind():
    names = ("<script>alert(1)</script>", "</script><img src=x>", '"><b onclick=x>')
    fit = fake_fit(formula(names), frame(names))
    factor = fit.design.factors[0]
    html = page_of(fit, factor=factor)
    outside = re.sub("<(script|style).*?</\\1>", "", html, flags=re.DOTALL)
    assert not re.search("<img|<b[ >]|<script|onclick=x>", outside)
    assert len(re.findall("<script", html)) == 2
    held = json.loads(re.search('id="data">(.*?)</script>', html, re.DOTALL)[1])
    assert {level["name"] for level in held["levels"]} == set(map(str, LEVELS))
    assert quoted(names[0]) in held["formula"]
    assert html.count("<iframe") == 0
    inline = explore(fit, factor)._repr_html_()
    assert re.fullmatch(r'<iframe title="[^"<>]*" sandbox="allow-scripts" srcdoc="[^"<>]*" [^<>]*></iframe>', inline)
