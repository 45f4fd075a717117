"""A made-up table that the tests of curves share: two crossed factors, two numbers, a category."""

from __future__ import annotations

import numpy as np
import pandas as pd


def schools() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n = 60
    return pd.DataFrame(
        {
            "school": rng.choice(["a", "b", "c", "d"], n),
            "district": rng.choice(["north", "south", "west"], n),
            "hours": rng.uniform(0, 5, n).round(1),
            "sex": rng.choice(["girl", "boy"], n),
            "iq": rng.normal(100, 15, n).round(),
            "y": rng.normal(size=n),
        }
    )
