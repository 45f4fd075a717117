"""Figures in a real kernel of Jupyter: the first leaves the notebook as it was, so that all later ones show."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parent.parent
SETUP = f"""
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS / "helpers")!r}, {str(TESTS.parent)!r}]
import hierbayes as hb
from fits import fake_fit
"""
MADE_UP = 'fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))'
SAMPLED = 'fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=50, chains=2, seed=1, progress=False)'
POOLED = 'hb.pooling("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=50, seed=1, progress=False).plot()'
OWN = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
STATE = """
import matplotlib
print(json.dumps({"interactive": matplotlib.is_interactive(), "backend": matplotlib.rcParams["backend"]}))
"""
SETTINGS = "print(json.dumps({name: repr(value) for name, value in sorted(matplotlib.rcParams.items())}))"
INLINE = {"interactive": True, "backend": "module://matplotlib_inline.backend_inline"}
ARVIZ = ("trace()", "rank()", "forest()", "ppc()", "prior_posterior()", "psense()", "loo_khat()", "energy()",
         'arviz("pair")')  # fmt: skip
OURS = ("caterpillar()", "components()", "effects()", "fan()", "group_size()", "pooling()", "population()",
        "shrinkage()", "tadpoles()")  # fmt: skip


def outputs(*cells, setup=SETUP):
    """Run the cells in a kernel of their own and return the outputs of each, those of the setup left out."""
    # Another environment's kernel of the same name would be found first otherwise.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (setup, *cells)])
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    return [cell.outputs for cell in notebook.cells[1:]]


def pictures(cell):
    return sum("image/png" in output.get("data", {}) for output in cell)


def said(cell):
    return json.loads("".join(output.text for output in cell if output.output_type == "stream"))


def test_every_kind_is_listed():
    from hierbayes.plots.accessor import FitPlots

    names = {name for name in dir(FitPlots) if not name.startswith("_")}
    assert {call.split("(")[0] for call in (*ARVIZ, *OURS)} == names


@pytest.mark.parametrize("call", ARVIZ)
def test_after_a_first_figure_of_arviz_pictures_show(call):
    drawn, own, again, state = outputs(MADE_UP + f"\nfit.plot.{call};", OWN, f"fit.plot.{call};", STATE)
    assert [pictures(cell) for cell in (drawn, own, again)] == [1, 1, 1]
    assert said(state) == INLINE


def test_after_a_first_figure_of_ours_pictures_show():
    """None of ours starts the backend: each leaves the kernel as fresh as it was, and one kernel does for all."""
    fresh = "import sys\nprint(json.dumps('matplotlib.pyplot' in sys.modules))"
    cells = [cell for call in OURS for cell in (f"fit.plot.{call}", fresh)]
    *drawn, pooled, own, after, state = outputs(
        *cells, POOLED, OWN, "fit.plot.caterpillar()", STATE, setup=SETUP + MADE_UP
    )
    assert [pictures(cell) for cell in drawn[::2]] == [1] * len(OURS)
    assert [said(cell) for cell in drawn[1::2]] == [False] * len(OURS)
    assert [pictures(cell) for cell in (pooled, own, after)] == [1, 1, 1]
    assert said(state) == INLINE


def test_the_settings_of_a_notebook_are_left_alone():
    """Its own, and those that its backend brings when it starts, as with a first figure of the user's."""
    own = 'import matplotlib\nmatplotlib.rcParams.update({"lines.linewidth": 7, "font.size": 5, "axes.grid": True})'
    configured = "get_ipython().config.InlineBackend.rc = {'figure.dpi': 33.0, 'axes.titlesize': 21}"
    *_, before, ours = outputs(SAMPLED, own, configured, SETTINGS, "fit.plot.trace();\n" + SETTINGS)
    *_, theirs = outputs(own, configured, OWN + "\n" + SETTINGS)
    before, ours, theirs = said(before), said(ours), said(theirs)
    assert ours == theirs
    changed = {name for name in ours if ours[name] != before[name]}
    assert changed == {"interactive", "figure.dpi", "axes.titlesize"}
    assert ours["font.size"] == "5.0"


@pytest.mark.parametrize(
    ("first", "wanted"),
    [
        ("%matplotlib inline", INLINE | {"backend": "inline"}),
        ('import matplotlib\nmatplotlib.use("svg")', {"interactive": False, "backend": "svg"}),
        ("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.ioff();", INLINE | {"interactive": False}),
    ],
    ids=["inline", "svg", "not interactive"],
)
def test_what_the_user_chose_stays(first, wanted):
    *_, state = outputs(first, "fit.plot.trace();", STATE, setup=SETUP + MADE_UP)
    assert said(state) == wanted
