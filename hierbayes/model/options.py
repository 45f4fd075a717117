"""Options that a model does not have: what they are called here, or what is true of them."""

from __future__ import annotations

from collections.abc import Iterable

from hierbayes.errors import ModelError
from hierbayes.formula import suggest

OF_MODEL = ("family", "priors", "contrasts", "weights", "missing", "rank")
OF_FIT = ("draws", "tune", "chains", "cores", "seed", "engine", "target_accept", "progress", "cache")

_SPREAD = 'all rows have one residual sd; known ratios of variances are weights="column"'
_SERIES = (
    "residuals are independent given the effects; what a row takes from the row before it goes into the data as a "
    "column of the formula"
)
_ZEROS = 'there are no zero-inflated or hurdle families; extra zeros go into family="negative_binomial" in part'
_OTHERS: dict[str, str] = {
    **dict.fromkeys(("sigma", "dispformula", "disp", "sigma_formula", "varfunc"), _SPREAD),
    **dict.fromkeys(("correlation", "autocor", "corr", "cor_structure"), _SERIES),
    **dict.fromkeys(("ziformula", "zi", "hu", "zi_formula"), _ZEROS),
    **dict.fromkeys(("prior", "priors_cor", "set_prior", "prior_covariance"), "write priors={...}"),
    **dict.fromkeys(("random", "group", "groups", "re_formula"), "write (1 | g) in the formula"),
    **dict.fromkeys(("REML", "reml", "method"), "write hb.Model(...).reml(), or .ml()"),
    **dict.fromkeys(("iter", "samples", "num_samples", "n_samples"), "write draws=, the draws after warm-up"),
    **dict.fromkeys(("warmup", "num_warmup", "n_warmup", "burn_in"), "write tune="),
    **dict.fromkeys(("control", "adapt_delta", "max_treedepth", "nuts"), "write target_accept=0.99"),
    **dict.fromkeys(("random_seed", "random_state", "rng"), "write seed="),
    **dict.fromkeys(("na_action", "dropna", "na", "nan"), 'write missing="drop" or missing="raise"'),
    **dict.fromkeys(("link", "links"), 'write the link in brackets: family="bernoulli(probit)"'),
    **dict.fromkeys(("offset", "exposure"), "write offset(log(n)) in the formula"),
    **dict.fromkeys(("trials", "size", "n"), "write p(successes, trials) left of ~"),
    **dict.fromkeys(("inference_method", "backend", "algorithm", "nuts_sampler", "sampler"), 'write engine="auto"'),
    **dict.fromkeys(("nchains", "num_chains", "n_chains"), "write chains="),
    **dict.fromkeys(("file", "save_model"), "write cache=path, or fit.save(path)"),
    **dict.fromkeys(("noncentered", "center_predictors", "auto_scale"), "leave it out: that is decided by the data"),
    "subset": "choose the rows of the data before",
    "se": "write y | se(s) left of ~",
    "contrast": 'write contrasts={"cond": "sum"}',
    "drop_rank": 'write rank="drop"',
}


def unknown_option(name: str, known: Iterable[str]) -> ModelError:
    """Return the error for an option that is not known, with what it is called here or what is true of it.

    Parameters
    ----------
    name : str
    known : iterable of str

    Examples
    --------
    >>> print(unknown_option("wieghts", ("family", "weights")))
    there is no option 'wieghts'
    did you mean 'weights'? options: family, weights
    >>> print(unknown_option("warmup", ("tune",)))
    there is no option 'warmup'
    write tune=
    """
    listed = tuple(known)
    nearest = suggest(name, listed)
    hint = f"did you mean {nearest!r}? options: {', '.join(listed)}" if nearest else f"options: {', '.join(listed)}"
    return ModelError(f"there is no option {name!r}", _OTHERS.get(name.replace(".", "_"), hint))
