"""A family in words, in LaTeX and in units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hierbayes.families.traits import Traits


class Words(Traits):
    """The part of a family that describes a response and its linear predictor to a reader."""

    @property
    def latent_note(self) -> str:
        """What stands for the residual variance on the scale of the link, in words."""
        return self.latent_words

    def latex_line(self, spread: str) -> str:
        """Return the distribution of a response as a line of LaTeX.

        Parameters
        ----------
        spread : str
            The sd of a gaussian row.
        """
        return self.latex

    def predictor_latex(self, category: int = 0) -> str:
        """Return what the linear predictor is, in LaTeX: the location, or its link; with a category, that of its."""
        return r"\mu_i" if self.link == "identity" else rf"\operatorname{{{self.link}}}(\mu_i)"

    @property
    def predictor_words(self) -> str:
        """What has the coefficients, in words."""
        return "mean" if self.link == "identity" else "linear predictor"

    def sentences(self, filling: Mapping[str, str], categories: Sequence[str]) -> list[str]:
        """Return the distribution of a response in sentences.

        Parameters
        ----------
        filling : mapping of str to str
            What stands in the braces of `words`: the response ``y``, the level ``one`` that is modelled, ``link``,
            ``trials``, and the prior of each parameter.
        categories : sequence of str
            Of the response, in order.
        """
        return [self.words.format(**filling)]

    def unit(self, response: str, location: str, reference: str) -> str:
        """Return the unit of the linear predictor: the response's, or that of a function of it.

        Parameters
        ----------
        response : str
            As it is written.
        location : str
            "share" where the response counts successes of trials, else "mean".
        reference : str
            The reference of a categorical response.
        """
        return response if self.link == "identity" else f"{self.link}({location} of {response})"
