"""A directive that shows the pooling explorer of a catalogue model, drawn when the page is built."""

import functools

from docutils import nodes
from docutils.parsers.rst import Directive


@functools.cache
def _drawn(name):
    import hierbayes as hb
    from hierbayes.catalogue import catalogue

    spec = catalogue()[name]
    fit = hb.fit(spec.formula, hb.load_data(spec.data), seed=1, progress=False)
    return fit.explore()._repr_html_()


class LiveExplorer(Directive):
    """``{explorer} sleepstudy``: the explorer of the model of that name."""

    required_arguments = 1

    def run(self):
        return [nodes.raw("", _drawn(self.arguments[0]), format="html")]


def setup(app):
    app.add_directive("explorer", LiveExplorer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
