"""Figures that are expected still to grow, or to shrink: they would look like a fall, or a rise, beside older ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.maturity import (
    MaturityEstimate,
    estimate_figure,
    list_maturing_figures,
    list_triangle_cells,
)
from msoic_pipeline.periods import period_end, periods

# A figure is grown where its estimate is no further from it than this part of the estimate.
GROWN_WITHIN = 0.02


def find_growing_quarters(connection: Connection, as_at: dt.date | None = None) -> dict[str, set[dt.date]]:
    """Return, by KPI, the quarters whose national figure was still growing on ``as_at`` (None: is growing today).

    Where nothing can be estimated yet, since no quarter has been published at two ages that follow each other, all of
    them count as growing: that a figure is settled must be known and not supposed.
    """
    growing: dict[str, set[dt.date]] = {}
    for figure in list_maturing_figures():
        cells = list_triangle_cells(connection, figure, as_at)
        estimates = estimate_figure(figure, cells)
        if estimates and estimates[0].ultimate_age > 0:
            growing[figure.kpi_id] = {each.period_start for each in estimates if not _is_grown(each)}
        else:
            growing[figure.kpi_id] = {cell.period_start for cell in cells}
    return growing


def holds_growing_quarter(period_kind: str, start: dt.date, growing_quarters: Set[dt.date]) -> bool:
    """Whether a period has a growing quarter in it, or lies within one: of a growing first quarter, February does."""
    quarters = set(periods("quarter", start, period_end(period_kind, start)))
    return not quarters.isdisjoint(growing_quarters)


def _is_grown(estimate: MaturityEstimate) -> bool:
    return abs(estimate.estimate - estimate.observed) <= GROWN_WITHIN * abs(estimate.estimate)
