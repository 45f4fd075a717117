"""`Model` and `Fit`, the two objects that a user meets. Thin: they call the rooms of the package."""

from hierbayes.model.fitted import Fit
from hierbayes.model.model import Model, fit

__all__ = ["Fit", "Model", "fit"]
