"""What people decide about releases: to take figures away and to give them back, to let a raw file go, to put it back.

A decision stands in the archive, in the record of the release's file, so that it holds in every warehouse that is made
from the archive. The next run acts on it.
"""

from __future__ import annotations

import datetime as dt
import getpass
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msoic_pipeline.disks import file_written_aside, replace_file
from msoic_pipeline.ingest.archive import Archive, Decision, Record
from msoic_pipeline.ingest.decision_error import DecisionError
from msoic_pipeline.ingest.intake import source_locked, take_in_source
from msoic_pipeline.ingest.raw_files import find_paths_shown_as
from msoic_pipeline.ingest.release import release_id_of
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source


@dataclass(frozen=True)
class KeptRelease:
    """A release whose file is kept, with its source's archive."""

    source: Source
    archive: Archive
    record: Record

    @property
    def release_id(self) -> str:
        """The release, as the table ``release`` names it."""
        return release_id_of(self.source.source, self.record.sha256)


def list_kept_releases(settings: Settings, source: Source) -> Iterator[KeptRelease]:
    """Yield the releases of a source whose files are kept."""
    archive = Archive(settings.archive_dir, source.source, private=source.sensitive)
    for record in archive.records().values():
        if record.is_recognised:
            yield KeptRelease(source, archive, record)


def find_release(settings: Settings, named: str) -> KeptRelease:
    """Return the release of that name, or whose file stands or stood last under it below the raw folder.

    Raises LookupError where there is none, or where a name stands for several.
    """
    candidates = [
        kept
        for source in map(load_source, SOURCES)
        for kept in list_kept_releases(settings, source)
        if named in (kept.release_id, kept.record.last_name)
    ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = ", ".join(kept.release_id for kept in candidates)
        raise LookupError(f"{named}: several releases stood there; name one of {names}")
    raise LookupError(f"{named}: no release of that name is kept; the table release and Dagster's pages list them")


def decide(settings: Settings, kept: KeptRelease, action: str, reason: str) -> None:
    """Write a decision about a release into its record. Raises DecisionError where it changes nothing."""
    if not reason.strip():
        raise DecisionError("expected a reason; found none")
    with source_locked(settings, kept.source):
        # What was read before the lock was held may be out of date: a run may have noted another name since.
        record = kept.archive.record(kept.record.sha256)
        if record is None:
            raise DecisionError(f"{kept.release_id} is not in the archive any more")
        if action == "withdrawn" and record.is_withdrawn:
            raise DecisionError(f"{kept.release_id} is withdrawn already")
        if action == "restored" and not record.is_withdrawn:
            raise DecisionError(f"{kept.release_id} is not withdrawn")
        if action == "let go" and record.is_let_go:
            raise DecisionError(f"{kept.release_id} is let go already")
        moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        record.decisions.append(Decision(action, moment, getpass.getuser(), reason.strip()))
        kept.archive.write(record)


def put_back(settings: Settings, kept: KeptRelease) -> Path:
    """Copy the file of a release, and its sidecar, to where it stood last in the raw folder; return its path there.

    Raises DecisionError where a file stands there, or a sidecar that says something else; and where the name can have
    held what cannot be shown: what is known of it is how it was shown.
    """
    if "\\" in kept.record.last_name:
        content = kept.archive.content(kept.record)
        raise DecisionError(
            f"{kept.record.last_name} is how its name was shown, which may have been another; copy {content} to "
            f"{settings.raw_dir / kept.source.source} by hand, under any name"
        )
    target = settings.raw_dir / kept.record.last_name
    sidecar = None if kept.record.sidecar is None else kept.record.sidecar.encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise DecisionError(f"{target} is there; move it away first")
    if sidecar_path(target).exists() and sidecar_path(target).read_bytes() != sidecar:
        raise DecisionError(f"{sidecar_path(target)} is there and says something else; move it away first")
    with file_written_aside(target) as aside:
        shutil.copyfile(kept.archive.content(kept.record), aside)
        # Now, so that the file never stands there without it, nor for long without the file.
        if sidecar is not None:
            replace_file(sidecar_path(target), sidecar)
    return target


def list_absent_releases(settings: Settings, source: Source) -> list[KeptRelease]:
    """Return the releases of a source whose files should stand in the raw folder, and do not."""
    take_in_source(settings, source)
    return [
        kept
        for kept in list_kept_releases(settings, source)
        if not (kept.record.is_in_raw or kept.record.is_withdrawn or kept.record.is_let_go)
    ]


def list_synthetic_releases(settings: Settings) -> list[KeptRelease]:
    """Return the releases that say that they are synthetic sample data."""
    releases = []
    for source in map(load_source, SOURCES):
        intake = take_in_source(settings, source)
        synthetic = {release.release_id for release in intake.landing.known if release.is_synthetic}
        releases += [kept for kept in list_kept_releases(settings, source) if kept.release_id in synthetic]
    return releases


def remove_raw_files(settings: Settings, sample: Sequence[KeptRelease]) -> None:
    """Remove the raw files of releases, their sidecars, and the folders that are left empty.

    Raises DecisionError where two files have names that are shown alike: it does not say which of them is meant.
    """
    for kept in sample:
        for name in kept.record.names:
            if name.until is None:
                _remove_raw_file(settings.raw_dir, name.name, kept.source)


def _remove_raw_file(raw_dir: Path, name: str, source: Source) -> None:
    """Remove the raw file whose name is shown as ``name``, its sidecar, and the folder if that is left empty."""
    found = find_paths_shown_as(raw_dir, name)
    if len(found) > 1:
        raise DecisionError(f"{name}: {len(found)} files are shown under that name; remove the right one by hand")
    for path in found:
        path.unlink()
    path = found[0] if found else raw_dir / name
    sidecar_path(path).unlink(missing_ok=True)
    if path.parent.name != source.source and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def remove_from_archive(settings: Settings, sample: Sequence[KeptRelease]) -> None:
    """Remove the files of releases from the archive, for good."""
    for kept in sample:
        with source_locked(settings, kept.source):
            kept.archive.remove(kept.record)
