"""Fits every model of the catalogue and writes the tables of `few-groups.md` between its markers.

Run from the checkout: ``python docs/make_few_groups.py``. Seeds are fixed; the numbers move only with the versions of
the libraries.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

import hierbayes as hb
from hierbayes.catalogue import Spec, catalogue

PAGE = Path(__file__).parent / "few-groups.md"
OPTIONS: dict[str, Any] = {"draws": 2000, "chains": 4, "seed": 1, "progress": False}


def fit_model(spec: Spec) -> hb.Fit:
    """Fit one model of the catalogue as the tables do."""
    return hb.Model(spec.formula, spec.table(), **spec.options()).fit(**OPTIONS)


def fixed_rows(spec: Spec, fit: hb.Fit) -> pd.DataFrame:
    """Return posterior mean and sd of each coefficient beside lme4's estimate and standard error."""
    found, published = fit.fixef(), spec.published
    estimate, error = pd.Series(published["fixef"]), pd.Series(published["se"])
    table = pd.DataFrame({"lme4": estimate, "se": error, "mean": found["mean"], "sd": found["sd"]})
    table["distance"] = ((table["mean"] - table["lme4"]) / table["se"]).round(3)
    table = table.reindex(found.index).reset_index()
    table.insert(0, "model", spec.name)
    return table


def sd_rows(spec: Spec, fit: hb.Fit) -> pd.DataFrame:
    """Return posterior median and interval of each sd (not variance) beside its REML estimate."""
    published = {(g, term): sd for g, terms in spec.published["sds"].items() for term, sd in terms.items()}
    published["Residual", ""] = spec.published["sigma"]
    found = fit.varcorr().query("kind != 'corr'")
    reml = [published[group, term] for group, term in zip(found["group"], found["term"], strict=True)]
    table = pd.DataFrame({"model": spec.name, "group": found["group"], "term": found["term"], "REML": reml})
    for column in ("median", "lower", "upper"):
        table[column] = found[column].to_numpy()
    table["levels"] = [_levels(fit, group) for group in found["group"]]
    table["ratio"] = (table["median"] / table["REML"]).round(3)
    return table


def _levels(fit: hb.Fit, group: str) -> str:
    return str(fit.design.blocks(group)[0].n_levels) if group in fit.design.factors else ""


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, numbers to five significant digits."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * table.shape[1]]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join(f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    return "\n".join(lines).replace("inf", "none")


def main() -> None:
    """Fit, and put the two tables in the page."""
    fixed, sds = [], []
    for spec in catalogue().values():
        if "REML" not in spec.published["software"]:
            continue
        fit = fit_model(spec)
        fixed.append(fixed_rows(spec, fit))
        sds.append(sd_rows(spec, fit))
    page = PAGE.read_text(encoding="utf-8")
    for name, parts in (("fixed", fixed), ("sds", sds)):
        table = markdown(pd.concat(parts, ignore_index=True))
        marked = rf"<!-- {name} -->\n.*?<!-- end -->"
        before, after = re.split(marked, page, maxsplit=1, flags=re.DOTALL)
        page = f"{before}<!-- {name} -->\n{table}\n<!-- end -->{after}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
