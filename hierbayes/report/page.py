"""One self-contained HTML page about a fit: no network, no script, every word escaped."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hierbayes.errors import DataError
from hierbayes.report.blocks import Block
from hierbayes.report.style import STYLE


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes
    ----------
    title : str
    blocks : tuple of Block
    """

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """What the page shows, in the order in which it shows it. Whatever is left empty is left out.

    Attributes
    ----------
    title : str
        Heading of the page.
    formula : str
        The formula as it was typed.
    notes : tuple of str
        Paragraphs below the formula, e.g. warnings.
    sections : tuple of Section
        Sections without a block are left out; with two or more there is a table of contents.
    footer : str
        Last line.
    """

    title: str
    formula: str = ""
    notes: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    footer: str = ""


def page(content: Page) -> str:
    """Return a complete HTML document.

    Its content security policy forbids every request and every script; images are within the page.

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
    sections = [section for section in content.sections if section.blocks]
    parts = [_header(content), _contents(sections), *map(_section, sections, range(1, len(sections) + 1))]
    if content.footer:
        parts.append(f"<footer>{escape(content.footer)}</footer>")
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(content.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _policy() -> str:
    own = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"


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
    if os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place)):
        # a device or a pipe would be replaced by a file
        raise DataError(f"cannot write the report to '{path}': it is no ordinary file", "Choose another place.")
    try:
        handle, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(html)
        # A temporary file is its owner's alone; a report is as open as any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(draft, 0o666 & ~mask)
        os.replace(draft, place)
    except (OSError, ValueError) as error:  # a path that holds a NUL is a ValueError
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
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


def _contents(sections: list[Section]) -> str:
    if len(sections) < 2:
        return ""
    items = "".join(
        f'<li><a href="#part-{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections, 1)
    )
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _section(section: Section, number: int) -> str:
    inner = "".join(block.html() for block in section.blocks)
    return f'<section id="part-{number}"><h2>{escape(section.title)}</h2>{inner}</section>'
