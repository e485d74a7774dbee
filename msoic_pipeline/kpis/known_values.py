"""KPI values as they were known on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.geography import GeographyKey
from msoic_pipeline.model.kpi import KPI_KEY, is_newest, kpi_definition, kpi_value
from msoic_pipeline.model.values import KpiStatus
from msoic_pipeline.periods import parse_period


@dataclass(frozen=True)
class KnownValue:
    """A row of ``kpi_value``, with the KPI's title. The table's own words say what each field is."""

    title: str
    kpi_id: str
    period_kind: str
    period_start: dt.date
    geography_kind: str
    geography_code: str
    as_of: dt.date
    period_label: str
    numerator: float | None
    denominator: float | None
    value: float | None
    unit: str
    status: KpiStatus
    parts_expected: int
    parts_received: int

    @property
    def geography(self) -> GeographyKey:
        """The geography that it is of."""
        return GeographyKey(self.geography_kind, self.geography_code)


def find_known_values(
    connection: Connection,
    kpi_id: str | None = None,
    period: str | None = None,
    geographies: Collection[GeographyKey] | None = None,
    as_at: dt.date | None = None,
) -> list[KnownValue]:
    """Return KPI values as known on ``as_at`` (today where it is not given), in order of KPI, period and geography.

    ``period`` is written as people write it (``2021``, ``2021/22``, ``2021-Q4``, ``2021-11``); without ``geographies``
    they are of all (``model.geography.find_geographies`` has those that a text means). Raises ValueError where
    ``period`` is no period.

    Example: of the referrals of 2021, 12,727 held from 3 March 2022 and 12,700 from 7 March 2024. As at 31 July 2022
    the row of the first is returned, today that of the second.
    """
    query = (
        sa.select(kpi_definition.c.title, *kpi_value.columns)
        .join_from(kpi_value, kpi_definition, kpi_definition.c.kpi_id == kpi_value.c.kpi_id)
        .where(is_newest(kpi_value, as_at))
        .order_by(*(kpi_value.c[key] for key in KPI_KEY))
    )
    if kpi_id:
        query = query.where(kpi_value.c.kpi_id == kpi_id)
    if period:
        kind, start = parse_period(period)
        query = query.where(kpi_value.c.period_kind == kind, kpi_value.c.period_start == start)
    if geographies is not None:
        key = sa.tuple_(kpi_value.c.geography_kind, kpi_value.c.geography_code)
        query = query.where(key.in_([(geography.kind, geography.code) for geography in geographies]))
    return [KnownValue(**row) for row in connection.execute(query).mappings()]
