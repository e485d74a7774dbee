"""Plain tables of the report: rows of texts under columns, each row headed by its first text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """A column: its heading, and what stands in it: figures to the right, words and long texts to the left.

    A long text, such as a sentence or the name of a file, may be broken anywhere.
    """

    title: str
    holds: Literal["figures", "words", "long"] = "figures"


@dataclass(frozen=True)
class ShownTable:
    """A table as the page shows it: its caption, its columns, and rows of as many texts.

    Raises ValueError where a row has more or fewer texts than there are columns.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.caption}: {len(row)} texts under {len(self.columns)} columns")
