"""How the KPIs' values of the nation have been revised since they were first published whole.

A value counts from the day on which it was first complete: a year of which two quarters had come is no first value of
that year. Its revision is relative to that first value: of 2,500 first and 2,600 latest it is +4.0%. A first value of
zero has no relative revision. What rests on sensitive returns is left out, since the difference that a late return
makes is that return.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.model.views import select_kpi_revisions
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.wording import tell_count, tell_day

# How many of the largest revisions are named.
MOST_NAMED = 10


@dataclass(frozen=True)
class Revision:
    """How a value of a KPI was revised: its first complete value and the latest one, each with its day."""

    kpi: Kpi
    period_kind: str
    period_label: str
    first_value: float
    first_published_on: dt.date
    latest_value: float
    latest_change_on: dt.date
    times_revised: int

    @property
    def relative(self) -> float | None:
        """The revision relative to the first value; None where that is zero."""
        return (self.latest_value - self.first_value) / abs(self.first_value) if self.first_value else None

    @property
    def is_revised(self) -> bool:
        """Whether the value ever changed, also where it has changed back."""
        return self.times_revised > 0


@dataclass(frozen=True)
class RevisionCount:
    """How many values there are, how many were revised, and by how much."""

    values: int
    revised: int
    up: int
    down: int
    median_size: float | None
    largest: float | None


@dataclass(frozen=True)
class Revisions:
    """What the page shows of revisions: sentences, a row a KPI, and the largest ones."""

    sentences: tuple[str, ...]
    by_kpi: ShownTable
    largest: ShownTable


def list_revisions(connection: Connection, as_at: dt.date | None) -> list[Revision]:
    """Return the nation's values of KPIs that are not sensitive, revised or not, as known on a day (None: today)."""
    kpis = {kpi.kpi_id: kpi for kpi in load_definitions() if not kpi.is_sensitive}
    conditions = [kpi_value.c.status == "complete", kpi_value.c.geography_kind == NATIONAL]
    if as_at:
        conditions.append(kpi_value.c.as_of <= as_at)
    of_values = select_kpi_revisions(*conditions).subquery()
    query = sa.select(of_values).order_by(of_values.c.kpi_id, of_values.c.period_kind, of_values.c.period_start)
    return [
        Revision(
            kpis[row.kpi_id],
            row.period_kind,
            row.period_label,
            row.first_value,
            row.first_published_on,
            row.latest_value,
            row.latest_change_on,
            row.revisions,
        )
        for row in connection.execute(query)
        if row.kpi_id in kpis
    ]


def count_revisions(revisions: Sequence[Revision]) -> RevisionCount:
    """Return how many values were revised, up or down from their first, and the median and the largest of how much."""
    revised = [each for each in revisions if each.is_revised]
    relative = [each.relative for each in revised if each.relative is not None]
    return RevisionCount(
        values=len(revisions),
        revised=len(revised),
        up=sum(each.latest_value > each.first_value for each in revised),
        down=sum(each.latest_value < each.first_value for each in revised),
        median_size=median(abs(each) for each in relative) if relative else None,
        largest=max(relative, key=abs) if relative else None,
    )


def make_revisions(revisions: Sequence[Revision]) -> Revisions:
    """Return what is shown of revisions."""
    count = count_revisions(revisions)
    left_out = sum(kpi.is_sensitive for kpi in load_definitions())
    sentences = [tell_revisions(count)]
    without_base = sum(each.is_revised and each.relative is None for each in revisions)
    if without_base:
        one, many = "revised value was zero first, and has", "revised values were zero first, and have"
        sentences.append(f"{tell_count(without_base, one, many)} no relative revision.")
    maturing = dict.fromkeys(each.kpi.title for each in revisions if each.kpi.matures and each.is_revised)
    if maturing:
        sentences.append(f"Expected to grow, or to shrink, for years after their period: {'; '.join(maturing)}.")
    if left_out:
        sentences.append(
            f"Left out, of {len(load_definitions())} KPIs: {left_out} on sensitive returns, since the difference that "
            "a late return makes would tell that return."
        )
    return Revisions(tuple(sentences), _make_kpis_table(revisions), _make_largest_table(revisions))


def tell_revisions(count: RevisionCount) -> str:
    """Return in a sentence how many values were revised and by how much."""
    words = f"{count.revised:,} of {tell_count(count.values, 'value')} revised since first complete"
    if count.revised:
        words += f": {count.up:,} up, {count.down:,} down"
    if count.median_size is not None and count.largest is not None:
        words += f"; the median revision is {count.median_size:.1%}, the largest {count.largest:+.1%}"
    return f"{words}."


def _make_kpis_table(revisions: Sequence[Revision]) -> ShownTable:
    by_kpi: dict[str, list[Revision]] = {}
    for each in revisions:
        by_kpi.setdefault(each.kpi.kpi_id, []).append(each)
    rows = []
    for of_kpi in by_kpi.values():
        count = count_revisions(of_kpi)
        rows.append(
            (
                of_kpi[0].kpi.title,
                f"{count.values:,}",
                f"{count.revised:,}",
                f"{count.up:,}",
                f"{count.down:,}",
                "–" if count.median_size is None else f"{count.median_size:.1%}",
                "–" if count.largest is None else f"{count.largest:+.1%}",
            )
        )
    columns = (
        Column("KPI"),
        Column("Values"),
        Column("Revised"),
        Column("Up"),
        Column("Down"),
        Column("Median size"),
        Column("Largest"),
    )
    return ShownTable("Revisions of the nation’s values since they were first complete, by KPI", columns, tuple(rows))


def _make_largest_table(revisions: Sequence[Revision]) -> ShownTable:
    sized = [(abs(each.relative), each) for each in revisions if each.is_revised and each.relative is not None]
    sized.sort(key=lambda pair: -pair[0])
    rows = []
    for _, each in sized[:MOST_NAMED]:
        assert each.relative is not None
        rows.append(
            (
                each.kpi.title,
                each.period_label,
                tell_value(each.first_value, each.kpi.unit),
                tell_day(each.first_published_on),
                tell_value(each.latest_value, each.kpi.unit),
                tell_day(each.latest_change_on),
                f"{each.relative:+.1%}",
            )
        )
    columns = (
        Column("KPI"),
        Column("Period", "words"),
        Column("First"),
        Column("Known on", "words"),
        Column("Latest"),
        Column("Since", "words"),
        Column("Revision"),
    )
    return ShownTable("The largest revisions", columns, tuple(rows))
