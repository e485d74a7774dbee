"""The stages of the pipeline as plain functions of one source: landed, staged, validated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from msoic_pipeline.landing import Landing, land_source
from msoic_pipeline.loading import load_dimensions, register
from msoic_pipeline.loading import stale_quarters as stale_quarters_of
from msoic_pipeline.quality.expectations import validate_source
from msoic_pipeline.quality.verdicts import Verdict, judge
from msoic_pipeline.settings import Settings
from msoic_pipeline.staging import MANIFEST, StagedRelease, stage_release, staged_folder, sweep
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source


@dataclass(frozen=True)
class Staging:
    """The releases of a source that could be parsed, those that could not, and how many were parsed just now."""

    landing: Landing
    releases: tuple[StagedRelease, ...]
    unreadable: tuple[SourceFileError, ...]
    parsed: int


def land(settings: Settings, source: Source) -> Landing:
    """Register the files of a source."""
    return land_source(settings.raw_dir, source, settings.staging_dir)


def stage(settings: Settings, source: Source) -> Staging:
    """Parse what has not been parsed yet of a source, and sweep away what stands for no file any more."""
    landing = land(settings, source)
    releases: list[StagedRelease] = []
    unreadable: list[SourceFileError] = []
    parsed = 0
    for release in landing.releases:
        is_new = not (staged_folder(release, settings.staging_dir) / MANIFEST).is_file()
        try:
            releases.append(stage_release(release, source, settings.raw_dir, settings.staging_dir))
            parsed += is_new
        except SourceFileError as error:
            unreadable.append(error)
    sweep(settings.staging_dir, source, releases)
    return Staging(landing, tuple(releases), tuple(unreadable), parsed)


def validate(settings: Settings, source: Source) -> tuple[Staging, list[Verdict]]:
    """Return a verdict on every file of a source; what was validated before is not validated again."""
    staging = stage(settings, source)
    findings = validate_source(source, staging.releases, settings.output_dir / "data_docs")
    return staging, judge(source, staging.landing, staging.releases, staging.unreadable, findings)


def accepted(verdicts: Sequence[Verdict]) -> list[StagedRelease]:
    """Return the releases that may be loaded."""
    return [verdict.staged for verdict in verdicts if verdict.accepted and verdict.staged]


def record(engine: Engine, source: Source, staging: Staging, verdicts: Sequence[Verdict], today: dt.date) -> None:
    """Write dimensions, releases, quarantine and findings of a source to the warehouse."""
    load_dimensions(engine, accepted(verdicts), today)
    register(engine, source, staging.landing, verdicts)


def stale_quarters(settings: Settings, engine: Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return which of ``quarters`` the raw files have moved ahead of; all of them where a file has not been parsed yet.

    Nothing is parsed to find out.
    """
    stale: set[dt.date] = set()
    for source in map(load_source, SOURCES):
        landing = land(settings, source)
        folders = [(release, staged_folder(release, settings.staging_dir)) for release in landing.releases]
        if not all((folder / MANIFEST).is_file() for _, folder in folders):
            return list(quarters)
        staged = [StagedRelease(release, folder) for release, folder in folders]
        verdicts = judge(source, landing, staged, (), validate_source(source, staged, None))
        stale |= set(stale_quarters_of(engine, source, quarters, accepted(verdicts)))
    return sorted(stale)
