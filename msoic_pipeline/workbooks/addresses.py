"""Addresses of cells, from rows and columns that count from 0 to what a person sees, and back."""

from __future__ import annotations

import re
from functools import cache


@cache
def column_letters(column: int) -> str:
    """Return the letters of a column counted from 0: 0 → ``A``, 26 → ``AA``."""
    letters = ""
    column += 1
    while column:
        column, remainder = divmod(column - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def a1(row: int, column: int) -> str:
    """Return the address of the cell at ``row`` and ``column``, both counted from 0: (3, 2) → ``C4``."""
    return f"{column_letters(column)}{row + 1}"


def from_a1(address: str) -> tuple[int, int]:
    """Return row and column, counted from 0, of an address such as ``C4``. Raises ValueError for any other text."""
    match = re.fullmatch(r"([A-Z]{1,3})([1-9]\d*)", address)
    if not match:
        raise ValueError(f"expected a cell address such as C4, found {address!r}")
    return int(match[2]) - 1, _column_number(match[1]) - 1


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
