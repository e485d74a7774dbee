"""How runs on the warehouse ended."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import pipeline_run


def find_last_failure(connection: Connection) -> tuple[str, ...]:
    """Return what failed in the last run that ended, a line each; nothing where it succeeded, or none has ended."""
    last = sa.select(pipeline_run.c.status, pipeline_run.c.summary).order_by(pipeline_run.c.finished_at.desc()).limit(1)
    ended = connection.execute(last).one_or_none()
    return tuple(ended.summary.splitlines()) if ended and ended.status == "failed" else ()
