"""Figures that are expected still to grow, or to shrink: they would look like a fall, or a rise, beside older ones."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.maturity import estimate_figure, list_maturing_figures, list_triangle_cells

# A figure is grown where its estimate is no further from it than this part of the estimate.
GROWN_WITHIN = 0.02


def find_growing_quarters(connection: Connection, as_at: dt.date | None = None) -> dict[str, set[dt.date]]:
    """Return, by KPI, the quarters whose national figure was still growing on ``as_at`` (None: is growing today).

    A quarter without an estimate, since no older one has been published at its age and the next, counts as grown.
    """
    growing: dict[str, set[dt.date]] = {}
    for figure in list_maturing_figures():
        estimates = estimate_figure(figure, list_triangle_cells(connection, figure, as_at))
        growing[figure.kpi_id] = {
            estimate.period_start
            for estimate in estimates
            if abs(estimate.estimate - estimate.observed) > GROWN_WITHIN * abs(estimate.estimate)
        }
    return growing
