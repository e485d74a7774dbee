"""A column of cells of which each distinct value is read once, however often it stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from msoic_pipeline.texts import is_blank
from msoic_pipeline.workbooks.values import tell_expected

# What stands in a column that was read where a cell is empty, and where it could not be read. No cell can hold them:
# an unprintable character becomes an escape when a text is cleaned.
BLANK = "\0blank"
UNREADABLE = "\0unreadable"

# Columns of equal length by name; their cells are Python values.
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class ReadColumn:
    """What came of reading a column.

    ``values`` has a value for each cell, or BLANK, or UNREADABLE. ``expected`` says what was expected of the distinct
    values that could not be read, by their codes.
    """

    values: np.ndarray
    expected: dict[int, str]


class CodedColumn:
    """A column of cells as codes into its distinct values.

    Kent, Surrey, Kent, Kent has the ``distinct`` values Kent and Surrey and the ``codes`` 0, 1, 0, 0: of a column of
    700,000 forces, 44 texts are read.
    """

    def __init__(self, cells: np.ndarray) -> None:
        self.codes, self.distinct = pd.factorize(cells, use_na_sentinel=False)
        self._keep_nan_apart(cells)
        self._keep_flags_apart(cells)

    def read(self, parse: Callable[[Any], Any], *, withhold: bool) -> ReadColumn:
        """Read the column; ``parse`` returns the value of a cell that is not empty, or raises ValueError with words.

        ``withhold`` keeps what stands in the cells out of what was expected of them.
        """
        values = np.empty(len(self.distinct), dtype=object)
        expected: dict[int, str] = {}
        for code, value in enumerate(self.distinct):
            if is_blank(value):
                values[code] = BLANK
                continue
            try:
                values[code] = parse(value)
            except ValueError as error:
                values[code], expected[code] = UNREADABLE, tell_expected(error, withhold=withhold)
        return ReadColumn(values[self.codes], expected)

    def where(self, holds: Callable[[Any], bool]) -> np.ndarray:
        """Return for each cell whether ``holds`` is true of it."""
        return np.array([holds(value) for value in self.distinct], dtype=bool)[self.codes]

    def _keep_nan_apart(self, cells: np.ndarray) -> None:
        """Call NaN by name: an empty cell comes as None or as a text, and what is not a number is something there."""
        is_nan = self.distinct != self.distinct
        for code in np.flatnonzero(is_nan):
            if any(value is not None for value in cells[self.codes == code]):
                self.distinct[code] = "NaN"

    def _keep_flags_apart(self, cells: np.ndarray) -> None:
        """Give TRUE and FALSE codes of their own: Python holds them equal to 1 and 0, and no flag is a figure."""
        for code, value in enumerate(self.distinct.tolist()):
            if not isinstance(value, int | float) or value not in (0, 1):
                continue
            rows = np.flatnonzero(self.codes == code)
            is_flag = np.array([isinstance(cell, bool) for cell in cells[rows]], dtype=bool)
            if is_flag.any() and not is_flag.all():
                first_number, first_flag = cells[rows[~is_flag][0]], cells[rows[is_flag][:1]]
                self.distinct[code] = first_number
                self.codes[rows[is_flag]] = len(self.distinct)
                self.distinct = np.append(self.distinct, first_flag)
