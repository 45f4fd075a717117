"""Compile every kernel into the disk cache, so that no fit waits for the compiler: ``python -m hierbayes.warm``."""

from __future__ import annotations

import warnings


def warm() -> None:
    """Compile what is not in the cache yet; a fit would do so by itself, once.

    The compiled functions are general in sizes, so that small models reach all of them: a fit takes the dense path, the
    group-level effects of a classical fit the sparse one, a crossed model with many levels the surrogate, and other
    families than the Gaussian the joint engine.

    Examples
    --------
    >>> from hierbayes.warm import warm
    >>> warm()
    """
    from hierbayes.datasets.loader import load_data
    from hierbayes.model import Model

    with warnings.catch_warnings():
        # So few draws cannot converge.
        warnings.simplefilter("ignore")
        for name, formula in (
            ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
            ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
        ):
            model = Model(formula, load_data(name))
            model.fit(draws=10, tune=10, chains=1, seed=1, progress=False)
            model.reml().varcorr()
        _surrogate()
        _joint()


def _joint() -> None:
    """Compile the joint engine: all families share its functions."""
    from hierbayes.engines.joint.entries import DENSITY

    _ = DENSITY.functions


def _surrogate() -> None:
    """Take the path of an expensive model with a small one: students who each meet a few lecturers."""
    import numpy as np

    from hierbayes.engines.base import Block, Problem
    from hierbayes.engines.collapsed.conditional import Conditional
    from hierbayes.engines.collapsed.mode import find_mode
    from hierbayes.engines.collapsed.surrogate import fit_surrogate, sample_by_surrogate
    from hierbayes.priors import POSITIVE, HalfNormal, Normal, Parameter

    rng = np.random.default_rng(1)
    student = np.repeat(np.arange(600), 2)
    lecturer = (student // 3 + rng.integers(0, 2, len(student))) % 200
    y = rng.normal(size=600)[student] + rng.normal(size=200)[lecturer] + rng.normal(size=len(student))
    ones, one = np.ones((len(y), 1)), np.eye(1)
    blocks = tuple(
        Block(ones, codes, int(codes.max()) + 1, (HalfNormal(1.0),), None, one) for codes in (student, lecturer)
    )
    parameters = (Parameter("sigma", POSITIVE, HalfNormal(1.0)),)
    problem = Problem(y, ones, np.zeros(len(y)), np.ones(len(y)), (Normal(0.0, 10.0),), one, blocks, parameters)
    words = Conditional(problem, sparse=True).tape
    mode = find_mode(words, starts=1)
    sample_by_surrogate(words, fit_surrogate(words, mode, 1, 1), 6, 1, 1, 1)


if __name__ == "__main__":
    warm()
