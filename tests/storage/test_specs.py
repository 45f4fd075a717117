"""Specs and priors as JSON: every number to its last bit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hierbayes as hb
from hierbayes.design.table import Categorical, Numeric
from hierbayes.priors.text import KNOWN, read_prior, write_prior
from hierbayes.spec import make_spec
from hierbayes.storage.fingerprint import data_fingerprint
from hierbayes.storage.specs import prior_from_json, prior_to_json, spec_from_json, spec_to_json

POSITIVE = st.floats(1e-300, 1e300, allow_nan=False)
FINITE = st.floats(-1e300, 1e300, allow_nan=False)
PRIORS = st.one_of(
    st.builds(hb.Normal, FINITE, POSITIVE),
    st.builds(hb.Flat),
    st.builds(hb.HalfNormal, POSITIVE),
    st.builds(hb.HalfStudentT, POSITIVE, POSITIVE),
    st.builds(hb.HalfCauchy, POSITIVE),
    st.builds(hb.Exponential, POSITIVE),
    st.builds(hb.Gamma, POSITIVE, POSITIVE),
    st.builds(hb.InverseGamma, POSITIVE, POSITIVE),
    st.builds(hb.LogNormal, FINITE, POSITIVE),
    st.builds(lambda low, more: hb.Uniform(low, low + more), st.floats(0, 1e6), st.floats(1, 1e6)),
    st.builds(hb.LKJ, POSITIVE),
    st.builds(hb.Fixed, FINITE),
    st.builds(lambda r: hb.Fixed(((1.0, r), (r, 1.0))), st.floats(-1, 1)),
)


@given(PRIORS)
def test_a_prior_comes_back_to_the_last_bit(prior):
    back = read_prior(json.loads(json.dumps(write_prior(prior))), "here")
    assert type(back) is type(prior)
    assert repr(back) == repr(prior)
    assert prior_from_json(json.loads(json.dumps(prior_to_json(prior))), "here") == prior


def test_every_prior_but_custom_is_written():
    written = {write_prior(kind(1.0) if name == "Fixed" else kind())["dist"] for name, kind in KNOWN.items()}
    assert written == set(KNOWN)
    with pytest.raises(hb.ModelError, match="cannot be written"):
        write_prior(hb.Custom(print))


def test_a_custom_prior_keeps_its_name_and_source():
    kept = prior_from_json(json.loads(json.dumps(prior_to_json(hb.Custom(lambda name: name * 2)))), "here")
    assert str(kept) == "Custom(<lambda>)"
    assert "name * 2" in kept.make.source
    assert prior_to_json(kept) == prior_to_json(prior_from_json(prior_to_json(kept), "here"))
    assert prior_to_json(hb.Custom(print))["source"] == repr(print)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("Reaction ~ Days + (Days || Subject)", {}),
        ("log(y) ~ x*z + offset(w) + (0 + x | `a b`/c)", {"weights": "w", "missing": "raise", "priors": "flat"}),
        ("y ~ C(x, sum)", {"contrasts": {"x": {"treatment": "B"}}, "priors": {"sigma": hb.Exponential(1 / 3)}}),
    ],
)
def test_a_spec_comes_back(formula, options):
    spec = make_spec(formula, **options)
    back = spec_from_json(json.loads(json.dumps(spec_to_json(spec))))
    assert back == spec
    assert back.formula.text == formula


def test_a_formula_that_was_not_typed_is_written_in_full():
    spec = make_spec("y ~ x")
    spec = replace(spec, formula=replace(spec.formula, text="what a person said"))
    with pytest.raises(hb.FormulaError):
        spec_to_json(spec)
    spec = replace(spec, formula=replace(spec.formula, text="y ~ z"))
    assert spec_from_json(spec_to_json(spec)).formula.canonical == "y ~ 1 + x"


def test_a_formula_that_means_something_else_is_refused():
    written = spec_to_json(make_spec("y ~ x"))
    with pytest.raises(hb.DataError, match="does not mean"):
        spec_from_json({**written, "formula": "y ~ x + z"})


def columns(**changes):
    codes = np.asarray([0, 1, 1])
    own = {
        "x": Numeric("x", np.asarray([1.0, 2.0, 3.0])),
        "g": Categorical("g", ("a", "b"), codes, "text"),
        "id": Numeric("id", np.asarray([2.0**60] * 3), np.asarray([2**60, 2**60 + 1, 2**60 + 2])),
    }
    return [{**own, **changes}[name] for name in own]


@pytest.mark.parametrize(
    "change",
    [
        {"x": Numeric("x", np.asarray([1.0, 2.0, np.nextafter(3.0, 4.0)]))},
        {"x": Numeric("z", np.asarray([1.0, 2.0, 3.0]))},
        {"g": Categorical("g", ("a", "c"), np.asarray([0, 1, 1]), "text")},
        {"g": Categorical("g", ("a", "b"), np.asarray([0, 1, 0]), "text")},
        {"g": Categorical("g", ("a", "b"), np.asarray([0, 1, 1]), "categorical")},
        {"id": Numeric("id", np.asarray([2.0**60] * 3), np.asarray([2**60, 2**60 + 1, 2**60 + 3]))},
        {"id": Numeric("id", np.asarray([2.0**60] * 3))},
    ],
)
def test_the_fingerprint_sees_every_change(change):
    rows = np.arange(3)
    assert data_fingerprint(columns(), rows, 3) == data_fingerprint(columns(), rows, 3)
    assert data_fingerprint(columns(**change), rows, 3) != data_fingerprint(columns(), rows, 3)
    assert data_fingerprint(columns(), rows + 1, 3) != data_fingerprint(columns(), rows, 3)
    assert data_fingerprint(columns(), rows, 4) != data_fingerprint(columns(), rows, 3)
