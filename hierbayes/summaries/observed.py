"""The response on the scale of its mean."""

from __future__ import annotations

from hierbayes.design.design import Design
from hierbayes.design.table import Floats


def observed(design: Design) -> Floats:
    """Return the response of every row on the scale of its mean: the share of successes where it counts these."""
    return design.y if design.trials is None else design.y / design.trials
