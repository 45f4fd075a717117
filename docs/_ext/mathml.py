"""Mathematics as MathML, which browsers draw by themselves: the pages need neither a network nor a script."""

import re

from docutils import nodes
from latex2mathml.converter import convert

# The converter knows neither of these, and sets a one-letter \mathrm in italics.
TO_KNOWN = [
    (re.compile(r"\\(begin|end)\{(?:aligned|split|align)\}"), r"\\\1{align*}"),
    (re.compile(r"\\(?:mathrm|operatorname)\*?\{([^{}]*)\}"), r"\\text{\1}"),
]


def to_mathml(latex, display):
    for pattern, replacement in TO_KNOWN:
        latex = pattern.sub(replacement, latex)
    mathml = convert(latex.strip(), display=display)
    if "<mi>&</mi>" in mathml or "\\" in re.sub(r"<[^>]*>", "", mathml):
        raise ValueError("the converter leaves parts of this formula as they are")
    return mathml.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")


def visit_inline(self, node):
    self.body.append(_converted(node, "inline"))
    raise nodes.SkipNode


def visit_block(self, node):
    # The theme would push a formula to the right margin, where it expects a number.
    self.body.append(self.starttag(node, "div", CLASS="math", style="justify-content: center; overflow-x: auto"))
    self.body.append(_converted(node, "block") + "</div>\n")
    raise nodes.SkipNode


def _converted(node, display):
    from sphinx.util import logging

    latex = node.astext()
    try:
        return to_mathml(latex, display)
    except Exception as error:
        logging.getLogger(__name__).warning("cannot convert %r: %s", latex, error, location=node)
        return nodes.fully_normalize_name(latex)


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
