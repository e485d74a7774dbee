"""The figures of sensitive returns that the public edition might show: as they were known on the day of the cut-off.

A quarter's figure is of the returns that had come in by then, and stays so. A year's is made of its quarters' figures,
not of what has come in since: less the quarters that were published, it would tell what came in late.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.disclosure import CountedReturns
from msoic_pipeline.model.geography import GeographyKey
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, period_start
from msoic_pipeline.publication.public_edition.policy import Policy

YEARS = ("calendar_year", "financial_year")
QUARTERS_OF_YEAR = 4


@dataclass(frozen=True, order=True)
class CellKey:
    """What tells one cell from another, as ``kpi_value`` has it."""

    kpi_id: str
    period_kind: str
    period_start: dt.date
    geography: GeographyKey


@dataclass(frozen=True)
class Cell:
    """A figure that might be published: a count, or part and whole of a share; and the returns that it is of."""

    key: CellKey
    count: float
    whole: float | None
    received: int
    expected: int
    is_stock: bool
    months_of_return: int = 1

    @property
    def returns(self) -> CountedReturns:
        """The returns that it is of."""
        months = PERIOD_MONTHS[self.key.period_kind]
        return CountedReturns(self.received, self.expected, self.is_stock, months, self.months_of_return)

    @property
    def smallest_told(self) -> float:
        """The smallest count that it tells: itself; of a share the part or the rest."""
        return self.count if self.whole is None else min(self.count, self.whole - self.count)


def read_cells(connection: Connection, policy: Policy, today: dt.date) -> list[Cell]:
    """Return the cells of all KPIs of sensitive returns, of the periods whose cut-off has passed by ``today``."""
    cells: list[Cell] = []
    for kpi in load_definitions():
        if kpi.is_sensitive:
            quarters = _read_quarters(connection, kpi, policy, today)
            cells += quarters
            cells += _find_last_quarters(quarters) if kpi.is_stock else _add_quarters_up(quarters)
    return cells


def _read_quarters(connection: Connection, kpi: Kpi, policy: Policy, today: dt.date) -> list[Cell]:
    """Return a KPI's quarters, each as it was known at its cut-off; what had no figure by then has no cell."""
    value = kpi_value.c
    query = (
        sa.select(kpi_value)
        .where(value.kpi_id == kpi.kpi_id, value.period_kind == "quarter")
        .where(value.geography_kind.in_(policy.geographies))
        .order_by(value.as_of)
    )
    known: dict[CellKey, Cell] = {}
    for row in connection.execute(query):
        cut_off = policy.find_cut_off(row.period_kind, row.period_start)
        if row.as_of > cut_off or cut_off > today:
            continue
        key = CellKey(
            row.kpi_id, row.period_kind, row.period_start, GeographyKey(row.geography_kind, row.geography_code)
        )
        known.pop(key, None)  # a later vintage takes its place, or has withdrawn it
        if row.value is not None:
            known[key] = Cell(
                key,
                count=row.numerator,
                whole=row.denominator,
                received=row.parts_received,
                expected=row.parts_expected,
                is_stock=kpi.is_stock,
                months_of_return=PERIOD_MONTHS[kpi.numerator.finest_period],
            )
    return list(known.values())


def _group_by_year(quarters: Iterable[Cell]) -> dict[CellKey, list[Cell]]:
    """Return the quarters of each year in their order."""
    by_year: dict[CellKey, list[Cell]] = defaultdict(list)
    for quarter in sorted(quarters, key=lambda cell: cell.key):
        for year in find_years(quarter.key):
            by_year[year].append(quarter)
    return by_year


def find_years(quarter: CellKey) -> list[CellKey]:
    """Return the calendar year and the financial year that a quarter lies in."""
    return [replace(quarter, period_kind=kind, period_start=period_start(kind, quarter.period_start)) for kind in YEARS]


def _find_last_quarters(quarters: Sequence[Cell]) -> list[Cell]:
    """Return the years of a stock, whose figure is that of the last quarter; a year without it has none."""
    return [
        replace(its_quarters[-1], key=year)
        for year, its_quarters in _group_by_year(quarters).items()
        if len(its_quarters) == QUARTERS_OF_YEAR
    ]


def _add_quarters_up(quarters: Sequence[Cell]) -> list[Cell]:
    """Return the years of what adds up over time; a year that lacks a quarter has none."""
    years = []
    for year, its_quarters in _group_by_year(quarters).items():
        if len(its_quarters) < QUARTERS_OF_YEAR:
            continue
        wholes = [quarter.whole for quarter in its_quarters if quarter.whole is not None]
        years.append(
            replace(
                its_quarters[-1],
                key=year,
                count=sum(quarter.count for quarter in its_quarters),
                whole=sum(wholes) if wholes else None,
                received=sum(quarter.received for quarter in its_quarters),
                expected=sum(quarter.expected for quarter in its_quarters),
            )
        )
    return years
