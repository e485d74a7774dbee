"""The KPI values of the public edition: all that publishers publish, and of forces' returns what the policy allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.geography import GeographyKey
from msoic_pipeline.model.values import CONFIDENTIAL, INCOMPLETE
from msoic_pipeline.publication.public_edition.cells import Cell, CellKey, read_cells
from msoic_pipeline.publication.public_edition.policy import Policy
from msoic_pipeline.publication.public_edition.protection import find_suppressed
from msoic_pipeline.publication.suppression import SUPPRESSED


def select_public_values(connection: Connection, values: pa.Table, policy: Policy, today: dt.date) -> pa.Table:
    """Return the rows of ``kpi_for_readers`` that the public may see, as it may see them.

    Rows of KPIs that rest on what is not published are left out, but for forces' returns, whose rows are as at their
    cut-off; what the policy leaves out altogether (forces, months,
    what has no cut-off yet) has no row, and what is suppressed one without figures.
    """
    published = {kpi.kpi_id for kpi in load_definitions() if kpi.is_of_published_sources}
    cells = read_cells(connection, policy, today)
    suppressed = find_suppressed(cells, policy)
    cells_by_key = {cell.key: cell for cell in cells}
    public = []
    for row in values.to_pylist():
        if row["kpi_id"] in published:
            public.append(row)
            continue
        key = _find_key(row)
        if key in suppressed:
            public.append(row | _tell_suppressed(cells_by_key[key], policy))
        elif key in cells_by_key:
            public.append(row | _tell_published(cells_by_key[key], policy))
    return pa.Table.from_pylist(public, schema=values.schema)


def _find_key(row: Mapping[str, Any]) -> CellKey:
    geography = GeographyKey(row["geography_kind"], row["geography_code"])
    return CellKey(row["kpi_id"], row["period_kind"], row["period_start"], geography)


def _tell_published(cell: Cell, policy: Policy) -> dict[str, Any]:
    """Return what the public sees of a cell: of a share neither part nor whole, which the rounding is to hide."""
    count = cell.count if cell.whole is None else None
    is_whole = cell.received == cell.expected
    words = "complete" if is_whole else f"{cell.received} of {cell.expected} returns that were due by the cut-off"
    return _tell_cell(cell, policy) | {
        "value": policy.round_share(cell.count / cell.whole) if cell.whole else count,
        "numerator": count,
        "denominator": None,
        "marker": "" if is_whole else INCOMPLETE,
        "status": "complete" if is_whole else "incomplete",
        "status_in_words": words,
    }


def _tell_suppressed(cell: Cell, policy: Policy) -> dict[str, Any]:
    return _tell_cell(cell, policy) | {
        "value": None,
        "numerator": None,
        "denominator": None,
        "marker": CONFIDENTIAL,
        "status": SUPPRESSED,
        "status_in_words": "suppressed: it would tell, or help to tell, what a few forces returned, or a small count",
    }


def _tell_cell(cell: Cell, policy: Policy) -> dict[str, Any]:
    """Return what is told of every cell: of how many returns it is, and as at which day."""
    return {
        "parts_received": cell.received,
        "parts_expected": cell.expected,
        "as_of": policy.find_cut_off(cell.key.period_kind, cell.key.period_start),
    }
