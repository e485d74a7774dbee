"""What is wrong at a place of a file, and the cells of a sheet that are rejected for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from msoic_pipeline.resource_limits import MAX_LISTED
from msoic_pipeline.wording import shorten
from msoic_pipeline.workbooks.addresses import a1
from msoic_pipeline.workbooks.matched_sheet import MatchedSheet

# Of a row that is rejected so many cells are told.
_CELLS_TOLD = 40


@dataclass(frozen=True, slots=True)
class Failure:
    """A place where something does not hold: a cell that cannot be loaded, or one for which a check fails.

    ``rule`` is what a known fault and the table ``quarantine`` call it, such as ``total_differs``; ``sheet`` and
    ``cell`` are empty where it has no place; ``detail`` says what was expected or found, in words; ``row_text`` is what
    stands in the row, as far as it may be told. ``fault`` names the known fault that accepts it or leaves it out, and
    is empty where none does.
    """

    rule: str
    sheet: str
    cell: str
    detail: str
    row_text: str = ""
    fault: str = ""


class RejectedCells:
    """The cells of a sheet of which nothing is loaded: ``failures``, in the order in which they are found.

    ``body`` are the cells below the header, ``body_rows`` those of its rows that are data.
    """

    def __init__(self, matched: MatchedSheet, body: np.ndarray, body_rows: np.ndarray) -> None:
        self.failures: list[Failure] = []
        self._matched = matched
        self._body = body
        self._body_rows = body_rows
        self._number_of_rule: Counter[str] = Counter()

    def add(self, data_row: int, column: int, rule: str, expected: str) -> None:
        """Note that a cell of a data row breaks a rule; of the first of each rule what stands there is told."""
        match = self._matched.match
        body_row = int(self._body_rows[data_row])
        sheet_row = body_row + match.first_body_row
        detail, row_text = f"expected {expected}", ""
        self._number_of_rule[rule] += 1
        if self._number_of_rule[rule] <= MAX_LISTED and not self._matched.source.sensitive:
            value = self._body[body_row, column]
            if value != "":
                detail += f"; found {shorten(value)!r}"
            row_text = " | ".join(shorten(value) for value in self._matched.sheet.rows[sheet_row][:_CELLS_TOLD])
        self.failures.append(Failure(rule, match.sheet, a1(sheet_row, column), detail, row_text))
