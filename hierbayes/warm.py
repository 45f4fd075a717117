"""Compile every kernel into the disk cache, so that no fit waits for the compiler: ``python -m hierbayes.warm``."""

from __future__ import annotations

import warnings


def warm() -> None:
    """Compile what is not in the cache yet; a fit would do so by itself, once.

    The compiled functions are general in sizes, so that one small model reaches all of them: a fit takes the dense
    path, and the group-level effects of a classical fit the sparse one.

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


if __name__ == "__main__":
    warm()
