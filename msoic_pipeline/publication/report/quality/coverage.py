"""Who should have reported by a day, and what had become of each report: received, missing or not yet due.

A report is due on the day that its source's ``lag_days`` after the end of its period name: a return for February 2022,
of a source with 20 days, on 20 March 2022. On 10 March a return that has not come is not yet due; on 21 March it is
missing. Which reports are expected is as the table ``coverage`` has it: up to the latest period of which anything came.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import coverage, vintage
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import PUBLISHER
from msoic_pipeline.model.vintages import join_vintage
from msoic_pipeline.periods import period_start
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

State = Literal["received", "missing", "not yet due"]


@dataclass(frozen=True)
class ExpectedReport:
    """A report that is expected: of whom and of which period, the quarter it is loaded with, and what became of it."""

    source: str
    period_start: dt.date
    quarter_start: dt.date
    reporter: str
    state: State


@dataclass(frozen=True)
class ReportCount:
    """How many reports were received, are missing, and are not yet due."""

    received: int
    missing: int
    not_yet_due: int

    @property
    def expected(self) -> int:
        """All of them."""
        return self.received + self.missing + self.not_yet_due

    @property
    def due(self) -> int:
        """Those that should have come."""
        return self.received + self.missing

    @property
    def state(self) -> State:
        """What became of all of them: missing where any is, received where all are."""
        if self.missing:
            return "missing"
        return "not yet due" if self.not_yet_due else "received"


def list_expected_reports(connection: Connection, today: dt.date, as_at: dt.date | None) -> list[ExpectedReport]:
    """Return the reports of periods that had begun by a day, and what had become of each by then.

    As at today (None) what was received is what ``coverage`` says. Of an earlier day it is what had been published by
    then, and stood on that day.
    """
    day = as_at or today
    query = sa.select(coverage).where(coverage.c.expected, coverage.c.period_start <= day)
    query = query.order_by(coverage.c.source, coverage.c.period_start, coverage.c.reporter)
    received_by_day = _find_reports_received_by(connection, as_at) if as_at else None
    reports = []
    for row in connection.execute(query):
        report = (row.source, row.period_start, row.reporter)
        is_received = row.received if received_by_day is None else report in received_by_day
        state = judge_report(load_source(row.source), row.period_start, is_received, day)
        reports.append(ExpectedReport(row.source, row.period_start, row.quarter_start, row.reporter, state))
    return reports


def judge_report(source: Source, start: dt.date, is_received: bool, day: dt.date) -> State:
    """Return what had become by a day of a source's report about the period that begins on ``start``."""
    if is_received:
        return "received"
    return "missing" if source.find_day_due(source.reporters.every, start) < day else "not yet due"


def _find_reports_received_by(connection: Connection, day: dt.date) -> set[tuple[str, dt.date, str]]:
    """Return source, period and reporter of the reports whose figures stood on a day."""
    received: set[tuple[str, dt.date, str]] = set()
    for source in map(load_source, SOURCES):
        for start, reporter in _find_reports_of_source(connection, source, day):
            received.add((source.source, period_start(source.reporters.every, start), reporter))
    return received


def _find_reports_of_source(connection: Connection, source: Source, day: dt.date) -> set[tuple[dt.date, str]]:
    """Return the periods of which figures of a source stood on a day, each with who reported them.

    It is who sent the file; or, where one file is of many, whose rows stand in it.
    """
    stood = sa.and_(
        vintage.c.published_on <= day, sa.or_(vintage.c.superseded_on.is_(None), vintage.c.superseded_on > day)
    )
    reports: set[tuple[dt.date, str]] = set()
    for fact in (FACTS[name] for name in source.facts):
        if not source.reporters.column:
            query = sa.select(vintage.c.period_start, vintage.c.reporter).where(vintage.c.fact == fact.name, stood)
        elif source.reporters.column in fact.columns:
            reporter = fact.c[source.reporters.column]
            query = sa.select(vintage.c.period_start, reporter).join_from(fact, vintage, join_vintage(fact, fact))
            query = query.where(stood)
        else:
            continue
        for start, name in connection.execute(query.distinct()):
            reports.add((start, name or PUBLISHER))
    return reports


def group_by_source(reports: Iterable[ExpectedReport]) -> dict[str, list[ExpectedReport]]:
    """Return the reports of each source, in order of the sources."""
    by_source: dict[str, list[ExpectedReport]] = defaultdict(list)
    for report in reports:
        by_source[report.source].append(report)
    return dict(sorted(by_source.items()))


def count_reports(reports: Iterable[ExpectedReport]) -> ReportCount:
    """Return how many of reports were received, are missing, and are not yet due."""
    states = [report.state for report in reports]
    return ReportCount(states.count("received"), states.count("missing"), states.count("not yet due"))
