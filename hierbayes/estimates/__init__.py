"""Least squares and maximum likelihood: complete-pooling, no-pooling and groups-as-columns fits, and paired t-tests.

The model is `y ~ N(X beta, sigma² diag(1 / weights))`. Complete pooling fits one `beta` for all rows; no pooling
fits one coefficient vector for each level of a grouping factor, by least squares alone.
"""

from hierbayes.estimates.dummies import FixedGroups, GroupColumns, fixed_groups
from hierbayes.estimates.levels import NoPooling, no_pooling
from hierbayes.estimates.likelihoods import Responses, maximum_by_level, maximum_likelihood
from hierbayes.estimates.pairs import PairedDifference, paired_difference
from hierbayes.estimates.pooled import LeastSquares, least_squares

__all__ = [
    "FixedGroups",
    "GroupColumns",
    "LeastSquares",
    "NoPooling",
    "PairedDifference",
    "Responses",
    "fixed_groups",
    "least_squares",
    "maximum_by_level",
    "maximum_likelihood",
    "no_pooling",
    "paired_difference",
]
