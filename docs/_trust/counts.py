"""How many cases of each kind the tests hold, counted from their own lists."""

from __future__ import annotations

import pandas as pd


def counts() -> pd.DataFrame:
    """Return one row for each kind of case, with the file of the tests whose list is counted."""
    import hostile
    from engines import test_random_designs
    from trust import test_bad_input, test_fuzz, test_hostile, test_hostile_html
    from trust.bad_predictions import PREDICTIONS
    from trust.exact import EXACT

    rows = [
        ("models of bad or odd input: a typed error, one warning or a stated result", len(test_bad_input.CASES),
         "trust/test_bad_input.py"),
        ("predictions from bad or odd new data", len(PREDICTIONS), "trust/test_bad_input.py"),
        ("failures of the surroundings, proven beside what they concern", len(test_bad_input.ELSEWHERE),
         "trust/test_bad_input.py"),
        ("formulas that try to run code", len(test_hostile.HOSTILE_FORMULAS), "trust/test_hostile.py"),
        ("names, hypotheses and addresses that try to", _attempts(test_hostile), "trust/test_hostile.py"),
        ("names that try to break out of a page", len(test_hostile_html.BREAKS), "trust/test_hostile_html.py"),
        ("names that break file formats, through a file and a fresh process", len(hostile.NAMES),
         "storage/test_keeping.py"),
        ("random and mutated formulas", test_fuzz.MANY, "trust/test_fuzz.py"),
        ("mutated specifications", max(test_fuzz.MANY // 10, 1), "trust/test_fuzz.py"),
        ("mutated tables", max(test_fuzz.MANY // 10, 1), "trust/test_fuzz.py"),
        ("models with a posterior by quadrature", len(EXACT), "trust/test_quadrature.py"),
        ("random designs beside dense matrices", test_random_designs.PARTS * test_random_designs.DESIGNS,
         "engines/test_random_designs.py"),
    ]  # fmt: skip
    return pd.DataFrame([(what, n, f"`tests/{place}`") for what, n, place in rows], columns=["cases", "number", "file"])


def _attempts(tests: object) -> int:
    return sum(len(getattr(tests, name)) for name in ("NAMES", "QUESTIONS", "ADDRESSES"))
