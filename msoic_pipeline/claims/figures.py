"""What was known on a day: the figure that a measure had in a period, and the releases that it rests on."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import Measure, Period
from msoic_pipeline.kpis.compute import kpi_table
from msoic_pipeline.kpis.definitions import Term, load_definitions
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.geography import force_codes_of
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import periods


@dataclass(frozen=True)
class Figure:
    """A figure: ``value`` is None where there is none; ``received`` and ``expected`` are the reports that it rests on.

    They are those of the period of which fewest were received, where it is of several.
    """

    value: float | None
    received: int = 0
    expected: int = 0

    @property
    def share_received(self) -> float:
        """The share of the reports due that had been received."""
        return self.received / self.expected if self.expected else 1.0


@dataclass(frozen=True, order=True)
class Release:
    """A release."""

    source: str
    published_on: dt.date
    release_id: str
    is_synthetic: bool


NOTHING = Figure(None)


class Knowledge:
    """What was known on the day ``as_at``. Nothing is asked for twice."""

    def __init__(self, connection: Connection, as_at: dt.date) -> None:
        self.as_at = as_at
        self._connection = connection
        self._kpis: dict[tuple[str, str], dict[tuple[str, dt.date], dict[str, Any]]] = {}
        self._figures: dict[str, Figure] = {}
        self._releases: dict[str, frozenset[Release]] = {}

    def figure(self, measure: Measure, period: Period | None, geography: str) -> Figure:
        """Return the figure of a measure; shares are in percent."""
        key = f"{measure.model_dump_json()} {period} {geography}"
        if key not in self._figures:
            self._figures[key] = self._figure(measure, period, geography)
        return self._figures[key]

    def _figure(self, measure: Measure, period: Period | None, geography: str) -> Figure:
        if measure.members:
            return self._members(measure)
        assert period is not None
        if measure.term:
            return self._sum(measure.term, measure.over_time, period)
        return _added([self._kpi(kpi_id, period, geography) for kpi_id in measure.kpi])

    def _members(self, measure: Measure) -> Figure:
        columns = measure.dimension.c
        conditions = [
            columns[name].not_in(condition.values) if condition.negated else columns[name].in_(condition.values)
            for name, condition in measure.where.items()
        ]
        number = self._connection.scalar(sa.select(sa.func.count()).select_from(measure.dimension).where(*conditions))
        return Figure(float(number or 0))

    def _kpi(self, kpi_id: str, period: Period, geography: str) -> Figure:
        if (kpi_id, geography) not in self._kpis:
            rows = kpi_table(self._connection, kpi_id, geography=geography, as_at=self.as_at)
            self._kpis[kpi_id, geography] = {(row["period_kind"], row["period_start"]): row for row in rows}
        (kpi,) = (kpi for kpi in load_definitions() if kpi.kpi_id == kpi_id)
        known = self._kpis[kpi_id, geography]
        starts = [period.last] if kpi.over_time == "last" else period.starts
        rows = [known[period.kind, start] for start in starts if (period.kind, start) in known]
        if len(rows) < len(starts) or any(row["value"] is None for row in rows):
            return NOTHING
        scale = 100.0 if kpi.unit == "share" else 1.0
        if kpi.denominator:
            value = sum(row["numerator"] for row in rows) / sum(row["denominator"] for row in rows)
        else:
            value = sum(row["value"] for row in rows)
        least = min(rows, key=lambda row: row["parts_received"] / max(row["parts_expected"], 1))
        return Figure(value * scale, least["parts_received"], least["parts_expected"])

    def _sum(self, term: Term, over_time: str, period: Period) -> Figure:
        by_reporter: dict[str, dict[dt.date, float]] = defaultdict(lambda: defaultdict(float))
        for row in self._rows(term, period):
            by_reporter[row["reporter"]][row["time"]] += float(row["value"])
        times = list(periods(term.grain, period.first, period.end))
        if over_time == "last":
            if not by_reporter:
                return NOTHING
            last = {reporter: max(values) for reporter, values in by_reporter.items()}
            value = sum(by_reporter[reporter][time] for reporter, time in last.items())
            return Figure(value, sum(time == times[-1] for time in last.values()), len(last))
        if term.missing_row == "zero":
            stood = self._connection.execute(self._standing(term, period)).mappings()
            covered = {(row["reporter"], row["period_start"]) for row in stood}
            if term.reporters.dimension == "publisher" and covered:
                by_reporter = by_reporter or {"": {}}
            for reporter in by_reporter:
                by_reporter[reporter] = {
                    time: by_reporter[reporter].get(time, 0.0) for of, time in covered if of == reporter
                }
        if not any(by_reporter.values()):
            return NOTHING
        value = sum(sum(values.values()) for values in by_reporter.values())
        return Figure(value, sum(map(len, by_reporter.values())), len(times) * len(by_reporter))

    def _rows(self, term: Term, period: Period) -> list[dict[str, Any]]:
        """Return the sums of a term by month or quarter, reporter and release."""
        fact = term.table
        time = fact.c[f"{term.grain}_start"]
        sums = (
            sa.select(time.label("time"), fact.c.release_id, sa.func.sum(term.figure).label("value"))
            .where(fact.c.quarter_start.in_(list(periods("quarter", period.first, period.end))))
            .where(time.between(period.first, period.end), term.figure.is_not(None), *term.conditions())
            .group_by(time, fact.c.release_id)
            .subquery()
        )
        its = sa.and_(vintage.c.release_id == sums.c.release_id, vintage.c.period_start == sums.c.time)
        query = (
            sa.select(sums, vintage.c.reporter)
            .join_from(sums, vintage, its)
            .where(vintage.c.fact == term.fact, vintage.c.breakdown == term.breakdown, self._stood())
            .order_by(sums.c.time, vintage.c.reporter, sums.c.release_id)
        )
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def _stood(self) -> sa.ColumnElement[bool]:
        """Return the condition that a vintage was the latest on the day."""
        until = vintage.c.superseded_on
        return sa.and_(vintage.c.published_on <= self.as_at, sa.or_(until.is_(None), until > self.as_at))

    def _standing(self, term: Term, period: Period) -> sa.Select[Any]:
        """Return the releases whose tables covered a period, by month or quarter and reporter."""
        columns = (vintage.c.release_id, vintage.c.reporter, vintage.c.period_start)
        return sa.select(*columns).where(
            vintage.c.fact == term.fact,
            vintage.c.breakdown == term.breakdown,
            vintage.c.period_start.between(period.first, period.end),
            self._stood(),
        )

    def releases(self, measure: Measure, period: Period | None, geography: str) -> frozenset[Release]:
        """Return the releases that a figure rests on: those whose tables it is taken from."""
        key = f"{measure.model_dump_json()} {period} {geography}"
        if key not in self._releases:
            self._releases[key] = frozenset(self._rested_on(measure, period, geography)) if period else frozenset()
        return self._releases[key]

    def _rested_on(self, measure: Measure, period: Period, geography: str) -> set[Release]:
        ids: set[str] = set()
        for term, over_time in measure.terms:
            rows: list[dict[str, Any]] = self._rows(term, period) if measure.term else []
            if not rows:
                standing = self._standing(term, period)
                if term.reporters.dimension != "publisher" and geography != "national":
                    standing = standing.where(vintage.c.reporter.in_(force_codes_of(geography)))
                covered = self._connection.execute(standing).mappings()
                rows = [{**row, "time": row["period_start"]} for row in covered]
            if over_time == "last":
                last: dict[str, dt.date] = {}
                for row in rows:
                    last[row["reporter"]] = max(row["time"], last.get(row["reporter"], row["time"]))
                rows = [row for row in rows if row["time"] == last[row["reporter"]]]
            ids |= {row["release_id"] for row in rows}
        return {self._all_releases[release_id] for release_id in ids}

    @cached_property
    def _all_releases(self) -> dict[str, Release]:
        columns = (release.c.source, release.c.published_on, release.c.release_id, release.c.is_synthetic)
        return {row.release_id: Release(*row) for row in self._connection.execute(sa.select(*columns))}

    def earlier(self, measure: Measure, period: Period | None, geography: str) -> list[tuple[dt.date, float]]:
        """Return what a KPI's national figure was before, with the day from which it was known, latest first."""
        if len(measure.kpi) != 1 or period is None or period.first != period.last:
            return []
        (kpi,) = (kpi for kpi in load_definitions() if kpi.kpi_id == measure.kpi[0])
        if kpi.unit == "share" or geography != "national":
            return []
        value = kpi_value.c
        query = (
            sa.select(value.as_of, value.value)
            .where(value.kpi_id == kpi.kpi_id, value.period_kind == period.kind, value.period_start == period.first)
            .where(value.geography_kind == "national", value.as_of <= self.as_at, value.status == "complete")
            .order_by(value.as_of.desc())
        )
        return [(row.as_of, row.value) for row in self._connection.execute(query)][1:]


def _added(figures: list[Figure]) -> Figure:
    values = [figure.value for figure in figures if figure.value is not None]
    if len(values) < len(figures):
        return NOTHING
    least = min(figures, key=lambda figure: figure.share_received)
    return Figure(sum(values), least.received, least.expected)
