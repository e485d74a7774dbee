"""Figures that are expected still to grow, or to shrink: they would look like a fall, or a rise, beside older ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence, Set

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.maturity import (
    MaturityEstimate,
    TriangleCell,
    estimate_figure,
    list_maturing_figures,
    list_triangle_cells,
)
from msoic_pipeline.periods import period_end, periods

# A figure is grown where its estimate is no further from it than this part of the estimate.
GROWN_WITHIN = 0.02


def find_growing_quarters(connection: Connection, as_at: dt.date | None = None) -> dict[str, set[dt.date]]:
    """Return, by KPI, the quarters whose national figure was still growing on ``as_at`` (None: is growing today).

    That a figure is settled must be known and not supposed: a quarter counts as growing unless it is known to be
    settled.
    """
    growing: dict[str, set[dt.date]] = {}
    for figure in list_maturing_figures():
        cells = list_triangle_cells(connection, figure, as_at)
        settled = _find_settled_quarters(cells, estimate_figure(figure, cells))
        growing[figure.kpi_id] = {cell.period_start for cell in cells} - settled
    return growing


def holds_growing_quarter(period_kind: str, start: dt.date, growing_quarters: Set[dt.date]) -> bool:
    """Whether a period has a growing quarter in it, or lies within one: of a growing first quarter, February does."""
    quarters = set(periods("quarter", start, period_end(period_kind, start)))
    return not quarters.isdisjoint(growing_quarters)


def _find_settled_quarters(cells: Sequence[TriangleCell], estimates: Sequence[MaturityEstimate]) -> set[dt.date]:
    """Return the quarters of a triangle that are as old as any that is estimated, or grown to their estimate.

    For example of one quarter that was 100, 150 and 151 at the ages 0, 1 and 2, one of 100 and 150, and one of 100: the
    first, and the second, which comes to 151; the third comes to 151 too, and grows.
    """
    if not estimates or not _is_growth_known(cells):
        return set()
    grown = {estimate.period_start for estimate in estimates if _is_grown(estimate)}
    ultimate_age = estimates[0].ultimate_age
    return grown | {cell.period_start for cell in cells if cell.age >= ultimate_age}


def _is_growth_known(cells: Sequence[TriangleCell]) -> bool:
    """Whether figures have been published at two ages, and not as nothing alone: between them growth can be seen."""
    ages = {cell.age for cell in cells}
    return len(ages) > 1 and any(cell.observed for cell in cells)


def _is_grown(estimate: MaturityEstimate) -> bool:
    """Whether a figure is nearly what it may come to: 98 is, where 100 are estimated, and 97 is not."""
    return abs(estimate.estimate - estimate.observed) <= GROWN_WITHIN * abs(estimate.estimate)
