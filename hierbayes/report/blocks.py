"""What a page is made of: words, lists, tables, pictures and mathematics, each as HTML with every word escaped."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from html import escape

import pandas as pd

from hierbayes.tables.cells import cells

LONG = 32
"""A cell with more signs is broken into lines."""
WHOLE = 20
"""A table with more rows may be printed on two pages."""
MINUS = "\u2212"


@dataclass(frozen=True)
class Words:
    """A paragraph; `aside` for a remark on what was left out."""

    text: str
    aside: bool = False

    def html(self) -> str:
        """Return the block as HTML."""
        return f"<p{' class="aside"' if self.aside else ''}>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Listing:
    """A list of short sentences."""

    items: tuple[str, ...]

    def html(self) -> str:
        """Return the block as HTML."""
        return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in self.items)}</ul>"


@dataclass(frozen=True)
class Code:
    """Text with its line breaks kept."""

    text: str

    def html(self) -> str:
        """Return the block as HTML."""
        return f"<pre>{escape(self.text)}</pre>"


@dataclass(frozen=True)
class Maths:
    """MathML, which is taken as it is."""

    mathml: str

    def html(self) -> str:
        """Return the block as HTML."""
        return f'<div class="scroll maths" tabindex="0" role="region" aria-label="Formulas">{self.mathml}</div>'


@dataclass(frozen=True, eq=False)
class Table:
    """A table with its caption; its index is shown unless it only counts.

    Attributes
    ----------
    frame : DataFrame
    caption : str
    note : str
        What the columns mean.
    headed : bool
        Whether the names of the columns are shown.
    """

    frame: pd.DataFrame
    caption: str = ""
    note: str = ""
    headed: bool = True

    def html(self) -> str:
        """Return the block as HTML."""
        own = cells(self.frame)
        headings = 0 if isinstance(self.frame.index, pd.RangeIndex) else self.frame.index.nlevels
        kinds = [' class="number"' if number else "" for number in own.numeric]
        names = [f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(own.headers, kinds, strict=True)]
        head = f"<thead><tr>{''.join(names)}</tr></thead>" if self.headed else ""
        body = "".join(_row(row, kinds, headings) for row in own.rows)
        # Outside of what scrolls: on a phone the caption would be cut otherwise.
        said = f'<p class="caption">{escape(self.caption)}</p>' if self.caption else ""
        label = escape(self.caption or "Table")
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        whole = " whole" if len(own.rows) <= WHOLE else ""
        return (
            f'{said}<div class="scroll{whole}" tabindex="0" role="region" aria-label="{label}"><table>'
            f"{head}<tbody>{body}</tbody></table></div>{note}"
        )


@dataclass(frozen=True)
class Picture:
    """A PNG image; the caption is also the text for those who cannot see it.

    Attributes
    ----------
    png : bytes
    caption : str
    scale : float
        Pixels of the image to a pixel of the page.
    """

    png: bytes
    caption: str
    scale: float = 1.0

    def html(self) -> str:
        """Return the block as HTML."""
        data = base64.b64encode(self.png).decode("ascii")
        words = escape(self.caption)
        width, height = (round(side / self.scale) for side in struct.unpack(">II", self.png[16:24]))
        return (
            f'<figure><img alt="{words}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'
            f"<figcaption>{words}</figcaption></figure>"
        )


Block = Words | Listing | Code | Maths | Table | Picture


def _row(row: tuple[str, ...], kinds: list[str], headings: int) -> str:
    names = "".join(f'<th scope="row"{_long(cell)}>{escape(cell)}</th>' for cell in row[:headings])
    values = "".join(_cell(cell, kind) for cell, kind in zip(row[headings:], kinds[headings:], strict=True))
    return f"<tr>{names}{values}</tr>"


def _cell(cell: str, kind: str) -> str:
    if not kind:
        return f"<td{_long(cell)}>{escape(cell)}</td>"
    return f"<td{kind}>{escape(cell if 'e' in cell else cell.replace('-', MINUS))}</td>"


def _long(cell: str) -> str:
    return ' class="long"' if len(cell) > LONG else ""
