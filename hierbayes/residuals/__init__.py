"""How the residuals of the rows are distributed, as far as the family leaves it open."""

from hierbayes.residuals.residual import Residual

__all__ = ["Residual"]
