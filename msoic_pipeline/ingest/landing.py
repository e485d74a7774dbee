"""Landed: tells of a file which release it is, from what it and its sidecar say, and refuses what is not of its source.

When a file was published, and what it is about, comes from the sidecar beside it (``<file>.yaml``) or from the
workbook's own cover sheet, which may not contradict each other; never from the file's modification time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from msoic_pipeline.ingest.sidecars import parse_sidecar
from msoic_pipeline.limits import MAX_RECOGNISED, MAX_RECOGNISED_CELL
from msoic_pipeline.periods import last_quarter, parse_period, period_label
from msoic_pipeline.texts import clean, is_blank
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Workbook, a1, open_workbook
from msoic_pipeline.workbooks.layout import SOURCES, Source, Stamp, load_source
from msoic_pipeline.workbooks.values import parser

COVER_ROWS = 40
COVER_SHEETS = 3


@dataclass(frozen=True)
class Release:
    """A file as published; the fields are those of the table ``release``, and the first day of the reference period."""

    release_id: str
    source: str
    title: str
    publisher: str
    published_on: dt.date
    reference_period: str
    reference_start: dt.date
    edition: int
    reporter: str
    file_name: str
    sha256: str
    is_synthetic: bool
    note: str
    superseded_by: str | None = None
    landed_on: dt.date | None = None
    in_raw: bool = True

    @property
    def reference_quarter(self) -> dt.date:
        """First day of the last quarter that the release is about."""
        return last_quarter(self.reference_period)


@dataclass(frozen=True)
class Landing:
    """The files of one source: those that are releases in force, in order of publication, and what is wrong.

    ``refused``: errors of files that are no releases of the source. ``absent``: errors that something is not where it
    was, which take no figure away. ``waiting``: errors of files that somebody is still writing to, left for the next
    run. ``known``: all that was recognised, in force or withdrawn. ``withdrawn``: the releases whose figures a person
    took away. ``unsure``: those that are kept and cannot be recognised now. ``decisions``: rows of ``withdrawal``.
    """

    releases: tuple[Release, ...]
    refused: tuple[SourceFileError, ...]
    absent: tuple[SourceFileError, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    known: tuple[Release, ...] = ()
    unsure: frozenset[str] = frozenset()
    decisions: tuple[dict[str, Any], ...] = ()
    waiting: tuple[SourceFileError, ...] = ()


@dataclass(frozen=True)
class FileAsked:
    """A file to be read: where its content is kept, and what is known of it besides.

    ``name`` is its path below the raw folder as people know it, ``sidecar`` the content of its sidecar.
    """

    source: str
    content: Path
    name: str
    sha256: str
    sidecar: bytes | None


def identify_release(workbook: Workbook, asked: FileAsked) -> Release:
    """Return the release that a file is. Raises SourceFileError where it is not one of its source."""
    source = load_source(asked.source)
    cover = _cover(workbook)
    texts = _recognisable(workbook, cover)
    if not source.recognises(texts):
        raise _not_of_source(source, texts)
    sidecar: Mapping[str, Any] = {}
    if asked.sidecar is not None:
        sidecar = parse_sidecar(asked.sidecar, f"{asked.name}.yaml", withhold=source.sensitive)
    name = Path(asked.name).name
    stamped = _read_stamps(source, cover)
    _refuse_contradiction(name, stamped, sidecar, withhold=source.sensitive)
    said = {field: value for field, (value, _, _) in stamped.items()} | dict(sidecar)
    if "published_on" not in said:
        raise _needs_sidecar(name, "published_on", "the date of publication")
    if "reference_period" not in said:
        raise _needs_sidecar(name, "reference_period", "the last period that the file is about, such as 2021-Q4")
    period = said["reference_period"]
    _, start = parse_period(period)
    if start > said["published_on"]:
        raise SourceFileError(
            "contradictory_date",
            file=name,
            expected="a reference period that had begun when the file was published",
            found=f"reference_period {period}, published_on {said['published_on']}",
            remedy=f"Mend whichever is wrong, in {name}.yaml or on the cover sheet.",
        )
    return Release(
        release_id=release_id_of(asked.source, asked.sha256),
        source=source.source,
        title=str(said.get("title") or source.title),
        publisher=source.publisher,
        published_on=said["published_on"],
        reference_period=period,
        reference_start=start,
        edition=said.get("edition", 1),
        reporter=str(said.get("reporter", "")),
        file_name=asked.name,
        sha256=asked.sha256,
        is_synthetic=said.get("is_synthetic", False) or source.synthetic_mark.casefold() in texts.casefold(),
        note=str(said.get("note") or ""),
    )


def release_id_of(source: str, sha256: str) -> str:
    """Return the name of the release that a file of a source is, by its content."""
    return f"{source}-{sha256[:10]}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cover(workbook: Workbook) -> list[tuple[str, str, Any, Any]]:
    """Return the filled cells of the first sheets' first rows: sheet, address, value, and the next cell's value."""
    cells = []
    for name in workbook.sheet_names[:COVER_SHEETS]:
        for row, values in enumerate(workbook.head(name, COVER_ROWS).rows):
            for column, value in enumerate(values):
                if not is_blank(value):
                    following = values[column + 1] if column + 1 < len(values) else ""
                    cells.append((name, a1(row, column), value, following))
    return cells


def recognise(path: Path) -> str:
    """Return the source that a file says it is of; an empty text where it says so of none, or of several.

    Raises SourceFileError where the file cannot be read.
    """
    workbook = open_workbook(path)
    try:
        texts = _recognisable(workbook, _cover(workbook))
    finally:
        workbook.close()
    known = [name for name in SOURCES if load_source(name).recognises(texts)]
    return known[0] if len(known) == 1 else ""


def _recognisable(workbook: Workbook, cover: Iterable[tuple[str, str, Any, Any]]) -> str:
    """Return the texts by which a file is recognised. They are short: a pattern is not searched for in a long one."""
    texts = [clean(value)[:MAX_RECOGNISED_CELL] for _, _, value, _ in cover if isinstance(value, str)]
    return " ".join([*workbook.sheet_names, *texts])[:MAX_RECOGNISED]


def _read_stamps(source: Source, cover: list[tuple[str, str, Any, Any]]) -> dict[str, tuple[Any, str, str]]:
    """Return what the cover sheet says, each with the sheet and cell where it says so."""
    said: dict[str, tuple[Any, str, str]] = {}
    for field, stamp in source.stamps.items():
        for sheet, cell, value, following in cover:
            found = _after_label(stamp, value, following)
            if found is None:
                continue
            try:
                read = parser(stamp.parse)(found)
            except ValueError as error:
                raise SourceFileError(
                    "unreadable_cover",
                    file="",
                    sheet=sheet,
                    cell=cell,
                    expected=f"{stamp.label}: {error}",
                    found="something else" if source.sensitive else repr(clean(found)),
                    remedy="Mend the cover sheet.",
                ) from error
            if field == "reference_period":
                read = period_label("month" if stamp.parse == "month" else "quarter", read)
            said[field] = (read, sheet, cell)
            break
    return said


def _refuse_contradiction(
    name: str, stamped: dict[str, tuple[Any, str, str]], sidecar: Mapping[str, Any], *, withhold: bool
) -> None:
    for field, (value, sheet, cell) in stamped.items():
        if field in sidecar and sidecar[field] != value:
            told = "" if withhold else f", {sidecar[field]}"
            raise SourceFileError(
                "contradictory_date",
                file=name,
                sheet=sheet,
                cell=cell,
                expected=f"the {field} of the sidecar {name}.yaml{told}",
                found="another on the cover sheet" if withhold else f"{value} on the cover sheet",
                remedy="Find out which is right; mend the sidecar, or take the line out of it.",
            )


def _after_label(stamp: Stamp, value: Any, following: Any) -> Any:
    """Return what a cover sheet says after a label: in the same cell after a colon, or in the next cell."""
    if not isinstance(value, str):
        return None
    label, colon, rest = clean(value).partition(":")
    if label.casefold() != stamp.label.casefold():
        return None
    return rest.strip() if colon and rest.strip() else (None if is_blank(following) else following)


def link_editions(releases: Sequence[Release], source: Source) -> tuple[Release, ...]:
    """Order releases by publication; link each re-issue of a reference period to what it corrects.

    ``releases`` come in the order in which they came in: of two that say the same of themselves the later one counts,
    and a file that took the place of another under its name corrects it.
    """
    describes_itself = "reference_period" in source.stamps
    arrival = {release.release_id: place for place, release in enumerate(releases)}

    def period(release: Release) -> tuple[Any, ...]:
        return release.reporter, release.reference_start, release.reference_period

    def age(release: Release) -> tuple[Any, ...]:
        return release.published_on, release.edition, arrival[release.release_id]

    order = sorted(releases, key=lambda release: (*period(release), *age(release)))
    linked: dict[str, Release] = {release.release_id: release for release in order}
    for _, group in groupby(order, key=period):
        issues = list(group)
        if describes_itself:
            issues = [replace(issue, edition=number) for number, issue in enumerate(issues, start=1)]
            linked |= {issue.release_id: issue for issue in issues}
        issues.sort(key=lambda release: (release.edition, *age(release)))
        for earlier, later in pairwise(issues):
            if later.edition > earlier.edition or later.file_name == earlier.file_name:
                linked[earlier.release_id] = replace(earlier, superseded_by=later.release_id)
    return tuple(sorted(linked.values(), key=age))


def _not_of_source(source: Source, texts: str) -> SourceFileError:
    others = [name for name in SOURCES if name != source.source and load_source(name).recognises(texts)]
    found = f"a file of {load_source(others[0]).title!r}" if others else "a file that does not say so anywhere"
    where = f"Move it to {others[0]}/" if others else "Remove it from this folder"
    return SourceFileError(
        "other_publisher",
        file="",
        expected=f"a file of {source.title!r}",
        found=found,
        remedy=f"{where}; if it is of this source, add its text to recognise in "
        f"msoic_pipeline/sources/{source.source}/layouts.yaml.",
    )


def _needs_sidecar(name: str, field: str, meaning: str) -> SourceFileError:
    return SourceFileError(
        "no_" + field,
        file=name,
        expected=f"{field}, {meaning}, on the cover sheet or in the sidecar",
        found="neither",
        remedy=f"Write it into {name}.yaml beside the file, as a line `{field}: …`.",
    )
