"""Numbers that were read as text: said where they become levels by accident, and not where they are levels."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import hierbayes as hb
from hierbayes.design.text_numbers import looks_like_numbers


def frame(levels, n=60):
    rng = np.random.default_rng(3)
    texts = [levels[i % len(levels)] for i in range(n)]
    return pd.DataFrame(
        {"h": texts, "x": rng.normal(size=n), "g": np.repeat(list("abcdef"), n // 6), "y": rng.normal(size=n)}
    )


def heard(formula, data, **options):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = hb.Model(formula, data, **options)
    return model, [str(each.message) for each in found if "is text" in str(each.message)]


def decimals(mark, k=30):
    return [f"{2 + i / 7:.2f}".replace(".", mark) for i in range(k)]


LOOKING = {
    "decimal commas": decimals(","),
    "decimal points": decimals("."),
    "a word among them": [*decimals(","), "n.a."],
    "whole": [str(i) for i in range(20, 50)],
    "exponents": [f"{i}e-3" for i in range(1, 30)],
    "blanks around": [f" {each} " for each in decimals(",")],
    "signs": [f"{i - 15}" for i in range(30) if i != 15],
}


@pytest.mark.parametrize("kind", LOOKING)
@pytest.mark.parametrize("formula", ["y ~ h + (1 | g)", "y ~ x + h:x + (1 | g)", "y ~ 1 + (0 + h | g)"])
def test_text_that_looks_like_numbers_is_named_and_the_advice_makes_numbers_of_it(kind, formula):
    data = frame(LOOKING[kind])
    model, (said,) = heard(formula, data)
    assert "'h'" in said
    advice = re.search(r"write (data\['h'\] = pd\.to_numeric\(.*?\))(?:;|, NaN)", said).group(1)
    exec(advice, {"pd": pd, "data": data})
    numbers, silence = heard("y ~ h + (1 | g)", data.dropna())
    assert silence == []
    assert numbers.design.coefficients == ("Intercept", "h")
    assert len(model.design.coefficients) > 10 or len(model.design.groups[0].terms) > 10
    wanted = float(LOOKING[kind][3].replace(",", "."))
    assert data["h"][3] == wanted


def test_the_other_advice_keeps_the_levels_in_silence():
    data = frame(decimals(","))
    model, (said,) = heard("y ~ h + (1 | g)", data)
    advice = re.search(r"""meant, (data\['h'\] = .*)$""", said).group(1)
    exec(advice, {"data": data})
    again, silence = heard("y ~ h + (1 | g)", data)
    assert silence == []
    assert again.design.coefficients == model.design.coefficients


@pytest.mark.parametrize(
    "levels",
    [
        ["2019", "2020", "2021", "2022"],
        [str(month) for month in range(1, 13)],
        ["0,5", "1,0", "2,0"],
        [f"{i:03d}" for i in range(40)],
        [f"site {i}" for i in range(40)],
        ["1-2", "3-4", "5+"],
        [f"{i}a" for i in range(30)],
        [*map(str, range(15)), *"abcdefgh"],
    ],
)
def test_levels_that_are_meant_are_left_in_peace(levels):
    assert not looks_like_numbers(levels)
    assert heard("y ~ h + (1 | g)", frame(levels))[1] == []


@pytest.mark.parametrize(
    ("formula", "given"),
    [
        ("y ~ x + (1 | h)", lambda d: d),
        ("y ~ C(h) + (1 | g)", lambda d: d),
        ("y ~ h + (1 | g)", lambda d: d.astype({"h": "category"})),
    ],
)
def test_nothing_is_said_where_levels_are_asked_for(formula, given):
    assert heard(formula, given(frame(decimals(","))))[1] == []


def test_a_polars_frame_is_read_alike():
    assert len(heard("y ~ h + (1 | g)", pl.from_pandas(frame(decimals(","))))[1]) == 1
