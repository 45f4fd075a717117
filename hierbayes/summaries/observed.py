"""The response on the scale of its mean."""

from __future__ import annotations

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.table import Floats, share_of


def observed(design: Design) -> Floats:
    """Return the response of every row on the scale of its mean: the share of successes where it counts these."""
    return np.asarray(share_of(design.y, design.trials))


def mean_label(design: Design) -> str:
    """Return what stands at an axis of means: the response, a share of successes, the level modelled, or a score."""
    if design.family.counts_trials:
        return f"share of {design.response}"
    if design.family.has_thresholds:
        return f"score of {design.response}"
    if design.modelled is None:
        return design.response
    reference, own = design.schema.response_levels
    # of a response of more than two levels the rows are those of these two
    column = design.schema.by_name.get(design.response)
    among = f", among {reference} and {own}" if column is not None and len(column.levels) != 2 else ""
    return f"share of {design.response} = {own}{among}"
