"""The HTML page of one fit."""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Any, Protocol

import pandas as pd

from hierbayes.errors import ModelError
from hierbayes.report.page import Page, page
from hierbayes.summaries.printing import plain_fixed, random_effects

_CAPTIONS = {
    "shrinkage": "Shrinkage: from each level's own fit to its partial-pooling estimate",
    "pooling": "Complete, no and partial pooling, level by level",
    "caterpillar": "Deviation of each level from the population, with its interval",
}


class Reported(Protocol):
    """What the page needs of a fit."""

    model: Any

    @property
    def plot(self) -> Any: ...

    @property
    def design(self) -> Any: ...

    @property
    def diagnostics(self) -> dict[str, Any]: ...

    @property
    def complaints(self) -> tuple[str, ...]: ...

    def fixef(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def varcorr(self, ci_prob: float = 0.95) -> pd.DataFrame: ...


def fit_page(fit: Reported) -> str:
    """Return the page as HTML."""
    found = fit.diagnostics
    return page(
        Page(
            title=f"{fit.design.response}: a hierarchical model",
            formula=fit.model.spec.formula.text,
            equation=fit.model.equation("words"),
            tables={
                "Fixed effects: posterior mean, sd and 95% interval": plain_fixed(fit.fixef()),
                "Random effects: posterior median of each sd and 95% interval": random_effects(fit.varcorr()),
            },
            priors=fit.model.priors,
            diagnostics=found,
            figures=_figures(fit),
            notes=fit.complaints,
            footer=f"hierbayes {version('hierbayes')}, PyMC {version('pymc')}, nutpie {version('nutpie')}; "
            f"engine {found['engine']}, seed {found['seed']}",
        )
    )


def _figures(fit: Reported) -> dict[str, bytes]:
    if not fit.design.factors:
        return {}
    images = {}
    for name, caption in _CAPTIONS.items():
        try:
            figure = getattr(fit.plot, name)()
        except ModelError:
            continue
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120, bbox_inches="tight")
        images[caption] = buffer.getvalue()
    return images
