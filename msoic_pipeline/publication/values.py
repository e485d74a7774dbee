"""The KPI values that are published: today's beside the period and the year before, without what is kept back."""

from __future__ import annotations

from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.dimensions import dim_period
from msoic_pipeline.model.kpi import KPI_KEY
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.publication.suppression import COMPARED, suppress_returns


def read_publishable_values(connection: Connection) -> pd.DataFrame:
    """Return the rows of ``kpi_change`` that may be published.

    Days are days and flags are booleans, whatever the database has for them.
    """
    changes = pd.read_sql(_select_changes(), connection)
    return suppress_returns(changes, connection).drop(columns=list(COMPARED))


def _select_changes() -> sa.Select[Any]:
    """Return the query of all rows of ``kpi_change``, with the starts of the periods that they are compared with."""
    change = VIEWS["kpi_change"].select.subquery("kpi_change")
    is_its_period = sa.and_(
        dim_period.c.period_kind == change.c.period_kind, dim_period.c.period_start == change.c.period_start
    )
    return (
        sa.select(change, dim_period.c.period_end, *(dim_period.c[start] for start in COMPARED))
        .join_from(change, dim_period, is_its_period)
        .order_by(*(change.c[name] for name in KPI_KEY))
    )
