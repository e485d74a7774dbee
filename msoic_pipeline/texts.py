"""How texts of spreadsheets are compared: without case, spacing, footnote markers and typographic variants.

And how the first of many texts are told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_NOTE = re.compile(r"\s*[\[(]\s*notes?\b[^\])]*[\])]|\s*\[[a-z]\](?=\s|$)", re.IGNORECASE)
_DASHES = str.maketrans({"‐": "-", "‑": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"'})


def is_blank(value: Any) -> bool:
    """Return whether a cell holds nothing, or only white space."""
    return (
        value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, float) and value != value)
    )


def clean(value: Any) -> str:
    """Return a cell's text without footnote markers and surplus white space; a whole number without its ``.0``."""
    if is_blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFKC", str(value)).translate(_DASHES)
    return " ".join(_NOTE.sub("", text).split())


def fold_mark(value: Any) -> str:
    """Return the form under which marks such as ``[x]``, ``-`` or ``N/A`` are compared: nothing of them is left out."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).translate(_DASHES).casefold().split())


@lru_cache(maxsize=65536)
def _fold(text: str) -> str:
    return " ".join(clean(text).casefold().replace("&", " and ").replace("-", " ").split())


def fold(value: Any) -> str:
    """Return the form of a text under which spellings that differ only in case, dashes, ``&`` or notes are equal."""
    return _fold(value) if isinstance(value, str) else _fold(clean(value))


def first_of(details: Sequence[str], most: int = 5) -> str:
    """Return the first few of many details, and how many more there are."""
    more = f"; and {len(details) - most} more" if len(details) > most else ""
    return "; ".join(details[:most]) + more
