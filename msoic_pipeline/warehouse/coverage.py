"""Who should have reported of a quarter, and who did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import PUBLISHER, list_reporters_due
from msoic_pipeline.periods import period_start
from msoic_pipeline.warehouse.rows import replace_rows
from msoic_pipeline.warehouse.vintages import Vintage
from msoic_pipeline.workbooks.source import Source

# A report: the first day of the period that it is about, and who makes it.
Report = tuple[dt.date, str]


def write_coverage(
    connection: Connection, source: Source, quarter: dt.date, vintages: Sequence[Vintage], last: dt.date
) -> None:
    """Write which reports of a quarter are due, up to the period that begins on ``last``, and which were received.

    ``vintages`` are those of the quarter; its facts must be loaded.
    """
    starts_due = source.reporters.periods_due(quarter, last)
    reporters = list_reporters_due(source.reporters.dimension)
    due = {(start, reporter) for start in starts_due for reporter in reporters}
    received = _find_received(connection, source, quarter, vintages)
    rows = [
        {
            "source": source.source,
            "period_start": start,
            "reporter": reporter,
            "quarter_start": quarter,
            "expected": (start, reporter) in due,
            "received": (start, reporter) in received,
        }
        for start, reporter in sorted(due | received)
    ]
    of_quarter = sa.and_(coverage.c.source == source.source, coverage.c.quarter_start == quarter)
    replace_rows(connection, coverage, of_quarter, make_arrow_rows(coverage, rows))


def _find_received(
    connection: Connection, source: Source, quarter: dt.date, vintages: Sequence[Vintage]
) -> set[Report]:
    """Return who reported: by their own files, by rows in a latest release of any of its facts, or the publisher."""
    if not source.reporters.column:
        every = source.reporters.every
        return {(period_start(every, each.period_start), each.reporter or PUBLISHER) for each in vintages}
    reporters: set[str] = set()
    for fact in (FACTS[name] for name in source.facts):
        if source.reporters.column not in fact.columns:
            continue
        current = {each.release_id for each in vintages if each.fact == fact.name and each.superseded_on is None}
        column = fact.c[source.reporters.column]
        of_quarter = sa.and_(fact.c.quarter_start == quarter, fact.c.release_id.in_(sorted(current)))
        reporters.update(connection.scalars(sa.select(column).where(of_quarter).distinct()))
    return {(quarter, reporter) for reporter in reporters}
