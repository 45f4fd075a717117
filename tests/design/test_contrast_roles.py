"""A coding is for a column of a term; where it would change nothing it is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "g": np.repeat(list("abcd"), 6),
            "f": list("uvw") * 8,
            "k": [1, 2, 3] * 8,
            "x": rng.normal(size=24) ** 2 + 1,
            "y": rng.normal(size=24),
        }
    )


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("y ~ x + (1 | g)", "g"),
        ("y ~ x + (x | f/g)", "g"),
        ("y ~ x + (1 | f:g)", "f"),
        ("y ~ x + (1 | g)", "y"),
        ("y ~ log(x) + (1 | g)", "x"),
    ],
)
def test_a_coding_that_would_do_nothing_is_refused_and_the_advice_followed(data, formula, name):
    with pytest.raises(hb.DataError, match=f"contrasts names the column '{name}'") as caught:
        hb.Model(formula, data, contrasts={name: "sum"})
    assert ("grouping factor only" in caught.value.what) == (name in "fg")
    assert caught.value.hint == "leave it out of contrasts"
    hb.Model(formula, data)


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("y ~ f + (1 | g)", "f"),
        ("y ~ x + (f | g)", "f"),
        ("y ~ x + x:f + (1 | g)", "f"),
        ("y ~ C(k) + (1 | g)", "k"),
        ("y ~ f + (1 | f)", "f"),
    ],
)
def test_a_coding_of_a_term_is_taken(data, formula, name):
    plain = hb.Model(formula, data)
    coded = hb.Model(formula, data, contrasts={name: "sum"})
    blocks = zip(plain.design.groups, coded.design.groups, strict=True)
    assert not np.array_equal(plain.design.X, coded.design.X) or any(not np.array_equal(a.Z, b.Z) for a, b in blocks)
