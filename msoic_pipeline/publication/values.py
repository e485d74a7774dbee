"""The KPI values that are published: today's beside the period and the year before, without what is kept back."""

from __future__ import annotations

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.publication.suppression import COMPARED, suppress_returns

_VALUES_WITH_CHANGES = sa.text(
    "SELECT k.*, p.period_end, p.previous_start, p.year_before_start FROM kpi_change k JOIN dim_period p "
    "ON p.period_kind = k.period_kind AND p.period_start = k.period_start "
    "ORDER BY k.kpi_id, k.period_kind, k.period_start, k.geography_kind, k.geography_code"
)


def read_publishable_values(connection: Connection) -> pd.DataFrame:
    """Return the rows of ``kpi_change`` that may be published."""
    changes = pd.read_sql(_VALUES_WITH_CHANGES, connection)
    changes = changes.astype({"is_synthetic": bool})  # 0 and 1 in SQLite
    return suppress_returns(changes, connection).drop(columns=list(COMPARED))
