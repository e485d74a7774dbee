"""Where the rows and the figures of a sheet went: what is read is counted, so that nothing goes missing unseen."""

from __future__ import annotations

from dataclasses import dataclass, fields

from msoic_pipeline.workbooks.errors import SourceFileError


@dataclass(frozen=True)
class Counts:
    """How many rows below the header there are and what they are, and what became of the filled cells under figures.

    ``rows`` = ``data_rows`` + ``blank_rows`` + ``note_rows``, and ``figures`` = ``loaded`` + ``totals`` + ``rates`` +
    ``unavailable`` + ``rejected``; beside the figures there are the ``blank`` cells of data rows. Rows that a layout
    ignores count as notes, and their figures nowhere.
    """

    rows: int = 0
    data_rows: int = 0
    blank_rows: int = 0
    note_rows: int = 0
    figures: int = 0
    loaded: int = 0
    totals: int = 0
    rates: int = 0
    unavailable: int = 0
    rejected: int = 0
    blank: int = 0

    def __add__(self, other: Counts) -> Counts:
        sums = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return Counts(**sums)

    @property
    def rows_accounted_for(self) -> int:
        """How many rows are known to be data, blank or a note."""
        return self.data_rows + self.blank_rows + self.note_rows

    @property
    def figures_accounted_for(self) -> int:
        """Of how many figures it is known what became of them."""
        return self.loaded + self.totals + self.rates + self.unavailable + self.rejected


def check_conserved(counts: Counts, file: str, sheet: str = "") -> None:
    """Raise SourceFileError where a row or a figure went missing between the sheet and what was read of it."""
    if (counts.rows, counts.figures) != (counts.rows_accounted_for, counts.figures_accounted_for):
        raise SourceFileError(
            "not_conserved",
            file=file,
            sheet=sheet,
            expected=f"{counts.rows:,} rows and {counts.figures:,} figures to be accounted for",
            found=f"{counts.rows_accounted_for:,} rows and {counts.figures_accounted_for:,} figures ({counts})",
            remedy="This is a fault of the pipeline, not of the file: report it.",
        )
