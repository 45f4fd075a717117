"""Classical fits: least squares, maximum likelihood, REML, paired t-tests, and their tables beside a posterior.

The model is `y ~ N(X beta, sigma² diag(1 / weights))`. Complete pooling fits one `beta` for all rows; no pooling
fits one coefficient vector for each level of a grouping factor, by least squares alone.
"""

from hierbayes.estimates.dummies import FixedGroups as FixedGroups
from hierbayes.estimates.dummies import GroupColumns as GroupColumns
from hierbayes.estimates.dummies import fixed_groups as fixed_groups
from hierbayes.estimates.levels import NoPooling as NoPooling
from hierbayes.estimates.levels import no_pooling as no_pooling
from hierbayes.estimates.likelihoods import Responses as Responses
from hierbayes.estimates.likelihoods import maximum_by_level as maximum_by_level
from hierbayes.estimates.likelihoods import maximum_likelihood as maximum_likelihood
from hierbayes.estimates.pairs import PairedDifference as PairedDifference
from hierbayes.estimates.pairs import paired_difference as paired_difference
from hierbayes.estimates.pooled import LeastSquares as LeastSquares
from hierbayes.estimates.pooled import least_squares as least_squares
