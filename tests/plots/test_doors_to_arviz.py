"""What ArviZ does not take is refused in the words of hierbayes, whichever plot is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hierbayes as hb
from hierbayes.errors import ModelError

DOORS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "ppc of a statistic": (lambda plot: plot.ppc(kind="stat"), r'"ppc_tstat", t_stat="mean"'),
    "ppc of no data": (lambda plot: plot.ppc(num_samples=0), "num_samples=0 is no number of data sets"),
    "ppc of half a data set": (lambda plot: plot.ppc(num_samples=1.5), "num_samples=1.5"),
    "ppc of a group": (lambda plot: plot.ppc(group="nothing"), "plot_ppc_dist does not take this"),
    "trace": (lambda plot: plot.trace(foo=1), "plot_trace does not take this.*foo"),
    "trace of dims": (lambda plot: plot.trace(sample_dims=["x"]), "plot_trace does not take this"),
    "rank": (lambda plot: plot.rank(coords={"coef": ["Dayz"]}), "plot_rank does not take this"),
    "forest": (lambda plot: plot.forest(foo=1), "plot_forest does not take this.*foo"),
    "forest of a backend": (lambda plot: plot.forest(backend="nothing"), "plot_forest does not take this"),
    "prior and posterior": (lambda plot: plot.prior_posterior(kind="x"), "plot_prior_posterior does not take"),
    "psense": (lambda plot: plot.psense(kind="x"), "plot_psense_dist does not take this"),
    "khat": (lambda plot: plot.loo_khat(foo=1), "plot_khat does not take this.*foo"),
    "energy": (lambda plot: plot.energy(kind="x"), "plot_energy does not take this"),
    "any": (lambda plot: plot.arviz("ppc_tstat", t_stat="meen"), "plot_ppc_tstat does not take this.*meen"),
}


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_what_arviz_does_not_take_is_an_error_of_ours(door: str, small_fit: hb.Fit) -> None:
    call, words = DOORS[door]
    with pytest.raises(ModelError, match=f"(?s){words}"):
        call(small_fit.plot)


@pytest.mark.slow
def test_the_plot_that_the_hint_names_is_there(small_fit: hb.Fit) -> None:
    assert small_fit.plot.arviz("ppc_tstat", t_stat="mean").viz is not None
    assert small_fit.plot.ppc(kind="hist", num_samples=5).viz is not None


@pytest.fixture(scope="module")
def small_fit() -> hb.Fit:
    return hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
