"""What a response may be: the families, a file each with all that is known of it."""

from __future__ import annotations

import importlib

from hierbayes.families.base import Family as Family
from hierbayes.families.registry import FAMILIES as FAMILIES
from hierbayes.families.registry import family as family
from hierbayes.families.registry import family_from_json as family_from_json
from hierbayes.families.registry import register as register
from hierbayes.families.registry import with_categories as with_categories
from hierbayes.families.traits import Values as Values

ROOM = (
    *("gaussian", "student_t", "bernoulli", "binomial", "poisson", "negative_binomial", "gamma", "lognormal"),
    *("exgaussian", "beta", "ordinal", "categorical"),
)
"""The files of the families, in the order in which they are listed."""

for _file in ROOM:
    importlib.import_module(f"hierbayes.families.{_file}")

GAUSSIAN = family("gaussian")
