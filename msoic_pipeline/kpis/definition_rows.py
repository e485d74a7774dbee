"""The declared KPIs as rows of ``kpi_definition``."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.evidence import IN_FORCE, release
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.warehouse.rows import insert_rows

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
    wanted = {
        kpi.kpi_id: kpi.row() | {"is_synthetic": not synthetic.isdisjoint(kpi.sources)} for kpi in load_definitions()
    }
    known = {row["kpi_id"]: dict(row) for row in connection.execute(sa.select(kpi_definition)).mappings()}
    if gone := sorted(set(known) - set(wanted)):
        for table in (*FIGURES_OF_KPIS, kpi_definition):
            connection.execute(sa.delete(table).where(table.c.kpi_id.in_(gone)))
    insert_rows(connection, kpi_definition, [row for kpi_id, row in wanted.items() if kpi_id not in known])
    for kpi_id, row in wanted.items():
        if kpi_id in known and known[kpi_id] != row:
            connection.execute(sa.update(kpi_definition).where(kpi_definition.c.kpi_id == kpi_id).values(row))
