"""How well a fit predicts what it has not seen: leave-one-out, marginal likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hierbayes.errors import ModelError
from hierbayes.model.weighing import Weighing
from hierbayes.sampling.sampler import Settings, settings, whole_number
from hierbayes.tables.numbers import check_flag

if TYPE_CHECKING:
    from hierbayes.comparison.elpd import Loo
    from hierbayes.comparison.evidence import Evidence
    from hierbayes.comparison.left_out import LeftOut
    from hierbayes.comparison.refits import Refits


class Comparing(Weighing):
    """The part of a `Fit` that has to do with comparing."""

    def loo(
        self,
        kind: str = "conditional",
        refit: bool = False,
        thin: int = 1,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> Loo:
        """Estimate how well the model predicts a row from all others: leave-one-out by importance sampling (PSIS-LOO).

        Both kinds estimate the same number, ``sum_i log p(y_i | y_-i)``, from weights ``1 / p`` of another density:

        - ``"conditional"``: ``p(y_i | beta, b, sigma)`` (with the family's own parameters), the usual one. It asks the
          draws of a level's effects to do without one of the level's rows, which fails where levels have few rows.
        - ``"marginal"``: ``p(y_i | y_-i, theta)``, beta and group-level effects integrated out exactly. The weights are
          far more even: only sds, correlations and sigma need to do without the row. For families other than the
          gaussian the effects of one grouping factor are integrated out, that with most levels, by Gauss-Hermite
          quadrature to three digits or more where sds are below 5, and the coefficients and all other effects stay in
          the weights. It takes time by the square of the rows of a level.

        To predict a new level instead of a new row of a known one, use `leave_one_group_out`.

        Parameters
        ----------
        kind : "conditional" or "marginal"
        refit : bool
            Replace rows whose Pareto k is too large by exact refits without them.
        thin : int
            Use every `thin`-th draw of each chain.
        seed : int, optional
            For refits; by default that of the fit.
        progress : bool, optional

        Returns
        -------
        Loo
            An `arviz_stats` result: ``elpd``, ``se``, ``p``, by row ``elpd_i`` and ``pareto_k``; ``good_k``,
            ``bad_rows``. Densities are of the response as it stands in the formula, natural logarithms.

        Raises
        ------
        ModelError
            If there are too few draws, or, for ``"marginal"``, the effects are too many: 2,000 for the gaussian family,
            3 a level for others.

        Warns
        -----
        HierBayesWarning
            If a Pareto k is too large: names the worst row and says what to do.

        References
        ----------
        Vehtari, Gelman and Gabry (2017), Statistics and Computing 27; Vehtari et al. (2024), Journal of Machine
        Learning Research 25; Buerkner, Gabry and Vehtari (2021), Computational Statistics 36.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
        >>> fit.loo(kind="marginal").n_data_points
        30
        """
        from hierbayes.comparison.leave_one_out import complain, psis_loo
        from hierbayes.comparison.left_out import with_refits

        self._own_likelihood("loo")
        if kind == "marginal":
            self._own_draws("marginal leave-one-out")
        model, again = self.model, self._settings(draws=500, seed=seed, progress=progress)
        check_flag("refit", refit)
        step = whole_number("thin", thin)
        found = psis_loo(self.design, model.problem, self._arrays, kind, step, progress)
        if refit and found.bad_rows:
            return with_refits(found, self._refits(), again)
        complain(found)
        return found

    def leave_one_out_exact(
        self,
        rows: Sequence[int] | None = None,
        draws: int = 500,
        chains: int = 4,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> LeftOut:
        """Refit the model without each row, and score the row: ``log p(y_i | y_-i)``, exact but for Monte Carlo error.

        Every refit keeps the priors of the full data. How long it takes, and what is integrated out: see
        `leave_one_group_out`.

        Parameters
        ----------
        rows : sequence of int, optional
            Rows to leave out, numbered as in `design`, each once; all by default.
        draws, chains : int
            Of each refit.
        seed : int, optional
            By default that of the fit.
        progress : bool, optional

        Returns
        -------
        LeftOut
            ``.table`` (rows, elpd, error), ``.elpd``, ``.se``, ``.error``.

        Raises
        ------
        ModelError
            If the rest would leave an improper posterior, or more than 200 effects without a row.
        DataError
            If there is no such row, or one is named twice.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.leave_one_out_exact([0, 7], draws=100, chains=2, progress=False).table.index.tolist()
        [0, 7]
        """
        from hierbayes.comparison.left_out import left_out_rows

        chosen = self._settings(draws=draws, chains=chains, seed=seed, progress=progress)
        return left_out_rows(self._refits(), rows, chosen)

    def leave_one_group_out(
        self,
        factor: str | None = None,
        draws: int = 500,
        chains: int = 4,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> LeftOut:
        """Refit without each level of a grouping factor, and score all rows of the level jointly as a new one.

        The score is ``log p(y_g | y_-g) = log E[p(y | theta) / p(y_-g | theta)]`` over theta given ``y_-g``, with
        beta and group-level effects integrated out exactly; effects of other factors are shared with the rows that
        stay. Every refit keeps the priors of the full data, and takes a fraction of a second.

        For families other than the gaussian a refit samples all parameters with the joint engine, which takes a second
        or more. The score is ``log E[p(y_g | phi)]`` over everything else, phi, given ``y_-g``; the effects of levels
        that no row is left of are integrated out over their distribution: by Gauss-Hermite quadrature where they are
        three or fewer, else (nested factors) by importance sampling, whose noise is part of the stated error. Models
        that only PyMC samples are compiled anew for each refit, with a warning.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        draws, chains : int
            Of each refit.
        seed : int, optional
            By default that of the fit.
        progress : bool, optional

        Returns
        -------
        LeftOut
            ``.table`` with the levels as index (rows, elpd, error), ``.elpd``, ``.se`` (over levels) and ``.error``
            (Monte Carlo).

        Raises
        ------
        ModelError
            If the rest would leave an improper posterior, or more than 200 effects without a row.
        DataError
            If there is no such factor.

        Warns
        -----
        HierBayesWarning
            If each refit has to be compiled by PyMC.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.leave_one_group_out(draws=100, chains=2, progress=False).table["rows"].tolist()
        [5, 5, 5, 5, 5, 5]
        """
        from hierbayes.comparison.left_out import left_out_groups

        chosen = self._settings(draws=draws, chains=chains, seed=seed, progress=progress)
        return left_out_groups(self._refits(), factor, chosen)

    def log_marginal_likelihood(self, seed: int | None = None, progress: bool | None = None) -> Evidence:
        """Return the log marginal likelihood ``log p(y)`` (evidence) by bridge sampling, with its standard error.

        beta and group-level effects are integrated out exactly; bridge sampling (Meng and Wong 1996; Gronau et al.
        2017) integrates over the sds, correlations and sigma that are left. A model without any of these is exact.

        Parameters
        ----------
        seed : int, optional
            Fixes the points of the proposal; by default that of the fit.
        progress : bool, optional

        Returns
        -------
        Evidence
            ``.value`` and ``.error`` (of the natural logarithm).

        Raises
        ------
        ModelError
            If a prior is flat, for then ``p(y)`` is not defined, or if beta and b do not integrate out.
        SamplingError
            If there are too few draws.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=500, chains=2, seed=1, progress=False)
        >>> round(fit.log_marginal_likelihood().value, 1)
        -169.3
        """
        from hierbayes.comparison.evidence import engine_for, evidence
        from hierbayes.engines.collapsed.threads import usable_cores

        self._own_draws("the marginal likelihood")
        runner = self.model.runner
        engine = engine_for(runner.problem, runner.collapsed)
        chosen = self._settings(seed=seed, progress=progress)
        if self.engine == "collapsed" and "unconstrained_posterior" in self.tree.children:
            theta = self.tree["unconstrained_posterior"]["theta"].to_numpy()
        else:
            theta = runner.sample_theta(chosen)
        return evidence(engine, theta, chosen.seed, usable_cores(), progress)

    def _refits(self) -> Refits:
        from hierbayes.comparison.refits import CollapsedRefits
        from hierbayes.comparison.sampled_refits import SampledRefits
        from hierbayes.engines.collapsed.engine import refusal

        self._own_draws("leaving out by refits")
        kind = CollapsedRefits if refusal(self.model.problem) is None else SampledRefits
        return kind(self.design, self.model.problem, self.model.labels, self.posterior)

    def _own_draws(self, what: str) -> None:
        """Refuse draws that hierbayes did not make: their model may have been extended."""
        if self.engine == "attached":
            raise ModelError(
                f"{what} needs draws from the model itself; these were attached, perhaps from an extended model",
                "sample with model.fit()",
            )

    def _settings(self, seed: int | None = None, **options: Any) -> Settings:
        """Return sampling options; the seed is that of the fit by default."""
        return settings(seed=self._draws.seed if seed is None else seed, **options)
