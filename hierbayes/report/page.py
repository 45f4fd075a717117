"""One self-contained HTML page about a fit: no network, no script, every word escaped."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from hierbayes.errors import DataError
from hierbayes.report.style import STYLE
from hierbayes.report.text import text, texts


@dataclass(frozen=True)
class Page:
    """What the page shows, in the order in which it shows it. Whatever is left empty is left out.

    Attributes
    ----------
    title : str
        Heading of the page.
    formula : str
        The formula as it was typed.
    equation : str
        The model in words, line breaks kept.
    tables : mapping of str to DataFrame
        Summary tables by caption. Their indices are shown unless they only count rows.
    figures : mapping of str to bytes
        PNG images by caption; the caption is also the text for those who cannot see the image.
    priors : DataFrame, optional
        The priors after scaling.
    diagnostics : mapping or DataFrame, optional
        What the sampler reports.
    notes : sequence of str
        Paragraphs, e.g. warnings; shown below the formula.
    footer : str
        Last line, e.g. versions and seed.
    """

    title: str
    formula: str = ""
    equation: str = ""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    priors: pd.DataFrame | None = None
    diagnostics: Mapping[str, Any] | pd.DataFrame | None = None
    notes: Sequence[str] = ()
    footer: str = ""


def page(content: Page) -> str:
    """Return a complete HTML document.

    Parameters
    ----------
    content : Page
        What to show.

    Returns
    -------
    str
        HTML that needs no other file. Text from the model and the data is escaped: a level called ``<b>`` is shown so.

    Examples
    --------
    >>> from hierbayes.report.page import Page, page
    >>> "<h1>Sleep &amp; study</h1>" in page(Page("Sleep & study"))
    True
    """
    parts = [_header(content), *_sections(content)]
    if content.footer:
        parts.append(f"<footer>{escape(content.footer)}</footer>")
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(content.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def write_page(path: str | Path, html: str) -> Path:
    """Write a page whole or not at all, and return its path.

    Raises
    ------
    DataError
        If nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hierbayes.report.page import Page, page, write_page
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_page(Path(folder) / "report.html", page(Page("Sleep"))).name
    'report.html'
    """
    place = Path(path)
    draft: str | None = None
    try:
        handle, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(html)
        # A temporary file is its owner's alone; a report is as open as any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(draft, 0o666 & ~mask)
        os.replace(draft, place)
    except OSError as error:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise DataError(f"cannot write the report to '{path}': {reason}", "Choose another place.") from error
    return place


def _header(content: Page) -> str:
    lines = [f"<h1>{escape(content.title)}</h1>"]
    if content.formula:
        lines.append(f'<p class="formula"><code>{escape(content.formula)}</code></p>')
    if content.notes:
        notes = "".join(f"<p>{escape(note)}</p>" for note in content.notes)
        lines.append(f'<aside aria-label="Notes">{notes}</aside>')
    return f"<header>{''.join(lines)}</header>"


def _sections(content: Page) -> list[str]:
    sections = []
    if content.equation:
        sections.append(_section("Model", f'<pre class="equation">{escape(content.equation)}</pre>'))
    if content.tables:
        tables = "".join(_table(table, caption) for caption, table in content.tables.items())
        sections.append(_section("Summary", tables))
    if content.figures:
        figures = "".join(_figure(caption, png) for caption, png in content.figures.items())
        sections.append(_section("Figures", figures))
    if content.priors is not None:
        sections.append(_section("Priors", _table(content.priors)))
    if content.diagnostics is not None:
        sections.append(_section("Diagnostics", _diagnostics(content.diagnostics)))
    return sections


def _section(heading: str, inner: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{inner}</section>"


def _diagnostics(values: Mapping[str, Any] | pd.DataFrame) -> str:
    if isinstance(values, pd.DataFrame):
        return _table(values)
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(text(value))}</td></tr>'
        for name, value in values.items()
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _table(table: pd.DataFrame, caption: str = "") -> str:
    names: list[Any] = []
    columns: list[list[str]] = []
    if not isinstance(table.index, pd.RangeIndex):
        for depth, name in enumerate(table.index.names):
            names.append("" if name is None else name)
            columns.append([text(label) for label in table.index.get_level_values(depth)])
    headings = len(names)
    numeric = [False] * headings
    for position, name in enumerate(table.columns):
        column = table.iloc[:, position]
        names.append(name)
        columns.append(texts(column))
        numeric.append(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))
    kinds = [' class="number"' if number else "" for number in numeric]
    head = "".join(f'<th scope="col"{kind}>{escape(text(name))}</th>' for name, kind in zip(names, kinds, strict=True))
    body = "".join(_row(row, kinds, headings) for row in zip(*columns, strict=True))
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: tuple[str, ...], kinds: list[str], headings: int) -> str:
    names = "".join(f'<th scope="row">{escape(cell)}</th>' for cell in row[:headings])
    values = zip(row[headings:], kinds[headings:], strict=True)
    return f"<tr>{names}{''.join(f'<td{kind}>{escape(cell)}</td>' for cell, kind in values)}</tr>"


def _figure(caption: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    words = escape(caption)
    return f'<figure><img alt="{words}" src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'
