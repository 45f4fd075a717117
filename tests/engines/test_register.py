"""Engines are chosen by what they say of a problem; another one is added by one line in the register."""

from __future__ import annotations

import sys

import pytest

import hierbayes as hb
from hierbayes.engines import engine as register
from hierbayes.engines.pymc_engine import PymcEngine
from hierbayes.sampling import run


class Toy(PymcEngine):
    """Takes models with one group-level term."""

    name = "toy"
    merit = "one term"

    def refuses(self):
        return None if len(self.problem.blocks) == 1 else "several terms"


@pytest.fixture
def _registered(monkeypatch):
    monkeypatch.setitem(sys.modules, "toy", sys.modules[__name__])
    monkeypatch.setattr(register, "ENGINES", (("toy", "toy", "Toy"), *register.ENGINES))
    for module in (register, run):
        monkeypatch.setattr(module, "NAMES", tuple(name for name, _, _ in register.ENGINES))


@pytest.mark.usefixtures("_registered")
def test_an_engine_in_the_register_is_chosen_or_asked_for_like_any_other():
    one = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")).runner
    assert one.choose("auto") == ("toy", "one term")
    assert one.choose("toy") == ("toy", "asked for")
    two = hb.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin")).runner
    assert two.choose("auto")[0] == "collapsed"
    with pytest.raises(hb.ModelError, match="the toy engine does not take this model: several terms"):
        two.choose("toy")
    with pytest.raises(hb.ModelError, match="is not available"):
        two.choose("stan")
