"""Tells of a file which release it is, from what it and its sidecar say, and refuses what is not of its source.

When a file was published, and what it is about, comes from the sidecar beside it (``<file>.yaml``) or from the
workbook's own cover sheet, which may not contradict each other; never from the file's modification time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msoic_pipeline.ingest.cover import CoverCell, StampedValue, join_recognisable, read_cover, read_stamps
from msoic_pipeline.ingest.details import Details
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.release import Release, release_id_of
from msoic_pipeline.ingest.sidecars import parse_sidecar
from msoic_pipeline.periods import parse_period
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Workbook, open_workbook
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source


def identify_release(workbook: Workbook, asked: FileAsked) -> Release:
    """Return the release that a file is. Raises SourceFileError where it is not one of its source."""
    source = load_source(asked.source)
    cover = read_cover(workbook)
    texts = join_recognisable(workbook, cover)
    if not source.recognises(texts):
        raise _other_publisher_error(source, texts)
    details = _read_details(source, cover, asked)
    publication = _read_publication(details, asked.name)
    is_marked_synthetic = source.synthetic_mark.casefold() in texts.casefold()
    return Release(
        release_id=release_id_of(asked.source, asked.sha256),
        source=source.source,
        title=details.title or source.title,
        publisher=source.publisher,
        published_on=publication.published_on,
        reference_period=publication.reference_period,
        reference_start=publication.reference_start,
        edition=details.edition or 1,
        reporter=details.reporter or "",
        file_name=asked.name,
        sha256=asked.sha256,
        is_synthetic=bool(details.is_synthetic) or is_marked_synthetic,
        note=details.note or "",
    )


def _read_details(source: Source, cover: Sequence[CoverCell], asked: FileAsked) -> Details:
    """Return what cover sheet and sidecar say together. Raises SourceFileError where they contradict each other."""
    sidecar = Details()
    if asked.sidecar is not None:
        sidecar = parse_sidecar(asked.sidecar, f"{asked.name}.yaml", withhold=source.sensitive)
    stamped = read_stamps(source, cover)
    _refuse_contradiction(asked.name, stamped, sidecar, withhold=source.sensitive)
    said_by_cover = Details(**{field: stamp.value for field, stamp in stamped.items()})
    return sidecar.filled_from(said_by_cover)


@dataclass(frozen=True)
class _Publication:
    """When a release was published, and the period that it is about, with its first day."""

    published_on: dt.date
    reference_period: str
    reference_start: dt.date


def _read_publication(details: Details, name: str) -> _Publication:
    """Return when a release was published and what it is about.

    Raises SourceFileError where one of them is not said, or where it was published before its period began.
    """
    if details.published_on is None:
        raise _missing_field_error(name, "published_on", "the date of publication")
    if details.reference_period is None:
        meaning = "the last period that the file is about, such as 2021-Q4"
        raise _missing_field_error(name, "reference_period", meaning)
    _, start = parse_period(details.reference_period)
    if start > details.published_on:
        raise SourceFileError(
            "contradictory_date",
            file=name,
            expected="a reference period that had begun when the file was published",
            found=f"reference_period {details.reference_period}, published_on {details.published_on}",
            remedy=f"Mend whichever is wrong, in {name}.yaml or on the cover sheet.",
        )
    return _Publication(details.published_on, details.reference_period, start)


def recognise(path: Path) -> str:
    """Return the source that a file says it is of; an empty text where it says so of none, or of several.

    Raises SourceFileError where the file cannot be read.
    """
    workbook = open_workbook(path)
    try:
        texts = join_recognisable(workbook, read_cover(workbook))
    finally:
        workbook.close()
    recognising = [name for name in SOURCES if load_source(name).recognises(texts)]
    return recognising[0] if len(recognising) == 1 else ""


def _refuse_contradiction(name: str, stamped: Mapping[str, StampedValue], sidecar: Details, *, withhold: bool) -> None:
    """Refuse a file whose cover sheet and sidecar do not say the same."""
    for field, stamp in stamped.items():
        said = getattr(sidecar, field)
        if said is not None and said != stamp.value:
            told = "" if withhold else f", {said}"
            raise SourceFileError(
                "contradictory_detail",
                file=name,
                sheet=stamp.sheet,
                cell=stamp.cell,
                expected=f"the {field} of the sidecar {name}.yaml{told}",
                found="another on the cover sheet" if withhold else f"{stamp.value} on the cover sheet",
                remedy="Find out which is right; mend the sidecar, or take the line out of it.",
            )


def _other_publisher_error(source: Source, texts: str) -> SourceFileError:
    others = [name for name in SOURCES if name != source.source and load_source(name).recognises(texts)]
    found = f"a file of {load_source(others[0]).title!r}" if others else "a file that does not say so anywhere"
    where = f"Move it to {others[0]}/" if others else "Remove it from this folder"
    return SourceFileError(
        "other_publisher",
        file="",
        expected=f"a file of {source.title!r}",
        found=found,
        remedy=f"{where}; if it is of this source, add its text to recognise in {source.layout_file}.",
    )


def _missing_field_error(name: str, field: str, meaning: str) -> SourceFileError:
    return SourceFileError(
        "no_" + field,
        file=name,
        expected=f"{field}, {meaning}, on the cover sheet or in the sidecar",
        found="neither",
        remedy=f"Write it into {name}.yaml, beside the file, as a line `{field}: …`.",
    )
