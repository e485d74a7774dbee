"""The rows of the table ``release``: which stand, which are loaded, and how they are written and removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.ingest.release import Release
from msoic_pipeline.model.evidence import IN_FORCE, ReleaseStatus, release, vintage
from msoic_pipeline.warehouse.rows import write_changed_rows
from msoic_pipeline.workbooks.source import Source


@dataclass(frozen=True, kw_only=True)
class ReleaseRow(Release):
    """A release as the warehouse knows it: with the layouts that read its sheets, and what has become of it."""

    layout: str
    status: ReleaseStatus


def list_release_rows(connection: Connection, source: str | None = None) -> list[ReleaseRow]:
    """Return the rows of a source's releases, or of all, by source and day of publication."""
    query = sa.select(release).order_by(release.c.source, release.c.published_on, release.c.release_id)
    if source is not None:
        query = query.where(release.c.source == source)
    return [ReleaseRow(**row) for row in connection.execute(query).mappings()]


def list_releases_in_force(connection: Connection, source: str) -> list[Release]:
    """Return the releases of a source whose figures are loaded, in the order in which they came in."""
    columns = [release.c[field.name] for field in fields(Release)]
    order = (release.c.landed_on, release.c.published_on, release.c.edition, release.c.release_id)
    query = sa.select(*columns).where(release.c.source == source, release.c.status.in_(IN_FORCE)).order_by(*order)
    return [Release(**row) for row in connection.execute(query).mappings()]


def read_loaded_releases(connection: Connection, source: Source | None = None) -> set[str]:
    """Return the releases of a source, or of all, of which figures are loaded."""
    query = sa.select(vintage.c.release_id).distinct()
    if source is not None:
        query = query.where(vintage.c.fact.in_(source.facts))
    return set(connection.scalars(query))


def write_release_rows(connection: Connection, rows: Sequence[ReleaseRow]) -> None:
    """Insert new releases of a source and mend changed ones; first all of them, then what supersedes what.

    A release refers to the one that supersedes it, which must stand there by then; one that is not among them is left
    out.
    """
    present = {row.release_id for row in rows}
    alone = [asdict(row) for row in rows]
    for row in alone:
        del row["superseded_by"]
    linked = [asdict(row if row.superseded_by in present else replace(row, superseded_by=None)) for row in rows]
    write_changed_rows(connection, release, None, alone)
    write_changed_rows(connection, release, None, linked)


def delete_releases(connection: Connection, release_ids: Collection[str]) -> None:
    """Remove releases of which no figure is loaded; one may be named by another as the one that superseded it."""
    is_superseded_by_them = release.c.superseded_by.in_(release_ids)
    connection.execute(sa.update(release).where(is_superseded_by_them).values(superseded_by=None))
    connection.execute(sa.delete(release).where(release.c.release_id.in_(release_ids)))
