"""How a figure is written into a cell of the workbook."""

from __future__ import annotations

import pytest

from msoic_pipeline.publication.workbook import _write_figure


class Sheet:
    """A sheet that remembers what was written last."""

    written: object = None

    def write(self, row: int, column: int, text: str) -> None:
        self.written = text


@pytest.mark.parametrize(
    ("value", "text"), [(1.5, "1.5 [i]"), (0.12345, "0.1235 [i]"), (12_345.0, "12,345 [i]"), (2.0, "2 [i]")]
)
def test_an_incomplete_figure_keeps_its_decimals(value: float, text: str):
    sheet = Sheet()
    _write_figure(sheet, 0, 0, value, "incomplete")
    assert sheet.written == text
