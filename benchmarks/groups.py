"""The cost of groups: a correlated random slope with 10^2 to 10^5 groups of ten rows; time of one gradient."""

from __future__ import annotations

import argparse
from typing import Any

from side_by_side import markdown, table
from worker import load


def main() -> None:
    """Print the table."""
    import hierbayes as hb
    from hierbayes.engines.collapsed.engine import CollapsedEngine

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--groups", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    options.add_argument("--seconds", type=float, default=2.0, help="spent on each size; the least time counts")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    rows: list[list[Any]] = []
    for groups in chosen.groups:
        model = hb.Model("y ~ x + (x | g)", load({"rows": 10 * groups, "groups": groups}))
        seconds = CollapsedEngine(model.problem).seconds_per_gradient(chosen.seconds)
        rows.append([groups, 1e6 * seconds, 1e9 * seconds / groups])
    print((markdown if chosen.markdown else table)(["groups", "gradient us", "ns a group"], rows))


if __name__ == "__main__":
    main()
