"""The catalogue agrees with lme4's figures, and a specification is data that can call nothing."""

import json
import os
import re
from pathlib import Path

import pytest

import hierbayes.priors as priors
from hierbayes.catalogue import catalogue, models, read_spec
from hierbayes.datasets.sources import find
from hierbayes.errors import DataError, ModelError
from hierbayes.priors.text import KNOWN, read_prior

CLASSICAL = json.loads((Path(__file__).parent / "reference" / "classical.json").read_text())
LINEAR = (
    "cake chapter_groups dyestuff dyestuff2 oats pastes penicillin penicillin_sample_fixed sleepstudy "
    "sleepstudy_intercept sleepstudy_uncorrelated"
).split()
GENERALIZED = {"cbpp": "binomial", "grouseticks": "poisson", "verbagg": "bernoulli", "wine": "ordinal"}
NAMES = sorted([*LINEAR, *GENERALIZED, "eight_schools"])
FACTORS = {"cask:batch": "batch:cask", "V:B": "B:V", "Subject.1": "Subject"}
MINIMAL = 'formula = "Yield ~ 1 + (1 | Batch)"\ndata = "dyestuff"\n'


def as_in_r(label):
    """`recipe[B]:temp` is `recipeB:temp` in R."""
    return "(Intercept)" if label == "Intercept" else re.sub(r"\[([^]]*)\]", r"\1", label)


def spec_of(tmp_path, text):
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path)


def test_these_models_are_in_the_catalogue():
    assert list(models()) == NAMES
    assert list(catalogue()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_model_says_what_it_is(name):
    spec = catalogue()[name]
    assert spec.name == name
    assert spec.family == GENERALIZED.get(name, "gaussian")
    assert (spec.priors is None) == (name != "eight_schools")
    assert spec.title
    assert len(spec.description) > 60
    assert spec.source == find(spec.data).source
    assert len(spec.table()) == spec.published["rows"]


@pytest.mark.parametrize("name", [*LINEAR, *GENERALIZED])
def test_published_numbers_are_those_of_lme4(name):
    published, lme4 = catalogue()[name].published, CLASSICAL[name]
    if name in GENERALIZED:
        assert published["log_likelihood"] == lme4["logLik"]
        assert published.get("thresholds") == lme4.get("thresholds")
    for key in ("sigma", "reml_criterion", "ml_deviance") if name in LINEAR else ():
        assert published[key] == lme4[key]
    for key in ("fixef", "se"):
        assert {as_in_r(label): value for label, value in published[key].items()} == lme4[key]
    sds = {
        (FACTORS.get(factor, factor), term): sd
        for factor, block in lme4["varcorr"].items()
        for term, sd in zip(block["names"], block["sd"], strict=True)
    }
    ours = {(g, as_in_r(term)): sd for g, terms in published["sds"].items() for term, sd in terms.items()}
    assert ours == sds


def test_only_the_full_sleep_model_has_a_correlation():
    found = {name: spec.published["corrs"] for name, spec in catalogue().items() if "corrs" in spec.published}
    assert found == {"sleepstudy": {"Subject": {"Intercept": {"Days": 0.065551238238}}}}
    assert CLASSICAL["sleepstudy"]["varcorr"]["Subject"]["corr"][0][1] == 0.065551238238


def test_coefficients_are_labelled_as_hierbayes_labels_them():
    assert list(catalogue()["cake"].published["fixef"]) == [
        "Intercept", "recipe[B]", "recipe[C]", "temp", "recipe[B]:temp", "recipe[C]:temp",
    ]  # fmt: skip
    assert "V[Marvellous]:N[0.2cwt]" in catalogue()["oats"].published["fixef"]
    assert list(catalogue()["oats"].published["sds"]) == ["B", "B:V"]


def test_a_minimal_specification_takes_the_defaults(tmp_path):
    spec = spec_of(tmp_path, MINIMAL)
    assert (spec.name, spec.data) == ("spec", "dyestuff")
    assert spec.options() == {"family": "gaussian", "priors": None, "contrasts": None, "weights": None}


def test_a_full_specification_is_read_whole(tmp_path):
    (tmp_path / "table.csv").write_text("y,x,w,g\n1,2,1,a\n")
    spec = spec_of(
        tmp_path,
        """
        name = "mine"
        formula = "y ~ x + (1 | g)"
        data = "table.csv"
        weights = "w"
        [priors]
        x = "Normal(0, sigma=5)"
        sd_g = { dist = "HalfNormal", sigma = 50 }
        "sd_g[x]" = "hb.Fixed(0.5)"
        corr_g = "Fixed([[1, -0.5], [-.5, 1]])"
        Intercept = "Flat()"
        [contrasts]
        g = "sum"
        h = { treatment = "B" }
        [sampling]
        draws = 500
        tune = "auto"
        seed = 0
        target_accept = 0.9
        """,
    )
    assert spec.name == "mine"
    assert spec.table().shape == (1, 4)
    assert spec.options() == {
        "family": "gaussian",
        "priors": {
            "x": priors.Normal(0, 5),
            "sd_g": priors.HalfNormal(50),
            "sd_g[x]": priors.Fixed(0.5),
            "corr_g": priors.Fixed(((1, -0.5), (-0.5, 1))),
            "Intercept": priors.Flat(),
        },
        "contrasts": {"g": "sum", "h": {"treatment": "B"}},
        "weights": "w",
    }
    assert spec.sampling == {"draws": 500, "tune": "auto", "seed": 0, "target_accept": 0.9}


def test_data_lie_beside_the_specification_wherever_it_is_read_from(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text("y,g\n1,a\n")
    (tmp_path / "spec.toml").write_text('formula = "y ~ 1"\ndata = "table.csv"\n')
    monkeypatch.chdir(tmp_path.parent)
    spec = read_spec(Path(tmp_path.name) / "spec.toml")
    monkeypatch.chdir("/")
    assert list(spec.table()) == ["y", "g"]


def test_a_missing_table_is_a_fault_of_the_data(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        spec_of(tmp_path, 'formula = "y ~ 1"\ndata = "nothing.csv"\n').table()


def test_flat_priors_are_a_word(tmp_path):
    assert spec_of(tmp_path, MINIMAL + 'priors = "flat"\n').priors == "flat"


def test_a_specification_cannot_be_changed():
    spec = catalogue()["sleepstudy"]
    with pytest.raises(TypeError):
        spec.published["fixef"]["Days"] = 0
    with pytest.raises(TypeError):
        spec.sampling["seed"] = 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('data = "dyestuff"', "key 'formula' is missing"),
        ('formula = " "\ndata = "dyestuff"', "key 'formula' is missing or empty"),
        ('formula = "y ~ 1"', "key 'data' is missing"),
        (MINIMAL + 'fromula = "y ~ 1"', r"no key 'fromula'\nDid you mean 'formula'\?"),
        (MINIMAL + "weights = 3", "'weights' must be text, not 3"),
        (MINIMAL + 'priors = "falt"', "'priors' is 'falt'"),
        (MINIMAL + "priors = 3", "'priors' must be a table or text"),
        (MINIMAL + "[contrasts]\ng = 3", "contrast of 'g' cannot be 3"),
        (MINIMAL + "[sampling]\ndarws = 3", r"\[sampling\]: there is no key 'darws'\nDid you mean 'draws'\?"),
        (MINIMAL + "[sampling]\ndraws = 0", "'draws' must be at least 1, not 0"),
        (MINIMAL + "[sampling]\ndraws = true", "'draws' must be a whole number, not True"),
        (MINIMAL + "[sampling]\nseed = -1", "'seed' must be at least 0"),
        (MINIMAL + '[sampling]\ntune = "some"', "'tune' must be a whole number or 'auto'"),
        (MINIMAL + "[sampling]\ntarget_accept = 1", "'target_accept' must lie between 0 and 1"),
        (MINIMAL + "[sampling]\ntarget_accept = nan", "'target_accept' must lie between 0 and 1"),
        (
            'formula = "y ~ 1"\ndata = "dyestuf"',
            r"neither a bundled data set nor a CSV file\nDid you mean 'dyestuff'\?",
        ),
        ('formula = "y ~ 1', "cannot read the model in"),
        ("formula = ", "cannot read the model in"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("formula = " + "9" * 5000, "cannot read the model in"),
    ],
)
def test_a_bad_specification_is_told_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ModelError, match=message) as caught:
        spec_of(tmp_path, text)
    assert str(tmp_path / "spec.toml") in str(caught.value)
    assert "\n\n" not in str(caught.value)


def test_bytes_directories_and_missing_files_are_told_apart(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b'formula = "\xff\xfe"')
    (tmp_path / "folder.toml").mkdir()
    for name, message in {"bytes": "not text in UTF-8", "folder": "it is a directory", "none": "no such file"}.items():
        with pytest.raises(ModelError, match=message):
            read_spec(tmp_path / f"{name}.toml")
    with pytest.raises(ModelError, match="catalogue has a model called 'oats'"):
        read_spec(tmp_path / "oats.toml")
    with pytest.raises(ModelError, match=r"no model called 'sleepstdy'.*\nDid you mean 'sleepstudy'\?"):
        read_spec("sleepstdy")
    for odd in ("", "a\0b", "x" * 5000, "a\0b.toml", f"{'x' * 5000}.toml"):
        with pytest.raises(ModelError):
            read_spec(odd)


def test_a_model_is_found_by_name_in_any_case_and_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_spec("SleepStudy").name == "sleepstudy"


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_prior_can_be_written_as_it_prints(name):
    prior = priors.Fixed(0.5) if name == "Fixed" else KNOWN[name]()
    assert read_prior(str(prior), "here") == prior


def test_every_prior_but_custom_is_known():
    every = {
        name
        for name, kind in vars(priors).items()
        if isinstance(kind, type)
        and issubclass(kind, priors.Prior)
        and kind not in (priors.Prior, priors.PositivePrior)
    }
    assert every - set(KNOWN) == {"Custom"}


CALLS = [
    "__import__('os').system('touch HIT')",
    "Normal(__import__('os').system('touch HIT'), 1)",
    "Normal(open('HIT', 'w'))",
    "Normal(mu=open('HIT', 'w'))",
    "Custom(lambda n: 0)",
    "Custom(open)",
    "Normal(*[open('HIT', 'w')])",
    "Normal(**{'mu': 1})",
    "os.system('touch HIT')",
    "hb.priors.Normal(0, 1)",
    "Normal.scaled(2)",
    "(lambda: Normal())()",
    "[Normal(0, 1)][0]",
    "Normal(0, 1) if open('HIT', 'w') else 1",
    "Normal((x := 1), 1)",
    "Normal(1 + 1, 1)",
    "Normal(True, 1)",
    "Normal('0', 1)",
    "Normal(1j, 1)",
    "Normal(-[1], 1)",
    "Normal",
    "Normal(",
    "",
    "\0",
    "(" * 300,
    "Normal(" * 50,
    "x" * 100_000,
]


@pytest.mark.parametrize("text", CALLS)
def test_a_specification_can_call_nothing_but_the_priors(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="here"):
        read_prior(text, "here")
    assert os.listdir(tmp_path) == []


def test_signs_are_part_of_a_number_however_many():
    assert read_prior("Normal(" + "-" * 380 + "1, +2)", "here") == priors.Normal(1, 2)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("HalfNormal(-1)", "prior of 'sd_g'.*sigma must be positive"),
        ("Halfnormal(1)", r"no prior 'Halfnormal'\nDid you mean 'HalfNormal'\?"),
        ("HalfNormal(nu=1)", "no parameter 'nu'\nHalfNormal takes sigma"),
        ("HalfNormal(1, 2)", "too many parameters"),
        ("HalfNormal(1, sigma=2)", "too many parameters"),
        ("HalfNormal([1])", "sigma must be a number"),
        ("Normal(1e400, 1)", "mu must be finite"),
        ("Normal(1" + "0" * 399 + ", 1)", "longer than 400"),
        ("Normal(1" + "0" * 380 + ", 1)", "is not a prior"),
        ("Fixed()", "Fixed needs a value"),
        ("Flat(1)", "too many parameters\nFlat takes no parameters"),
        ({"dist": "HalfNormal", "sgima": 1}, r"no parameter 'sgima'\nDid you mean 'sigma'\?"),
        ({"sigma": 1}, "does not name its 'dist'"),
        ({"dist": "Custom", "make": "open"}, "is not a prior"),
        ({"dist": "HalfNormal", "sigma": "1"}, "is not a prior"),
        ({"dist": "HalfNormal", "sigma": True}, "is not a prior"),
        ({"dist": "HalfNormal", "sigma": 10**400}, "is not a prior"),
        (5, "5 is not a prior"),
    ],
)
def test_a_bad_prior_is_told_what_is_wrong(value, message):
    with pytest.raises(ModelError, match=message):
        read_prior(value, "prior of 'sd_g'")
