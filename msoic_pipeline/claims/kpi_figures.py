"""The figures of KPIs that were known on a day: of periods, before they were revised, and which tell a return."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.known_figures import NOTHING, KnownFigure, add_figures
from msoic_pipeline.claims.period import Period
from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.disclosure import NationalValue
from msoic_pipeline.kpis.kept_back import find_values_kept_back
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.geography import NATIONAL, GeographyKey
from msoic_pipeline.model.kpi import kpi_value


@dataclass(frozen=True)
class EarlierFigure:
    """What a figure was before it was revised, and the day from which it was known."""

    since: dt.date
    value: float


# The values of a KPI, by kind and first day of the period.
ValuesByPeriod = dict[tuple[str, dt.date], KnownValue]


class KpiFigures:
    """The figures of KPIs that were known on the day ``as_at``. The values of a KPI are read once a geography."""

    def __init__(self, connection: Connection, as_at: dt.date) -> None:
        self._connection = connection
        self._as_at = as_at
        self._values: dict[tuple[str, GeographyKey], ValuesByPeriod] = {}

    def find_figure(self, kpi: Kpi, period: Period, geography: str) -> KnownFigure:
        """Return a KPI's figure of a geography as a claim names it, of which the claim has only one (``Claim``).

        Of several periods it is their sum, of a stock the last, of a share that of their sums.

        Shares are in percent.
        """
        values = self._read_values(kpi, kpi.find_geography(geography))
        starts = period.starts_that_count(is_stock=kpi.is_stock)
        rows = [values[period.kind, start] for start in starts if (period.kind, start) in values]
        if len(rows) < len(starts):
            return NOTHING
        total = add_figures([KnownFigure(row.value, row.parts_received, row.parts_expected) for row in rows])
        if total.value is None:
            return NOTHING
        value = total.value
        if kpi.denominator:
            numerators = [row.numerator for row in rows if row.numerator is not None]
            denominators = [row.denominator for row in rows if row.denominator is not None]
            value = sum(numerators) / sum(denominators)
        if kpi.is_share:
            value *= 100.0
        return replace(total, value=value)

    def is_kept_back(self, kpi: Kpi, period: Period) -> bool:
        """Return whether a national value that a figure is made of would tell a return, as the exports judge it."""
        starts = period.starts_that_count(is_stock=kpi.is_stock)
        return any(NationalValue(kpi.kpi_id, period.kind, start) in self._kept_back for start in starts)

    @cached_property
    def _kept_back(self) -> set[NationalValue]:
        """The national values that are kept back as known on the day."""
        return find_values_kept_back(self._connection, self._as_at)

    def _read_values(self, kpi: Kpi, geography: GeographyKey) -> ValuesByPeriod:
        """Return the values of a KPI as known on the day."""
        if (kpi.kpi_id, geography) not in self._values:
            rows = find_known_values(self._connection, kpi.kpi_id, geographies=[geography], as_at=self._as_at)
            self._values[kpi.kpi_id, geography] = {(row.period_kind, row.period_start): row for row in rows}
        return self._values[kpi.kpi_id, geography]

    def find_earlier_figures(self, kpi: Kpi, period: Period) -> list[EarlierFigure]:
        """Return what a KPI's national figure of a period was before it was revised, where it was whole, latest first.

        Example: 12,727 from 3 March 2022, 12,700 of all reports from 7 March 2024, and 11,000 of fewer of them from 1
        June: as known after that 12,700 and 12,727 are returned; 11,000 is the figure itself.
        """
        value = kpi_value.c
        query = (
            sa.select(value.as_of, value.value, value.status)
            .where(value.kpi_id == kpi.kpi_id, value.period_kind == period.kind, value.period_start == period.first)
            .where(value.geography_kind == NATIONAL, value.as_of <= self._as_at)
            .order_by(value.as_of.desc())
        )
        rows = self._connection.execute(query).all()
        # The first is the figure itself, whole or not.
        return [EarlierFigure(row.as_of, row.value) for row in rows[1:] if row.status == "complete"]
