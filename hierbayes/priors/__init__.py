"""Prior distributions: frozen values, and how they are written."""

from hierbayes.priors.prior import LKJ as LKJ
from hierbayes.priors.prior import Custom as Custom
from hierbayes.priors.prior import Exponential as Exponential
from hierbayes.priors.prior import Fixed as Fixed
from hierbayes.priors.prior import Flat as Flat
from hierbayes.priors.prior import Gamma as Gamma
from hierbayes.priors.prior import HalfCauchy as HalfCauchy
from hierbayes.priors.prior import HalfNormal as HalfNormal
from hierbayes.priors.prior import HalfStudentT as HalfStudentT
from hierbayes.priors.prior import InverseGamma as InverseGamma
from hierbayes.priors.prior import LogNormal as LogNormal
from hierbayes.priors.prior import Normal as Normal
from hierbayes.priors.prior import PositivePrior as PositivePrior
from hierbayes.priors.prior import Prior as Prior
from hierbayes.priors.prior import Uniform as Uniform
