"""Configuration of the documentation."""

import importlib.metadata
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE / "_ext"), str(ROOT / "notebooks")]

import execute  # noqa: E402
from pygments.lexers.special import TextLexer  # noqa: E402

project = "hierbayes"
author = "The hierbayes developers"
project_copyright = "2026, The hierbayes developers"
release = importlib.metadata.version("hierbayes")

extensions = [
    *("myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"),
    *("mathml", "live_explorer", "gallery"),
]
exclude_patterns = ["_build", "api/generated/README*", "make_images.py"]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
math_number_all = False

# A draft (`sphinx -t draft`) takes seconds: nothing is fitted, notebooks have no outputs and figures are left out.
DRAFT = tags.has("draft")  # noqa: F821

# The notebooks come executed, from the tests if these have just run.
nb_execution_mode = "off"
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "hierbayes"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# The header holds the sections of the contents, the sidebar the pages of the section that is read.
html_sidebars = {"index": [], "search": [], "genindex": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "navigation_with_keys": False,
}


def _bring_notebooks():
    target = HERE / "notebooks"
    target.mkdir(exist_ok=True)
    for source in execute.sources():
        shutil.copy2(source if DRAFT else execute.executed(source), target / source.name)


_bring_notebooks()


def setup(app):
    # Lists of formulas, good and refused, that the tests read too.
    app.add_lexer("formula", TextLexer)
    app.add_lexer("refused", TextLexer)
