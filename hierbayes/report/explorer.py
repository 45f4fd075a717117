"""The pooling explorer: one page with a slider from complete to no pooling, complete in itself."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from hierbayes.plots.style import COMPLETE, NO, PARTIAL
from hierbayes.report.explorer_data import Explored, explorer_data
from hierbayes.report.page import write_page

SCRIPTS = ("explorer_model.js", "explorer_draw.js", "explorer_panels.js", "explorer_arrows.js", "explorer.js")
INLINE_HEIGHT = 860
"""Height in pixels of the explorer in a notebook."""


class Explorer:
    """The explorer of one grouping factor, made by `Fit.explore`; in a notebook it shows itself.

    Attributes
    ----------
    data : mapping
        What the page shows: estimates at each position of the slider, the data, the posterior of each sd.
    path : Path or None
        Where it was written.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.path: Path | None = None

    @cached_property
    def html(self) -> str:
        """The page, complete in itself."""
        return explorer_page(self.data)

    def write(self, path: str | Path) -> Path:
        """Write the page to a file and return its path.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        self.path = write_page(path, self.html)
        return self.path

    def __repr__(self) -> str:
        where = "" if self.path is None else f", written to {str(self.path)!r}"
        levels, positions = len(self.data["levels"]), len(self.data["multipliers"])
        return f"Explorer of {self.data['factor']}: {levels} levels, {positions} positions of the slider{where}"

    def _repr_html_(self) -> str:
        # The frame may run its own script and nothing else: it cannot reach the notebook around it.
        return (
            f'<iframe title="{escape(_title(self.data))}" sandbox="allow-scripts" srcdoc="{escape(self.html)}" '
            f'style="width: 100%; height: {INLINE_HEIGHT}px; border: 0" loading="lazy"></iframe>'
        )


def explore(
    fit: Explored,
    factor: str | None = None,
    levels: Sequence[str] | None = None,
    terms: Sequence[str] | None = None,
) -> Explorer:
    """Return the explorer of one grouping factor; see `hierbayes.Fit.explore`."""
    return Explorer(explorer_data(fit, factor, levels, terms))


def explorer_page(data: dict[str, Any]) -> str:
    """Return a complete HTML document.

    Its content security policy forbids every request and every script but its own, which it knows by their hashes.
    """
    script = _script()
    style = _style()
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; form-action \'none\'">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_title(data))}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'{_body(data)}\n<script type="application/json" id="data">{as_json(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def as_json(data: Any) -> str:
    r"""Return JSON that no text within can end: it holds no ``<``, ``>`` or ``&``.

    >>> print(as_json({"level": "</script>"}))
    {"level":"\u003c/script\u003e"}
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("hierbayes.report").joinpath(name).read_text(encoding="utf-8")


def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(_read(name) for name in SCRIPTS) + "})();\n"


def _style() -> str:
    colours = f":root {{ --complete: {COMPLETE.colour}; --no: {NO.colour}; --partial: {PARTIAL.colour}; }}\n"
    return colours + _read("explorer.css")


def _title(data: dict[str, Any]) -> str:
    return f"{data['response']} by {data['factor']}: from complete to no pooling"


def _body(data: dict[str, Any]) -> str:
    factor, anchor = escape(data["factor"]), escape(data["anchor"]["name"])
    whose = "REML's value" if anchor == "REML" else f"the {anchor}"
    notes = "".join(f"<li>{escape(note)}</li>" for note in data["notes"])
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in data["warnings"])
    return f"""<main>
<header>
<h1>{escape(_title(data))}</h1>
<p class="formula"><code>{escape(data["formula"])}</code></p>
{warnings}
</header>
<noscript><p>This page draws with a script, and scripts are switched off here.</p></noscript>
<section id="controls" aria-label="Degree of pooling">
<div class="row">
<button type="button" id="play" aria-pressed="false"><span class="icon" aria-hidden="true"></span><span
 class="word">Play</span></button>
<input type="range" id="slider" min="0" max="{len(data["multipliers"]) - 1}" step="1"
 aria-label="Standard deviation of the effects of {factor}">
</div>
<svg id="density" role="img"></svg>
<div class="row jumps">
<button type="button" class="complete" data-go="first">Complete pooling</button>
<button type="button" class="partial" data-go="middle">{_capital(anchor)}</button>
<button type="button" class="no" data-go="last">No pooling</button>
<div class="row" id="reading"><label id="which-sd">sd of <select id="density-term"></select></label>
<p id="readout"></p></div>
</div>
</section>
<ul id="legend" aria-label="Legend">
{_LEGEND}
</ul>
<div id="figures">
<figure id="panels"><figcaption>The data and the lines of each level</figcaption><svg role="img"></svg></figure>
<figure id="plane"><figcaption id="plane-caption"></figcaption>
<div class="axes"><label>across <select id="term-x"></select></label><label>up <select id="term-y"></select></label>
</div><svg role="img"></svg></figure>
</div>
<details id="levels"><summary>Levels of {factor}: <span id="count"></span></summary>
<div class="row"><input type="search" id="find" placeholder="find a level" aria-label="Find a level">
<button type="button" id="all">All</button><button type="button" id="none">None</button></div>
<div id="boxes"></div></details>
<details id="numbers"><summary>The numbers at this position</summary><div class="scroll"><table>
<caption></caption><thead></thead><tbody></tbody></table></div></details>
<section id="words">
<p>The slider multiplies the standard deviations of the effects of {factor}. At 0 all its levels are one: complete
pooling. In the middle stands {escape(whose)}. At the right end they are a hundred times that, and each level is left to
its own data: no pooling. All other parameters stay where they are.
{_ESTIMATES[data["exact"]]}<span id="left"></span></p>
<p>The curve below the slider is the posterior density of the standard deviation on its logarithmic scale: how far
the data say one should pool. Keys: left and right move, Home and End jump, space plays.</p>
<ul>{notes}</ul>
</section>
</main>"""


_ESTIMATES = {
    True: """The lines are the exact estimates given these
values, by generalised least squares for the population and conditional means for the levels.""",
    False: """The lines are the means of the response
at the posterior modes of coefficients and effects given these values; the drawing beside them and the numbers are
on the scale of the linear predictor. At the right end the levels take everything, and the population goes to the mean
of its prior.""",
}


def _key(marks: str, name: str, wide: int = 46) -> str:
    return f'<li><svg width="{wide}" height="16" aria-hidden="true">{marks}</svg>{name}</li>'


def _line(name: str) -> str:
    return f'<line class="{name}-line" x1="1" x2="27" y1="8" y2="8"/>'


_LEGEND = "\n".join(
    [
        _key('<circle class="point" cx="6" cy="8" r="3"/>', "data", 12),
        _key(_line("complete") + '<path class="complete-dot" d="M38,2 l6,6 l-6,6 l-6,-6 Z"/>', "complete pooling"),
        _key(_line("no") + '<circle class="start" cx="37" cy="8" r="3.5"/>', "no pooling"),
        _key(_line("present") + '<path class="head" d="M44,8 l-9,-4 v8 Z"/>', "now"),
        _key('<rect class="mean-dot" x="2" y="3" width="10" height="10"/>', "population now", 14),
    ]
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
