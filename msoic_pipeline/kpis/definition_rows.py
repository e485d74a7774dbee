"""The declared KPIs as rows of ``kpi_definition``."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.evidence import IN_FORCE, release
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.warehouse.rows import write_changed_rows

# The tables of figures that refer to a KPI's definition.
FIGURES_OF_KPIS = (kpi_value, revision_triangle, maturity_estimate, kpi_signal)


def write_definitions(connection: Connection) -> None:
    """Bring kpi_definition up to date; a KPI that is no longer declared goes, with its values and estimates.

    Nothing is written where nothing has changed: neither the declarations nor whether the files in force are synthetic.
    """
    synthetic = set(
        connection.scalars(
            sa.select(release.c.source).where(release.c.is_synthetic, release.c.status.in_(IN_FORCE)).distinct()
        )
    )
    rows = [kpi.row() | {"is_synthetic": not synthetic.isdisjoint(kpi.sources)} for kpi in load_definitions()]
    _remove_figures_of_others(connection, [row["kpi_id"] for row in rows])
    write_changed_rows(connection, kpi_definition, sa.true(), rows)


def _remove_figures_of_others(connection: Connection, declared: Sequence[str]) -> None:
    """Remove the figures of KPIs that are not declared any more: they refer to the definitions that go."""
    kpi_id = kpi_definition.c.kpi_id
    gone = list(connection.scalars(sa.select(kpi_id).where(kpi_id.not_in(declared))))
    if gone:
        for table in FIGURES_OF_KPIS:
            connection.execute(sa.delete(table).where(table.c.kpi_id.in_(gone)))
