"""What the user asks for, frozen before any data are seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import hierbayes as hb
from hierbayes.errors import FormulaError, ModelError
from hierbayes.formula import parse
from hierbayes.spec import Contrast, contrast, make_spec


def test_a_spec_holds_what_was_asked_for() -> None:
    given = {"sigma": hb.HalfNormal(1)}
    spec = make_spec("y ~ x + (x | g)", priors=given, contrasts={"x": "sum"}, weights="w", missing="raise")
    assert spec.formula == parse("y ~ x + (x | g)")
    assert spec.priors == given
    assert spec.contrasts == {"x": Contrast("sum")}
    assert spec.columns == ("y", "x", "g", "w")
    assert (spec.missing, spec.family.name) == ("raise", "gaussian")


def test_a_spec_takes_a_formula_that_has_been_read() -> None:
    assert make_spec(parse("y ~ x")) == make_spec("y ~ x")


def test_a_spec_cannot_be_changed_nor_is_it_tied_to_what_was_passed() -> None:
    given: dict[str, Any] = {"sigma": hb.HalfNormal(1)}
    spec = make_spec("y ~ x", priors=given, contrasts={})
    given["x"] = hb.Normal()
    assert list(spec.priors) == ["sigma"]
    with pytest.raises(TypeError):
        spec.priors["x"] = hb.Normal()  # type: ignore[index]
    with pytest.raises(TypeError):
        spec.contrasts["x"] = Contrast("sum")  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.missing = "raise"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "kind", "reference"),
    [
        ("treatment", "treatment", None),
        ("Sum", "sum", None),
        ("contr.sum", "sum", None),
        ("deviation", "sum", None),
        ("HELMERT", "helmert", None),
        ("contr.poly", "poly", None),
        (("treatment", "B"), "treatment", "B"),
        ({"treatment": "B"}, "treatment", "B"),
        ({"sum": "B"}, "sum", "B"),
        ({"treatment": 2}, "treatment", "2"),
        ({"treatment": 2.0}, "treatment", "2"),
        ({"treatment": 2.5}, "treatment", "2.5"),
        (Contrast("sum"), "sum", None),
    ],
    ids=str,
)
def test_the_spellings_of_a_contrast(given: Any, kind: str, reference: str | None) -> None:
    assert contrast(given) == Contrast(kind, reference)


@pytest.mark.parametrize("given", ["zum", 3, None, [], ["sum"], {"sum": "a", "poly": "b"}, {"zum": "B"}], ids=str)
def test_an_unknown_contrast_is_refused_with_those_that_there_are(given: Any) -> None:
    with pytest.raises(ModelError, match='is not known\nwrite "treatment", "sum", "helmert" or "poly"'):
        contrast(given)


@pytest.mark.parametrize("kind", ["helmert", "poly"])
def test_only_treatment_and_sum_take_a_level(kind: str) -> None:
    with pytest.raises(ModelError, match="takes no reference level"):
        contrast((kind, "B"))


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"missing": "keep"}, ModelError, r"missing='keep' is not understood: write \"drop\" or \"raise\""),
    ({"missing": None}, ModelError, "missing=None is not understood"),
    ({"weights": 3}, ModelError, "weights takes the name of a column here, not int"),
    ({"weights": [1.0, 2.0]}, ModelError, "weights takes the name of a column here, not list"),
    ({"priors": "wide"}, ModelError, "priors='wide' is not understood"),
    ({"priors": [hb.Normal()]}, ModelError, "priors takes a mapping of names to priors, not list"),
    ({"priors": {"x": 1}}, ModelError, "the prior of 'x' is 1, which is not a prior\nwrite one of hb.Normal"),
    ({"contrasts": "sum"}, ModelError, "contrasts takes a mapping of columns to codings, not str"),
    ({"family_name": "gausian"}, ModelError, "gausian"),
]


@pytest.mark.parametrize(("options", "kind", "message"), BAD, ids=[str(row[0]) for row in BAD])
def test_an_option_that_makes_no_sense_is_refused(options: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make_spec("y ~ x", **options)


@pytest.mark.parametrize("text", [None, 3, b"y ~ x", ""])
def test_a_formula_is_text(text: Any) -> None:
    with pytest.raises(FormulaError):
        make_spec(text)
