"""Names that break file formats, and fits that are full of them; also run in a process of its own to read them back."""

from __future__ import annotations

import json
import sys
import warnings
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

import hierbayes as hb

NAMES = (
    "a/b", "/", "//x//", ".", "..", " ", "two words", " leading", "trailing ", "tab\there", "line\nbreak",
    "nul\0inside", "nul at the end\0", "50%", "%2F", "%25", "%", "lone'quote", 'double"quote', "back\\slash",
    "back`quote", "<script>alert(1)</script>", "{{ 1 + 1 }}", "__import__('os').system('true')", "caf\u00e9",
    "cafe\u0301", "\U0001f642\u200d\U0001f467", "\u202eright to left", "_nc4_non_coord_x", "x" * 500, "I(x)", "a:b",
    "NaN", "1", "-", "\u00e9/e\u0301 %00",
)  # fmt: skip
LEVELS = ("", "Intercept", "None", *NAMES)
TRIPLES = tuple(NAMES[i : i + 3] for i in range(0, len(NAMES) - 2, 3))


def quoted(name):
    """A name as a formula takes it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def frame(names, seed=0):
    """Data whose predictors and grouping factors are called after `names`, with hostile levels."""
    rng = np.random.default_rng(seed)
    n = 3 * len(LEVELS)
    columns = {"y": rng.normal(10, 2, n)}
    for i, name in enumerate(names):
        columns[name] = rng.normal(size=n)
        columns[f"{name} g"] = np.roll(np.repeat(np.asarray(LEVELS, dtype=object), 3), i)
        columns[f"{name} c"] = rng.permutation(np.asarray(["/", "a b", "nul\0", "<b>"], dtype=object)[np.arange(n) % 4])
    return pd.DataFrame(columns)


def formula(names):
    first, second, third = map(quoted, names)
    g, h, k = (quoted(f"{name} g") for name in names)
    c = quoted(f"{names[1]} c")
    return f"y ~ scale({first}) * {c} + {third} + (1 + {second} | {g}) + (1 | {h}) + (0 + {third} | {k})"


def answers(fit, names):
    """Everything that must not change, as one text: predictions to the last bit, labels, tables."""
    new = frame(names, seed=1).iloc[::7].copy()
    new.loc[new.index[0], f"{names[0]} g"] = "never seen\0"
    found = blake2b()
    for groups, kind in (("new", "response"), ("population", "mean")):
        table = fit.predict(new, groups=groups, kind=kind, seed=5)
        found.update(np.ascontiguousarray(table.to_numpy(dtype=float)).tobytes())
    for table in (fit.fixef().reset_index(), fit.varcorr(), fit.ranef(), fit.coef()):
        found.update(np.ascontiguousarray(table.select_dtypes("number").to_numpy()).tobytes())
        found.update(json.dumps(table.select_dtypes(exclude="number").astype(object).to_numpy().tolist()).encode())
    found.update(json.dumps([[str(x) for x in fit.posterior[f"{name} g"].values] for name in names]).encode())
    found.update(json.dumps([list(fit.posterior.data_vars), fit.spec.formula.text, str(fit.model.priors)]).encode())
    return found.hexdigest()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    print(json.dumps([answers(hb.load(folder / f"{i}.nc"), names) for i, names in enumerate(TRIPLES)]))
