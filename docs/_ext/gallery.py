"""Two directives for the gallery: the fits that it shows, and figures drawn by one-line calls when the page is built.

``{gallery-fits}`` holds Python that makes fits by name; ``{gallery}`` holds one call a line, such as
``sleepstudy.plot.shrinkage()``. Figures are drawn anew when the package or the calls have changed; a draft has none.
"""

import hashlib
import warnings
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).resolve().parent.parent
FOLDER = DOCS / "images" / "gallery"
PACKAGE = DOCS.parent / "hierbayes"
DPI = 110


def calls(lines):
    """The calls of a directive, comments and blank lines left out."""
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def state():
    """A text that changes when the package does."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".csv", ".gz"})
    return hashlib.blake2b(b"".join(path.read_bytes() for path in files), digest_size=8).hexdigest()


class Fits:
    """The fits of the gallery, made when the first figure that may need them is drawn."""

    def __init__(self):
        self.code = ""
        self.names = {}
        self.done = 0

    def draw(self, call, path):
        """Draw the figure of a call."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(self.code[self.done :], self.names)
        self.done = len(self.code)
        figure = eval(call, self.names)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, bbox_inches="tight")


class GalleryFits(SphinxDirective):
    """``{gallery-fits}``: Python that makes the fits by name; it is shown, and run when needed."""

    has_content = True

    def run(self):
        code = "\n".join(self.content)
        self.env.temp_data.setdefault("gallery", Fits()).code += f"{code}\n"
        return [nodes.literal_block(code, code, language="python")]


class Gallery(SphinxDirective):
    """``{gallery}``: a figure for each line, with the line above it."""

    has_content = True

    def run(self):
        fits, mark = self.env.temp_data["gallery"], state()
        shown = []
        for call in calls(self.content):
            name = hashlib.blake2b(f"{mark} {fits.code} {call}".encode(), digest_size=10).hexdigest()
            path = FOLDER / f"{name}.png"
            shown.append(nodes.literal_block(call, call, language="python"))
            if self.env.app.tags.has("draft"):
                continue
            if not path.exists():
                fits.draw(call, path)
            shown.append(nodes.image(uri=f"/{path.relative_to(DOCS).as_posix()}", alt=f"The figure that {call} draws"))
        return shown


def setup(app):
    app.add_directive("gallery-fits", GalleryFits)
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
