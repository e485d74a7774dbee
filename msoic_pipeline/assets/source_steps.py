"""The stages of the pipeline as plain functions of one source: landed, staged, validated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.engine import Engine

from msoic_pipeline.audit.every_check import every_check
from msoic_pipeline.ingest.intake import Intake, take_in_source
from msoic_pipeline.ingest.read_once import NotReadYet
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.quality.docs import try_write_index
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.quality.verdicts import Verdict, judge, refuse
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.loading import AcceptedReleases
from msoic_pipeline.warehouse.loading import stale_quarters as stale_quarters_of
from msoic_pipeline.warehouse.registering import loaded_releases, register_releases
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source


def take_in(settings: Settings, source: Source) -> Intake:
    """Keep, recognise and parse the files of a source; what was read before is not read again."""
    return take_in_source(settings, source)


def validate(settings: Settings, engine: Engine, source: Source) -> tuple[Intake, list[Verdict]]:
    """Return a verdict on every file of a source; what was validated before is not validated again.

    There is none on a release that is rejected, has left the raw folder and was never loaded: somebody has put a better
    file in its place, and nothing hangs on it any more.
    """
    intake = take_in_source(settings, source)
    verdicts = _judge_intake(source, intake, settings)
    loaded = loaded_releases(engine, source)
    settled = [
        verdict
        for verdict in verdicts
        if verdict.accepted or verdict.staged is None or _still_matters(verdict.staged.release, loaded)
    ]
    rejected = [
        refuse(source, error, release.release_id)
        for release, error in intake.unparsed
        if _still_matters(release, loaded)
    ]
    return intake, [*settled, *rejected]


def _still_matters(release: Release, loaded: set[str]) -> bool:
    return release.in_raw or release.release_id in loaded


def _judge_intake(source: Source, intake: Intake, settings: Settings | None = None) -> list[Verdict]:
    docs_dir = settings.output_dir / "data_docs" if settings else None
    findings = validate_source(source, intake.staged, docs_dir)
    if docs_dir:
        try_write_index(source, docs_dir, every_check())
    return judge(source, intake.landing, intake.staged, findings)


def accepted(intake: Intake, verdicts: Sequence[Verdict]) -> AcceptedReleases:
    """Return what may be loaded of a source."""
    releases = tuple(verdict.staged for verdict in verdicts if verdict.accepted and verdict.staged)
    return AcceptedReleases(releases, intake.landing.withdrawn)


def record(engine: Engine, source: Source, intake: Intake, verdicts: Sequence[Verdict], today: dt.date) -> None:
    """Write dimensions, releases, quarantine and findings of a source to the warehouse."""
    load_dimensions(engine, accepted(intake, verdicts).releases, today)
    register_releases(engine, source, intake.landing, verdicts, today)


def stale_quarters(settings: Settings, engine: Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return which of ``quarters`` the files have moved ahead of; all of them where a file has not been read yet.

    Nothing is read to find out.
    """
    stale: set[dt.date] = set()
    for source in map(load_source, SOURCES):
        try:
            intake = take_in_source(settings, source, may_read=False)
        except NotReadYet:
            return list(quarters)
        stale |= set(stale_quarters_of(engine, source, quarters, accepted(intake, _judge_intake(source, intake))))
    return sorted(stale)
