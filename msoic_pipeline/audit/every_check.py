"""The words of every check that is written by hand, wherever it is made: for the pages that tell of them."""

from __future__ import annotations

from msoic_pipeline.audit.warehouse_checks import WAREHOUSE_CHECKS
from msoic_pipeline.ingest.sheet_checks import SHEET_CHECKS
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.quality.publishers import load_publisher_checks
from msoic_pipeline.quality.row_checks import ROW_CHECKS
from msoic_pipeline.workbooks.source import SOURCES


def list_every_check() -> list[CheckWords]:
    """Return the checks in the order in which the data come to them: sheet, rows, publishers' own, warehouse."""
    of_publishers = [check for source in SOURCES for check in load_publisher_checks(source).row_checks]
    return [*SHEET_CHECKS, *ROW_CHECKS, *of_publishers, *WAREHOUSE_CHECKS]
