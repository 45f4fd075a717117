"""`Fit`, a posterior and what one may ask of it. Thin: it calls the rooms of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hierbayes.errors import ModelError
from hierbayes.model.comparing import Comparing
from hierbayes.model.decomposing import Decomposing
from hierbayes.model.keeping import Keeping
from hierbayes.model.predicting import Predicting
from hierbayes.model.questioning import Questioning
from hierbayes.model.tabulating import Tabulating

if TYPE_CHECKING:
    from hierbayes.model.category_fit import CategoryFit
    from hierbayes.report.explorer import Explorer


class Fit(Tabulating, Predicting, Decomposing, Questioning, Comparing, Keeping):
    """A posterior and what one may ask of it. Made by `Model.fit`.

    Attributes
    ----------
    model : Model
    """

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML page that needs no network and no script, and prints well.

        It has the question that the formula asks, the model in mathematics, the priors, whether the draws can be
        trusted, coefficients, variance components and group-level effects, figures, pooling factors, shares of the
        variance, the classical fits beside the posterior, seed, versions and a fingerprint of the data. What a fit
        cannot give (without groups, or loaded without its data) is left out, and the page says so.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path

        Raises
        ------
        DataError
            If the file cannot be written.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.report("report.html")  # doctest: +SKIP
        PosixPath('report.html')
        """
        from hierbayes.report.fit_page import fit_page
        from hierbayes.report.page import write_page
        from hierbayes.sampling.sampler import working
        from hierbayes.storage.record import texts_of

        with working("writing the report", None):
            return write_page(path, fit_page(self, texts_of(self.model.record(self._draws))))

    def explore(
        self,
        path: str | Path | None = None,
        factor: str | None = None,
        levels: Sequence[str] | None = None,
        terms: Sequence[str] | None = None,
    ) -> Explorer:
        """Show one grouping factor from complete to no pooling, on a page with a slider.

        The slider multiplies the sds (not variances) of the factor's effects by m, from 0 through 1 (REML's values) to
        100, in 60 steps; sigma, the correlations and all other factors stay at REML's estimates. The lines of the
        levels are exact at each step, for a flat beta: with ``V = m² Z Sigma Z' + R``, R all other variation,

            beta = (X' V⁻¹ X)⁻¹ X' V⁻¹ y        b_j = m² Sigma Z_j' V⁻¹ (y - X beta)

        (Henderson, 1975). Below the slider lies the posterior density of the sd. The page is one file that asks nothing
        of the network; in a notebook the result shows itself. Where REML is singular the posterior's median sds and
        mean correlations stand in for its own, and the page says so.

        For the other families of the joint engine, 1 is the posterior median of the sds, all other parameters but the
        coefficients stay at theirs (correlations at their means), and the lines are those of the posterior modes of
        coefficients and effects at each step; panels are drawn on the scale of the response, the plane of arrows on
        that of the linear predictor.

        Parameters
        ----------
        path : str or Path, optional
            Where to write the page.
        factor : str, optional
            Grouping factor; the first by default.
        levels : sequence of str, optional
            Levels whose panels are open at first; by default all, or 24 spread evenly. The page can open others.
        terms : sequence of str, optional
            The two terms of the plane of arrows, or a single one; by default the first two.

        Returns
        -------
        Explorer
            With ``html``, ``write(path)``, and ``data``, which holds all numbers of the page.

        Raises
        ------
        ModelError
            If the model has no grouping factor, or not this factor or term, or no compiled engine takes it.
        DataError
            If a level does not exist or the file cannot be written.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> fit = model.fit(draws=100, chains=2, seed=1, progress=False)
        >>> fit.explore()
        Explorer of Batch: 6 levels, 61 positions of the slider
        """
        self._own_likelihood("explore")
        if not self.design.family.has_mean:
            raise ModelError(
                "the explorer moves the levels of one linear predictor, and a categorical response has several",
                f"fit.category({self.design.categories[1]!r}).plot.shrinkage() shows those of one category",
            )
        from hierbayes.report.explorer import explore

        shown = explore(self, factor, levels, terms)
        if path is not None:
            shown.write(path)
        return shown

    def category(self, name: str) -> CategoryFit:
        """Return one category of a categorical response against the reference, as a bernoulli fit.

        Given that a response is this category or the reference, it is this one with the probability ``expit(eta_k)``,
        whatever the other categories are. The fit that is returned says so of the rows that are one of the two, with
        the draws of this fit: it answers what is asked of one linear predictor (`r2`, `icc`, `anova`, `pooling`,
        `means`, `slopes`, fitted values and the figures), and `predict` gives that conditional probability.

        Parameters
        ----------
        name : str
            A category other than the reference.

        Returns
        -------
        CategoryFit

        Raises
        ------
        ModelError
            If the family is not categorical, or there is no such category.

        Examples
        --------
        >>> import hierbayes as hb
        >>> said = hb.load_data("verbagg").head(600)
        >>> fit = hb.fit("resp ~ Anger", said, family="categorical", draws=200, chains=2, seed=1, progress=False)
        >>> fit.category("yes").fixef().index.tolist()
        ['Intercept', 'Anger']
        """
        from hierbayes.model.category_fit import category_fit

        self._own_likelihood("category")
        return category_fit(self, name)
