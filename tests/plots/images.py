"""Guards of how a figure looks: the test returns it, and pytest-mpl compares it with its picture in baseline/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest

BASELINE = Path(__file__).parent / "baseline"
DPI = 55
TOLERANCE = 0.4
"""Root mean square of the differences in grey levels (0 to 255) over all pixels. One digit of a legend makes a larger
one (see test_images.py)."""
DRAWN_WITH = "3.11"
"""The series of matplotlib that drew the baselines: another one sets text differently, which moves everything."""

SAVED: dict[str, Any] = {"dpi": DPI, "metadata": {"Software": None}}

_COMPARED = pytest.mark.mpl_image_compare(style="default", tolerance=TOLERANCE, savefig_kwargs=SAVED)
same_text = pytest.mark.skipif(
    not matplotlib.__version__.startswith(f"{DRAWN_WITH}."),
    reason=f"the baselines were drawn with matplotlib {DRAWN_WITH}",
)


def image(test: Callable[..., Any]) -> Any:
    """Compare the figure that the test returns with ``baseline/<name of the test>.png``."""
    return same_text(_COMPARED(test))
