"""Prints a digest of a fit and of what follows from it; run in a fresh process by `test_reproducible.py`.

``python reproducible.py cores [path]``: fit with so many cores, or load the fit at the path.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

import hierbayes as hb

FORMULA = "Reaction ~ Days + (Days | Subject)"
OPTIONS = {"draws": 150, "chains": 4, "seed": 11, "progress": False}


def fitted(cores=None, **options):
    return hb.fit(FORMULA, hb.load_data("sleepstudy"), cores=cores, **{**OPTIONS, **options})


def digest(*arrays):
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        own = np.ascontiguousarray(array)
        found.update(f"{own.dtype.str}{own.shape}".encode())
        found.update(own.tobytes())
    return found.hexdigest()


def of_posterior(fit):
    return digest(*(fit.posterior[name].to_numpy() for name in sorted(map(str, fit.posterior.data_vars))))


def of_predictions(fit):
    """Known and new levels, means and responses, every draw."""
    new = hb.load_data("sleepstudy").head(5).assign(Subject="someone new")
    asked = [fit.predict(seed=3, kind="response", draws=True), fit.predict(new, groups="new", seed=3, draws=True),
             fit.predict(new, groups="new", kind="response", seed=3, draws=True)]  # fmt: skip
    return digest(*(answer.to_numpy() for answer in asked))


def main(cores, path=None):
    fit = fitted(int(cores)) if path is None else hb.load(path)
    print(of_posterior(fit), of_predictions(fit))


if __name__ == "__main__":
    main(*sys.argv[1:])
