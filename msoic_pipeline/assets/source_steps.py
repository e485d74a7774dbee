"""The stages of the pipeline as plain functions of one source: landed, staged, validated.

Each begins from the files, not from what the stage before handed on: a quarter may be backfilled by itself, and what
stood in the raw folder when that stage ran may have changed since. What was read and judged once is remembered beside
the files, so that to begin again costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from msoic_pipeline.ingest.intake import Intake, take_in_source
from msoic_pipeline.ingest.read_once import NotReadYet
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.quality.verdicts import Verdict, judge_files, make_verdict_on_unread_file, still_matters
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.warehouse.loading import AcceptedReleases, find_stale_loads
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.warehouse.release_rows import read_loaded_releases
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source


@dataclass(frozen=True)
class JudgedSource:
    """A source of which every file has a verdict: what was taken in of it, and the verdicts."""

    source: Source
    intake: Intake
    verdicts: tuple[Verdict, ...]

    def list_accepted(self) -> AcceptedReleases:
        """Return what may be loaded of it."""
        return _list_accepted(self.intake, self.verdicts)


def _list_accepted(intake: Intake, verdicts: Sequence[Verdict]) -> AcceptedReleases:
    releases = tuple(verdict.staged for verdict in verdicts if verdict.accepted and verdict.staged)
    return AcceptedReleases(releases, intake.landing.withdrawn)


def judge_source(settings: Settings, engine: Engine, source: Source) -> JudgedSource:
    """Return a source with a verdict on every file; what was validated before is not validated again.

    There is none on a release that does not matter any more (``still_matters``).
    """
    intake = take_in_source(settings, source)
    with read_transaction(engine) as connection:
        loaded = read_loaded_releases(connection, source)
    verdicts = []
    for verdict in _judge_intake(source, intake):
        if verdict.accepted or verdict.staged is None or still_matters(verdict.staged.release, loaded):
            verdicts.append(verdict)
    for unparsed in intake.unparsed:
        if still_matters(unparsed.release, loaded):
            verdicts.append(make_verdict_on_unread_file(source, unparsed.error, unparsed.release.release_id))
    return JudgedSource(source, intake, tuple(verdicts))


def _judge_intake(source: Source, intake: Intake) -> list[Verdict]:
    findings = validate_source(source, intake.staged)
    return judge_files(source, intake.landing, intake.staged, findings)


def record_source(engine: Engine, judged: JudgedSource, today: dt.date) -> None:
    """Write dimensions, releases, quarantine and findings of a source to the warehouse."""
    load_dimensions(engine, judged.list_accepted().releases, today)
    register_releases(engine, judged.source, judged.intake.landing, judged.verdicts, today)


def find_quarters_behind_files(
    settings: Settings, engine: Engine, quarters: Sequence[dt.date], sources: Sequence[str] = SOURCES
) -> list[dt.date]:
    """Return which of ``quarters`` the files of sources have moved ahead of; all where a file has not been read yet.

    Nothing is read to find out.
    """
    stale: set[dt.date] = set()
    for source in map(load_source, sources):
        try:
            intake = take_in_source(settings, source, may_read=False)
        except NotReadYet:
            return list(quarters)
        accepted = _list_accepted(intake, _judge_intake(source, intake))
        stale |= set(find_stale_loads(engine, source, quarters, accepted))
    return sorted(stale)
