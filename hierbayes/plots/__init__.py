"""Tables to figures, one figure a file: ``hb.plots.caterpillar(table, factor="Subject")`` and so on.

Each function draws from summary tables, takes ``figsize`` and, where it has a single pair of axes, ``ax``, and returns
a matplotlib figure. ``fit.plot`` has the same figures with the tables of a fit. Matplotlib is imported when a figure is
drawn, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hierbayes.plots.arrow_rows import shrinkage_rows
    from hierbayes.plots.arrows import shrinkage_arrows
    from hierbayes.plots.calibration_plot import draw_calibration
    from hierbayes.plots.caterpillar_plot import caterpillar
    from hierbayes.plots.components_plot import components
    from hierbayes.plots.effects_plot import effects
    from hierbayes.plots.error_plot import draw_errors
    from hierbayes.plots.fan_plot import fan
    from hierbayes.plots.group_size_plot import group_size
    from hierbayes.plots.population_plot import population
    from hierbayes.plots.sensitivity_plot import draw_sensitivity
    from hierbayes.plots.shrinkage_plot import shrinkage
    from hierbayes.plots.tadpoles_plot import tadpoles
    from hierbayes.plots.trellis_plot import pooling_trellis

_HOME = {
    "caterpillar": "caterpillar_plot",
    "components": "components_plot",
    "draw_calibration": "calibration_plot",
    "draw_errors": "error_plot",
    "draw_sensitivity": "sensitivity_plot",
    "effects": "effects_plot",
    "fan": "fan_plot",
    "group_size": "group_size_plot",
    "pooling_trellis": "trellis_plot",
    "population": "population_plot",
    "shrinkage": "shrinkage_plot",
    "shrinkage_arrows": "arrows",
    "shrinkage_rows": "arrow_rows",
    "tadpoles": "tadpoles_plot",
}

__all__ = [
    "caterpillar",
    "components",
    "draw_calibration",
    "draw_errors",
    "draw_sensitivity",
    "effects",
    "fan",
    "group_size",
    "pooling_trellis",
    "population",
    "shrinkage",
    "shrinkage_arrows",
    "shrinkage_rows",
    "tadpoles",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hierbayes.plots' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"hierbayes.plots.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
