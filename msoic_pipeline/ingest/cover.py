"""What stands on the cover sheet of a workbook: texts by which it is recognised, and stamps that say what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msoic_pipeline.periods import period_label
from msoic_pipeline.resource_limits import MAX_RECOGNISED, MAX_RECOGNISED_CELL
from msoic_pipeline.texts import clean, is_blank
from msoic_pipeline.workbooks.addresses import a1
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Workbook
from msoic_pipeline.workbooks.source import Source, Stamp
from msoic_pipeline.workbooks.values import find_parser, tell_expected

# A cover stands within the first rows of the first sheets.
COVER_ROWS = 40
COVER_SHEETS = 3


@dataclass(frozen=True)
class CoverCell:
    """A filled cell of a cover sheet, and the value of the cell to its right."""

    sheet: str
    cell: str
    value: Any
    value_to_the_right: Any


@dataclass(frozen=True)
class StampedValue:
    """What a cover sheet says of a release, and where."""

    value: Any
    sheet: str
    cell: str


def read_cover(workbook: Workbook) -> list[CoverCell]:
    """Return the filled cells of the first rows of the first sheets."""
    cells: list[CoverCell] = []
    for sheet in workbook.sheet_names[:COVER_SHEETS]:
        for row, values in enumerate(workbook.read_head(sheet, COVER_ROWS).rows):
            for column, value in enumerate(values):
                if not is_blank(value):
                    value_to_the_right = values[column + 1] if column + 1 < len(values) else ""
                    cells.append(CoverCell(sheet, a1(row, column), value, value_to_the_right))
    return cells


def join_recognisable(workbook: Workbook, cover: Iterable[CoverCell]) -> str:
    """Return the texts by which a file is recognised. They are short: a pattern is not searched for in a long one."""
    texts = [clean(cell.value)[:MAX_RECOGNISED_CELL] for cell in cover if isinstance(cell.value, str)]
    return " ".join([*workbook.sheet_names, *texts])[:MAX_RECOGNISED]


def read_stamps(source: Source, cover: Sequence[CoverCell]) -> dict[str, StampedValue]:
    """Return what the cover sheet says, by the field of a sidecar that it says in its stead.

    For example ``{"published_on": StampedValue(dt.date(2022, 5, 5), "Cover", "A4")}`` of a cell that reads
    ``Published: 5 May 2022``. Of a label that stands twice the first one counts.
    """
    stamped: dict[str, StampedValue] = {}
    for field, stamp in source.stamps.items():
        for cell in cover:
            stamped_text = _find_stamped_text(stamp, cell)
            if stamped_text is not None:
                stamped[field] = StampedValue(
                    _read_stamp(source, field, stamp, cell, stamped_text), cell.sheet, cell.cell
                )
                break
    return stamped


def _find_stamped_text(stamp: Stamp, cell: CoverCell) -> Any:
    """Return what stands after a stamp's label: in the same cell after a colon, or in the cell to the right."""
    if not isinstance(cell.value, str):
        return None
    label, colon, rest = clean(cell.value).partition(":")
    if label.casefold() != stamp.label.casefold():
        return None
    if colon and rest.strip():
        return rest.strip()
    return None if is_blank(cell.value_to_the_right) else cell.value_to_the_right


def _read_stamp(source: Source, field: str, stamp: Stamp, cell: CoverCell, stamped_text: Any) -> Any:
    """Return the value of a field from the text after its label."""
    try:
        value = find_parser(stamp.parse)(stamped_text)
    except ValueError as error:
        raise SourceFileError(
            "unreadable_cover",
            file="",
            sheet=cell.sheet,
            cell=cell.cell,
            expected=f"{stamp.label}: {tell_expected(error, withhold=source.sensitive)}",
            found="something else" if source.sensitive else repr(clean(stamped_text)),
            remedy="Mend the cover sheet.",
        ) from error
    if field == "reference_period":
        return period_label(stamp.parse, value)
    return value
