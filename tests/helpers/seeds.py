"""Other seeds for every sampler: what holds of a posterior must not hang on one sequence of random numbers.

With ``HIERBAYES_SEED_SHIFT=1`` in the environment everything that the tests sample is sampled from another seed, made
of the one that was given and of the shift. The seed that a fit reports, data that are simulated and predictions stay
as they are.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

VARIABLE = "HIERBAYES_SEED_SHIFT"
METHODS = ("sample", "sample_theta", "sample_response", "resume")
"""Those of `hierbayes.sampling.run.Runner` that sample. All take the settings; one may call another."""


def shift():
    """The shift that the environment asks for; 0 is none."""
    return int(os.environ.get(VARIABLE, "0"))


def shifted(seed):
    """The seed to sample from in the place of `seed`."""
    if not shift():
        return seed
    return int(np.random.SeedSequence([seed, shift()]).generate_state(1, np.uint64)[0] >> np.uint64(2))


not_shifted = pytest.mark.skipif(shift() != 0, reason="compares with another process, which knows of no shift of seeds")
"""Marks a test that samples in another process too."""


def shift_samplers():
    """Let every `Runner` sample from shifted seeds for the rest of the process, where a shift is asked for."""
    if not shift():
        return
    from hierbayes.sampling.run import Runner

    for name in METHODS:
        setattr(Runner, name, _from_another_seed(getattr(Runner, name)))


_inside = threading.local()


def _from_another_seed(method):
    from hierbayes.sampling.sampler import Settings

    def moved(value):
        return replace(value, seed=shifted(value.seed)) if isinstance(value, Settings) else value

    @functools.wraps(method)
    def sampled(self, *given, **named):
        if getattr(_inside, "shifted", False):
            return method(self, *given, **named)
        _inside.shifted = True
        try:
            return method(self, *map(moved, given), **{name: moved(value) for name, value in named.items()})
        finally:
            _inside.shifted = False

    return sampled
