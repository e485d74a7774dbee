"""How the rows of a fact belong to vintages."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.evidence import vintage
from msoic_pipeline.model.facts import breakdown_column, finest_period_column


def join_vintage(rows: Any, fact: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that joins rows of a fact (the table, or a query of its columns) to their vintage."""
    breakdown = breakdown_column(fact)
    return sa.and_(
        vintage.c.fact == fact.name,
        vintage.c.release_id == rows.c.release_id,
        vintage.c.period_start == rows.c[finest_period_column(fact)],
        vintage.c.breakdown == (rows.c[breakdown] if breakdown else ""),
    )
