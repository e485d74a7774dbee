"""KPIs, and what is derived from their values: which of them are signals, and what growing ones will come to."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.assets.partitions import asset_by_quarter, list_quarters_of
from msoic_pipeline.assets.release_changes import describe_changes, read_changes
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.tables import describe_columns, show_table
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.maturity import estimate_maturity
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.estimates import maturity_estimate
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.signals.compute import compute_signals
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.warehouse.load_log import list_loads_by_quarter

_LOG = logging.getLogger(__name__)


@asset_by_quarter(
    name="kpi_value",
    deps=list(FACTS),
    group_name="f_kpis",
    description=kpi_value.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(kpi_value)},
)
def kpis(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """Compute the KPIs of the periods that touch the quarters."""
    quarters = list_quarters_of(context)
    before = read_changes(warehouse.engine)
    with logged_work(_LOG, "computing KPIs") as work:
        # Facts of other quarters may have gone along; those of which nothing has changed cost next to nothing.
        looked_at = _add_loaded_quarters(warehouse.engine, quarters)
        computed = compute_quarters(warehouse.engine, looked_at)
        work.add("quarters looked at", len(looked_at))
        work.add("quarters computed", len(computed))
    with read_transaction(warehouse.engine) as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(kpi_value))
        national = _read_open_national_values(connection, quarters[-1])
    return dg.MaterializeResult(
        metadata={
            "rows in the table": int(rows or 0),
            "national values of the last quarter": show_table(national),
            **(describe_changes(warehouse.engine, before) if computed else {}),
        }
    )


def _add_loaded_quarters(engine: Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return ``quarters``, and those of which facts have been loaded before."""
    with read_transaction(engine) as connection:
        return sorted({*quarters, *list_loads_by_quarter(connection)})


def _read_open_national_values(connection: Connection, quarter: dt.date) -> list[dict[str, Any]]:
    """Return a quarter's national values as known today, of the KPIs that anybody may see.

    Those of sensitive KPIs are not shown: a figure of the nation is that of a single force where only one has reported.
    """
    open_kpis = [kpi.kpi_id for kpi in load_definitions() if not kpi.is_sensitive]
    current = VIEWS["current_kpi_value"].select.subquery()
    shown = ("kpi_id", "period_label", "value", "unit", "status", "as_of")
    query = (
        sa.select(*(current.c[name] for name in shown))
        .where(current.c.geography_kind == NATIONAL, current.c.period_kind == "quarter")
        .where(current.c.period_start == quarter, current.c.kpi_id.in_(open_kpis))
        .order_by(current.c.kpi_id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


@dg.asset(
    name="maturity_estimate",
    deps=["kpi_value"],
    group_name="f_kpis",
    description=maturity_estimate.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(maturity_estimate)},
)
def maturity(warehouse: Warehouse) -> dg.MaterializeResult:
    """Estimate what figures that are still growing will come to."""
    with logged_work(_LOG, "estimating what KPIs will come to") as work:
        periods = estimate_maturity(warehouse.engine)
        work.add("periods", periods)
    return dg.MaterializeResult(metadata={"dagster/row_count": periods})


@dg.asset(
    name="kpi_signal",
    deps=["kpi_value"],
    group_name="f_kpis",
    description=kpi_signal.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(kpi_signal)},
)
def signals(warehouse: Warehouse) -> dg.MaterializeResult:
    """Find which figures of each KPI are signals, and which are noise."""
    with logged_work(_LOG, "finding signals") as work:
        written = compute_signals(warehouse.engine)
        work.add("rows written", written or 0)
    return dg.MaterializeResult(metadata={"rows written": written or 0, "has changed": written is not None})
