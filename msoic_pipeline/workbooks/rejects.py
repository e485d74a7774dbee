"""The cells of a sheet of which nothing is loaded, each with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.texts import shorten
from msoic_pipeline.workbooks.grid import a1
from msoic_pipeline.workbooks.matched_sheet import MatchedSheet

# Of a row that is rejected so many cells are told.
_CELLS_TOLD = 40


@dataclass(frozen=True, slots=True)
class Reject:
    """A cell of which nothing is loaded: where it stands, the ``rule`` that it breaks, and the reason in words.

    ``raw_text`` is what stands in its row, as far as it may be told; ``table_name`` the fact table that it is missing
    from; ``fault`` the known fault that asks to leave it out, once that is known, and empty where none does.
    """

    sheet: str
    cell: str
    rule: str
    reason: str
    raw_text: str
    table_name: str
    fault: str = ""


class RejectList:
    """The cells of a sheet of which nothing is loaded, in the order in which they are found.

    ``body`` are the cells below the header, ``body_rows`` those of its rows that are data.
    """

    def __init__(self, matched: MatchedSheet, body: np.ndarray, body_rows: np.ndarray) -> None:
        self.rejects: list[Reject] = []
        self._matched = matched
        self._body = body
        self._body_rows = body_rows
        self._number_of_rule: Counter[str] = Counter()

    def add(self, data_row: int, column: int, rule: str, expected: str) -> None:
        """Note that a cell of a data row breaks a rule; of the first of each rule what stands there is told."""
        match = self._matched.match
        body_row = int(self._body_rows[data_row])
        sheet_row = body_row + match.first_row
        reason, raw_text = f"expected {expected}", ""
        self._number_of_rule[rule] += 1
        if self._number_of_rule[rule] <= MAX_LISTED and not self._matched.source.sensitive:
            value = self._body[body_row, column]
            if value != "":
                reason += f"; found {shorten(value)!r}"
            raw_text = " | ".join(shorten(value) for value in self._matched.sheet.rows[sheet_row][:_CELLS_TOLD])
        self.rejects.append(Reject(match.sheet, a1(sheet_row, column), rule, reason, raw_text, match.table.fact))
