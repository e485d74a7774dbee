"""For how long the figures of each release stood: until a later one covered the same ground."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.ingest.manifest import StagedVintage
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.evidence import release, vintage


@dataclass(frozen=True)
class Vintage(StagedVintage):
    """A row of the table ``vintage``; ``superseded_on`` is None while nothing later covers its ground."""

    superseded_on: dt.date | None


@dataclass(frozen=True)
class RankedVintage:
    """A vintage, and what tells which of two about the same ground is the later one.

    ``place_in_order`` is the place of its release among those that came in; -1 where it is held.
    """

    staged: StagedVintage
    edition: int
    place_in_order: int

    @property
    def ground(self) -> tuple[str, str, dt.date, str]:
        """What it covers: of two vintages with the same one the later counts."""
        return self.staged.fact, self.staged.breakdown, self.staged.period_start, self.staged.reporter

    @property
    def rank(self) -> tuple[dt.date, int, int]:
        """The later of two has the greater one."""
        return self.staged.published_on, self.edition, self.place_in_order


def rank_vintages(releases: Sequence[StagedRelease], quarter: dt.date) -> list[RankedVintage]:
    """Return the vintages of a quarter that releases have, which come in order of publication."""
    return [
        RankedVintage(each, staged.release.edition, place)
        for place, staged in enumerate(releases)
        for each in staged.manifest.vintages
        if each.quarter_start == quarter
    ]


def read_held_vintages(
    connection: Connection, facts: Sequence[str], quarter: dt.date, held: Sequence[str]
) -> list[RankedVintage]:
    """Return the vintages of a quarter of releases that are held, as they are loaded."""
    columns = [vintage.c[field.name] for field in fields(StagedVintage)]
    query = (
        sa.select(release.c.edition, *columns)
        .join(release, release.c.release_id == vintage.c.release_id)
        .where(vintage.c.fact.in_(facts), vintage.c.quarter_start == quarter, vintage.c.release_id.in_(held))
    )
    ranked = []
    for row in connection.execute(query).mappings():
        loaded = StagedVintage(**{column.name: row[column.name] for column in columns})
        ranked.append(RankedVintage(loaded, row["edition"], place_in_order=-1))
    return ranked


def date_vintages(ranked: Sequence[RankedVintage]) -> list[Vintage]:
    """Return vintages with the day on which each was superseded: that of the next one about the same ground.

    Of the figures of 2022-Q1::

        release   published    edition   came in   superseded_on
        a         5 May 2022   1         1st       4 August 2022
        b         4 Aug 2022   1         2nd       4 August 2022    c is of the same day, and a later edition
        c         4 Aug 2022   2         3rd       None
    """
    by_ground: dict[tuple[str, str, dt.date, str], list[RankedVintage]] = defaultdict(list)
    for each in ranked:
        by_ground[each.ground].append(each)
    dated: list[Vintage] = []
    for of_ground in by_ground.values():
        superseded_on: dt.date | None = None
        latest_first = sorted(of_ground, key=lambda each: each.rank, reverse=True)
        for each in latest_first:
            dated.append(Vintage(**asdict(each.staged), superseded_on=superseded_on))
            superseded_on = each.staged.published_on
    return dated
