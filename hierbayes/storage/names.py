"""Names and texts as netCDF can hold them, and back.

netCDF refuses ``/`` in names and stumbles over blanks, over names of dots alone and over two spellings of one letter;
its texts end at the first NUL. What it holds as it is stays as it is, so that ordinary names remain readable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from hierbayes.errors import DataError

_RESERVED = "_nc4_"
"""Marks names that h5netcdf has changed for purposes of its own."""


def encode_name(name: str) -> str:
    """Return a name that netCDF takes; different names stay different.

    What netCDF does not take is written as in a web address: ``%`` and the hexadecimal bytes of its UTF-8.

    Examples
    --------
    >>> encode_name("sd_Subject"), encode_name("b_site/plot no"), encode_name("50%")
    ('sd_Subject', 'b_site%2Fplot%20no', '50%25')
    """
    if not name:
        return "%"
    plain = unicodedata.normalize("NFC", name) == name
    not_here = "." if set(name) == {"."} else "_" if _RESERVED in name else ""
    return "".join(letter if _stays(letter, plain) and letter != not_here else _percent(letter) for letter in name)


def decode_name(text: str) -> str:
    """Return the name that `encode_name` was given.

    Raises
    ------
    DataError
        If no name is written so.
    """
    return "" if text == "%" else _unquote(text)


def _stays(letter: str, plain: bool) -> bool:
    if letter.isascii():
        return letter not in "/% " and letter.isprintable()
    return plain and letter.isprintable()


def encode_texts(texts: Iterable[str]) -> tuple[list[str], bool]:
    """Return texts that netCDF holds whole, and whether any had to be changed; if one had, all are to be decoded.

    Examples
    --------
    >>> encode_texts(["308", "50%"])
    (['308', '50%'], False)
    >>> encode_texts(["a" + chr(0), "50%"])
    (['a%00', '50%25'], True)
    """
    given = list(texts)
    if not any(_BREAKS.search(text) for text in given):
        return given, False
    return [_BREAKS_OR_PERCENT.sub(lambda found: _percent(found.group()), text) for text in given], True


def decode_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts that `encode_texts` had to change."""
    return [_unquote(text) for text in texts]


_BREAKS = re.compile("[\x00\ud800-\udfff]")
_BREAKS_OR_PERCENT = re.compile("[\x00\ud800-\udfff%]")


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _unquote(text: str) -> str:
    try:
        return unquote(text, encoding="utf-8", errors="surrogatepass")
    except UnicodeDecodeError as error:
        raise DataError(f"{text!r} is not a name that hierbayes writes") from error
