"""How texts of spreadsheets are compared and made harmless.

They are compared without case, spacing, footnote markers and typographic variants (``fold``), and can be shown anywhere
(``printable``). How messages are worded is ``wording``.
"""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from typing import Any

from msoic_pipeline.resource_limits import MAX_CELL_CHARACTERS

# In a text whose white space is single spaces. A marker is short: no text is searched to its end for a bracket.
_NOTE = re.compile(r" ?[\[(] ?notes?\b[^\])]{0,200}[\])]| ?\[[a-z]\](?= |$)", re.IGNORECASE)
_DASHES = str.maketrans({"‐": "-", "‑": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"'})


# Control characters, marks that turn the direction of writing, and halves of characters: they can forge what a
# terminal, a log or a page shows, and PostgreSQL refuses some of them.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return ``text`` with unprintable characters written as escapes, such as ``\\x1b``: it can be shown anywhere."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def printable_name(name: str) -> str:
    """Return a file's name as it can be shown; bytes that are no UTF-8 become escapes such as ``\\xff``."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def is_blank(value: Any) -> bool:
    """Return whether a cell holds nothing, or only white space."""
    if isinstance(value, str):
        return not value.strip()
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan


def clean(value: Any) -> str:
    """Return a cell's text without footnote markers and surplus white space; a whole number without its ``.0``.

    ``"Metropolitan  Police [note 3]"`` becomes ``Metropolitan Police``, and 106.0 becomes ``106``.
    Raises ValueError where it is longer than a cell of a spreadsheet can be, or becomes so by being written out.
    """
    if is_blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _check_length(str(value))
    # One character may be written out as eighteen, or as an escape of six.
    text = _check_length(" ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split()))
    return _check_length(printable(" ".join(_NOTE.sub("", text).split())))


def _check_length(text: str) -> str:
    """Return a text. Raises ValueError where it is longer than a cell can be."""
    if len(text) > MAX_CELL_CHARACTERS:
        raise ValueError(f"a text of at most {MAX_CELL_CHARACTERS:,} characters")
    return text


def fold_mark(value: Any) -> str:
    """Return the form under which marks such as ``[x]``, ``-`` or ``N/A`` are compared: nothing of them is left out."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).translate(_DASHES).casefold().split())


# Longer texts are folded anew each time: those of one bad file would fill the memory for all that come after.
_LONGEST_REMEMBERED = 300


def fold(value: Any) -> str:
    """Return the form of a text under which spellings that differ only in case, dashes, ``&`` or notes are equal.

    ``Devon & Cornwall`` and ``DEVON AND CORNWALL [note 2]`` both become ``devon and cornwall``.
    """
    text = value if isinstance(value, str) else clean(value)
    return _fold_remembered(text) if len(text) <= _LONGEST_REMEMBERED else _fold_text(text)


def _fold_text(text: str) -> str:
    return " ".join(clean(text).casefold().replace("&", " and ").replace("-", " ").split())


_fold_remembered = lru_cache(maxsize=65536)(_fold_text)
