"""Models of every structure that a prediction has to handle, with made-up posteriors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from fits import fake_fit

import hierbayes as hb


@dataclass(frozen=True)
class Structure:
    formula: str
    data: str
    options: dict = field(default_factory=dict)


def invented(rows: int = 90) -> pd.DataFrame:
    """A frame with a column of every kind; the levels of `left` and `right` hold colons."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "x": rng.uniform(1, 9, rows),
            "z": rng.normal(size=rows),
            "count": rng.integers(0, 3, rows),
            "flag": rng.random(rows) < 0.5,
            "kind": rng.choice(["low", "mid", "high"], rows),
            "left": rng.choice(["a", "a:b", "b"], rows),
            "right": rng.choice(["c", "b:c", "1"], rows),
            "number": rng.integers(1, 7, rows),
            "long": 2**60 + rng.integers(0, 5, rows),
            "w": rng.uniform(0.5, 3, rows),
        }
    )
    frame["kind"] = pd.Categorical(frame["kind"], ["mid", "low", "high"])
    frame["y"] = 2 + 0.5 * frame["x"] + rng.normal(size=rows)
    return frame


STRUCTURES = {
    "correlated": Structure("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "uncorrelated": Structure("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    "two blocks": Structure("Reaction ~ Days + (Days | Subject) + (0 + I(Days^2) | Subject)", "sleepstudy"),
    "crossed": Structure("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    "nested": Structure("strength ~ 1 + (1 | batch/cask)", "pastes"),
    "categorical slopes": Structure("Y ~ N * V + (V | B)", "oats", {"contrasts": {"V": "sum"}}),
    "indicators": Structure("Y ~ 0 + N + (0 + V | B)", "oats"),
    "colons": Structure("y ~ x + (x | left:right)", "invented"),
    "numbers as levels": Structure("y ~ C(count, reference=1) + flag + (1 | number) + (x | long)", "invented"),
    "weights": Structure("y ~ x + kind + (1 | number)", "invented", {"weights": "w"}),
    "offset": Structure("y ~ z + offset(log(x)) + offset(count) + (z | number)", "invented"),
    "scale": Structure("y ~ scale(x) + standardize(z) + (scale(x) || number)", "invented"),
    "center": Structure("y ~ I(center(x)^2) + center(log(x)) + (center(x) | number)", "invented"),
    "poly": Structure("y ~ poly(x, 3) + (poly(log(x), 2) | number)", "invented"),
    "bs": Structure("y ~ bs(x, df=5) + bs(scale(z), knots=[-0.5, 0.5], degree=2) + (1 | number)", "invented"),
    "functions": Structure('y ~ exp(z) + sin(x) + I(kind == "mid") + I(x > 4) + I(flag * z) + sqrt(x)', "invented"),
    "no groups": Structure("y ~ x * kind", "invented"),
    "groups only": Structure("y ~ 0 + (1 | number) + (0 + x | kind)", "invented"),
    "scaled response": Structure("scale(y) ~ x + (1 | number)", "invented"),
}


def data_of(name: str) -> pd.DataFrame:
    own = STRUCTURES[name].data
    return invented() if own == "invented" else hb.load_data(own)


@cache
def made_up(name: str, chains: int = 2, draws: int = 30) -> hb.Fit:
    """A fit of the structure whose posterior is made up; nothing is sampled."""
    own = STRUCTURES[name]
    return fake_fit(own.formula, data_of(name), chains=chains, draws=draws, **own.options)
