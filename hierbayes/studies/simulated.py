"""`simulate`: data of any structure that a formula can describe, from a truth that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hierbayes.families import Family
from hierbayes.priors import Prior
from hierbayes.sampling.sampler import settings
from hierbayes.studies.categories import asked_categories
from hierbayes.studies.plans import make_plan
from hierbayes.studies.worlds import make_source, plain

if TYPE_CHECKING:
    import pandas as pd


def simulate(
    formula: str,
    sizes: Mapping[str, Any] | int | None = None,
    truth: Mapping[str, Any] | str | None = None,
    seed: int | None = None,
    *,
    family: str | Family = "gaussian",
    predictors: Mapping[str, Any] | None = None,
    data: Any = None,
    contrasts: Mapping[str, Any] | None = None,
    weights: Any = None,
    priors: Mapping[str, Prior] | None = None,
) -> pd.DataFrame:
    r"""Make data from a model whose parameters are known.

    .. math:: y = o + X\beta + \sum_t Z_t b_t + e, \quad b_{tj} \sim N(0, \Sigma_t), \quad e_i \sim N(0, \sigma^2 / w_i)

    Offsets :math:`o`, columns X and Z, contrasts and weights are those that a fit of the same formula to the returned
    data has: the same code makes them.

    Parameters
    ----------
    formula : str
        Any formula that `Model` takes. The response is a column, or log, log2, log10 or log1p of one. A binomial one is
        written ``k | trials(n)`` or ``p(k, n)``; the column of trials is given as columns are.
    sizes : mapping or int, optional
        Which rows there are. Each entry is a column with its levels; every column is crossed with those before it, the
        last varying fastest:

        - ``{"Subject": 18, "rows": 10}``: 18 levels, called 1 to 18, of 10 rows each.
        - ``{"plate": 24, "sample": 6}``: crossed, one row a cell.
        - ``{"batch": 10, "cask": 3, "rows": 2}``: for ``(1 | batch/cask)``. The casks of every batch are called 1 to 3,
          and batch:cask tells them apart.
        - ``{"batch": 10, "batch/sample": 3}``: levels of their own within each batch, ``1:1`` to ``10:3``, for
          ``(1 | batch) + (1 | sample)``. A list counts the levels within each batch.
        - ``{"g": [5, 10, 25, 35]}``: four levels with so many rows; ``{"g": {"a": 5, "b": 10}}`` names them.
        - ``{"cond": ["low", "high"]}``: levels by name; any column of the formula may be one of these.

        ``rows`` is the number of rows of each cell, or a list with one number a cell (0 leaves the cell out). Without
        it a cell has one row, or as many as the longest list in `predictors`. A number alone is the number of rows of a
        table without groups.
    truth : mapping, or "prior"
        Every parameter by hierbayes' own name: ``{"beta": {"Intercept": 250, "Days": 10}, "sd_Subject": {"Intercept":
        25, "Days": 6}, "corr_Subject": 0.1, "sigma": 25}``. Coefficients may also stand by themselves, sds as
        ``sd_Subject[Days]``, correlations as one number, a matrix or ``corr_Subject[Intercept, Days]``. Lists go in the
        order of the terms. Group-level parameters are standard deviations, not variances. Coefficients and effects are
        on the scale of the link, and the family's own parameters stand by name: ``"alpha"``, ``"nu"``, ``"kappa"``,
        ``"shift"``, ``"gap_2"`` and so on, and ``"sigma"`` where it has one. ``"prior"`` draws the parameters from
        `priors`. The gaps say how many categories an ordinal response has: K with ``gap_2`` to ``gap_(K-1)``. The
        coefficients name the categories of a categorical one, in their order, all but the reference:
        ``"bus:Intercept"``, ``"train:Intercept"``. The reference, whose linear predictor is 0, is called
        ``truth["reference"]``, by default "reference", or "1" beside "2", "3", ... The response of `data` has names of
        its own, of which the first is the reference.
    seed : int, optional
        Fixes every number, bit for bit on one machine. Columns, effects of each term and residuals have random
        numbers of their own: another sd scales the same effects.
    family : str or Family
        As in `Model`. For others than the gaussian a response is drawn from the family at the linear predictor.
    predictors : mapping of str to values, optional
        What the other columns hold. A list is dealt out over the rows of each cell, from its start again in every cell
        (a list as long as the table is the column itself). Texts make a categorical whose levels keep their order. A
        number is a constant; a prior such as ``hb.Normal(0, 1)`` or a distribution of scipy.stats is drawn from; a
        function is called with (rng, n). Each of these may go by levels instead of rows: ``{"income": {"school":
        hb.Normal(0, 1)}}`` gives all rows of a school one value.
    data : data frame, optional
        Has the rows, in place of `sizes`; its response, if it has one, is replaced. Never changed.
    contrasts
        As in `Model`.
    weights : str or array, optional
        As in `Model`: a column, or a weight for each row of `data`. Beside `sizes` weights are dealt out over the rows
        of each cell as columns are. They become the column ``weights`` of the table, by which a fit may name them.
    priors : mapping of str to prior, optional
        For ``truth="prior"``. Those not named have their defaults, which need the response of `data` as their scale.

    Returns
    -------
    DataFrame
        The response first; whole numbers where the family has counts, successes or 0 and 1; for ``ordinal`` an
        ordered categorical ``"1" < "2" < ...``, for ``categorical`` a categorical with the reference first, or for both
        the categories of `data`. ``.attrs["truth"]`` holds
        the truth as mappings: ``beta``, ``sd_g``, ``corr_g``, ``sigma`` and other parameters of the family, and the
        effects of each level, ``b_g[term][level]``, so that ``pd.DataFrame(truth["b_Subject"])`` is a table.

    Raises
    ------
    FormulaError
        If the formula cannot be read, or a column has neither sizes nor values; the place is marked.
    DataError
        If sizes, columns or data cannot be read or do not fit each other.
    ModelError
        If the truth leaves a parameter out (all that are missing are named), or has one that is not in the model.

    Warns
    -----
    HierBayesWarning
        If no row has one of the categories of a categorical response: a fit knows only those that occur.

    See Also
    --------
    experiment : Repeat it, fit every time, and compare with the truth.

    Examples
    --------
    >>> import hierbayes as hb
    >>> truth = {"Intercept": 250, "Days": 10, "sd_Subject": [25, 6], "corr_Subject": 0.1, "sigma": 25}
    >>> data = hb.simulate("Reaction ~ Days + (Days | Subject)", {"Subject": 18}, truth, seed=1,
    ...                    predictors={"Days": range(10)})
    >>> data.shape, list(data.columns)
    ((180, 3), ['Reaction', 'Subject', 'Days'])
    >>> sorted(data.attrs["truth"])
    ['b_Subject', 'beta', 'corr_Subject', 'sd_Subject', 'sigma']

    >>> truth = {"reference": "car", "bus:Intercept": -1, "bus:cost": 0.5, "train:Intercept": 0.5, "train:cost": -1}
    >>> trips = hb.simulate("mode ~ cost", 200, truth, seed=1, family="categorical",
    ...                     predictors={"cost": hb.Normal(0, 1)})
    >>> trips["mode"].cat.categories.tolist()
    ['car', 'bus', 'train']
    """
    chosen = settings(seed=seed).seed
    asked = asked_categories(family, truth)
    plan = make_plan(
        formula,
        sizes,
        data=data,
        predictors=predictors,
        seed=chosen,
        asked=asked,
        contrasts=contrasts,
        weights=weights,
        priors=priors,
    )
    world = make_source(plan, asked.truth).draw(chosen)
    table = plan.filled(world.y)
    table.attrs["truth"] = plain(plan.design, world)
    return table
