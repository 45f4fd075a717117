"""The density of a PyMC model at values of its untransformed variables, without compiling to machine code."""

from __future__ import annotations

import numpy as np


def untransformed(model):
    """Return the PyMC model of an `hb.Model` with its transforms taken out."""
    from pymc.model.transform.conditioning import remove_value_transforms

    return remove_value_transforms(model.pymc)


def function_of(graph, outputs):
    """Return outputs of a PyMC model as a function of a mapping of values of its free variables."""
    inputs = [graph.rvs_to_values[rv] for rv in graph.free_RVs]
    function = graph.compile_fn(outputs, inputs=inputs, mode="FAST_COMPILE", on_unused_input="ignore")

    def evaluate(values):
        return function(
            {graph.rvs_to_values[rv].name: np.asarray(values[rv.name], dtype=float) for rv in graph.free_RVs}
        )

    return evaluate


def logp_function(model):
    """Return the log density of a model's free variables, Jacobians of transforms left out."""
    graph = untransformed(model)
    evaluate = function_of(graph, graph.logp(jacobian=False))
    return lambda values: float(evaluate(values))
