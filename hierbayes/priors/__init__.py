"""Prior distributions: frozen values that know their law, and how they are written."""

from hierbayes.priors.laws import Exponential as Exponential
from hierbayes.priors.laws import Flat as Flat
from hierbayes.priors.laws import Gamma as Gamma
from hierbayes.priors.laws import HalfCauchy as HalfCauchy
from hierbayes.priors.laws import HalfNormal as HalfNormal
from hierbayes.priors.laws import HalfStudentT as HalfStudentT
from hierbayes.priors.laws import InverseGamma as InverseGamma
from hierbayes.priors.laws import LogNormal as LogNormal
from hierbayes.priors.laws import Normal as Normal
from hierbayes.priors.laws import Uniform as Uniform
from hierbayes.priors.parameter import POSITIVE as POSITIVE
from hierbayes.priors.parameter import Parameter as Parameter
from hierbayes.priors.prior import NoLawError as NoLawError
from hierbayes.priors.prior import PositivePrior as PositivePrior
from hierbayes.priors.prior import Prior as Prior
from hierbayes.priors.special import LKJ as LKJ
from hierbayes.priors.special import Custom as Custom
from hierbayes.priors.special import Fixed as Fixed
