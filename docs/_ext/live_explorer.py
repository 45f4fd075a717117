"""A directive that shows the pooling explorer of a catalogue model, drawn when the page is built; not in a draft."""

import functools

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


@functools.cache
def _drawn(name):
    import hierbayes as hb
    from hierbayes.catalogue import catalogue

    spec = catalogue()[name]
    fit = hb.fit(spec.formula, hb.load_data(spec.data), seed=1, progress=False)
    return fit.explore()._repr_html_()


class LiveExplorer(SphinxDirective):
    """``{explorer} sleepstudy``: the explorer of the model of that name."""

    required_arguments = 1

    def run(self):
        if self.env.app.tags.has("draft"):
            return []
        return [nodes.raw("", _drawn(self.arguments[0]), format="html")]


def setup(app):
    app.add_directive("explorer", LiveExplorer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
