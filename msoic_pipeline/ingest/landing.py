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

# A cover stands within the first rows of the first sheets.
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


@dataclass(frozen=True)
class CoverCell:
    """A filled cell of a cover sheet, and the value of the cell to its right."""

    sheet: str
    cell: str
    value: Any
    value_to_the_right: Any


@dataclass(frozen=True)
class StampedValue:
    """What a cover sheet says of a release, and where."""

    value: Any
    sheet: str
    cell: str


def identify_release(workbook: Workbook, asked: FileAsked) -> Release:
    """Return the release that a file is. Raises SourceFileError where it is not one of its source."""
    source = load_source(asked.source)
    cover = _read_cover(workbook)
    texts = _join_recognisable(workbook, cover)
    if not source.recognises(texts):
        raise _other_publisher_error(source, texts)
    sidecar: Mapping[str, Any] = {}
    if asked.sidecar is not None:
        sidecar = parse_sidecar(asked.sidecar, f"{asked.name}.yaml", withhold=source.sensitive)
    name = Path(asked.name).name
    stamped = _read_stamps(source, cover)
    _refuse_contradiction(name, stamped, sidecar, withhold=source.sensitive)
    fields = {field: stamp.value for field, stamp in stamped.items()} | dict(sidecar)
    if "published_on" not in fields:
        raise _missing_field_error(name, "published_on", "the date of publication")
    if "reference_period" not in fields:
        meaning = "the last period that the file is about, such as 2021-Q4"
        raise _missing_field_error(name, "reference_period", meaning)
    published_on, period = fields["published_on"], fields["reference_period"]
    _, start = parse_period(period)
    if start > published_on:
        raise SourceFileError(
            "contradictory_date",
            file=name,
            expected="a reference period that had begun when the file was published",
            found=f"reference_period {period}, published_on {published_on}",
            remedy=f"Mend whichever is wrong, in {name}.yaml or on the cover sheet.",
        )
    is_marked_synthetic = source.synthetic_mark.casefold() in texts.casefold()
    return Release(
        release_id=release_id_of(asked.source, asked.sha256),
        source=source.source,
        title=str(fields.get("title") or source.title),
        publisher=source.publisher,
        published_on=published_on,
        reference_period=period,
        reference_start=start,
        edition=fields.get("edition", 1),
        reporter=str(fields.get("reporter", "")),
        file_name=asked.name,
        sha256=asked.sha256,
        is_synthetic=fields.get("is_synthetic", False) or is_marked_synthetic,
        note=str(fields.get("note") or ""),
    )


def release_id_of(source: str, sha256: str) -> str:
    """Return the name of the release that a file of a source is, by its content."""
    return f"{source}-{sha256[:10]}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def recognise(path: Path) -> str:
    """Return the source that a file says it is of; an empty text where it says so of none, or of several.

    Raises SourceFileError where the file cannot be read.
    """
    workbook = open_workbook(path)
    try:
        texts = _join_recognisable(workbook, _read_cover(workbook))
    finally:
        workbook.close()
    recognising = [name for name in SOURCES if load_source(name).recognises(texts)]
    return recognising[0] if len(recognising) == 1 else ""


def _read_cover(workbook: Workbook) -> list[CoverCell]:
    """Return the filled cells of the first rows of the first sheets."""
    cells = []
    for sheet in workbook.sheet_names[:COVER_SHEETS]:
        for row, values in enumerate(workbook.head(sheet, COVER_ROWS).rows):
            for column, value in enumerate(values):
                if not is_blank(value):
                    value_to_the_right = values[column + 1] if column + 1 < len(values) else ""
                    cells.append(CoverCell(sheet, a1(row, column), value, value_to_the_right))
    return cells


def _join_recognisable(workbook: Workbook, cover: Iterable[CoverCell]) -> str:
    """Return the texts by which a file is recognised. They are short: a pattern is not searched for in a long one."""
    texts = [clean(cell.value)[:MAX_RECOGNISED_CELL] for cell in cover if isinstance(cell.value, str)]
    return " ".join([*workbook.sheet_names, *texts])[:MAX_RECOGNISED]


def _read_stamps(source: Source, cover: Sequence[CoverCell]) -> dict[str, StampedValue]:
    """Return what the cover sheet says, by the field of a sidecar that it says in its stead.

    For example ``{"published_on": StampedValue(dt.date(2022, 5, 5), "Cover", "A4")}`` of a cell that reads
    ``Published: 5 May 2022``. Of a label that stands twice the first one counts.
    """
    stamped: dict[str, StampedValue] = {}
    for field, stamp in source.stamps.items():
        for cell in cover:
            stamped_text = _find_stamped_text(stamp, cell)
            if stamped_text is not None:
                stamped[field] = StampedValue(
                    _read_stamp(source, field, stamp, cell, stamped_text), cell.sheet, cell.cell
                )
                break
    return stamped


def _find_stamped_text(stamp: Stamp, cell: CoverCell) -> Any:
    """Return what stands after a stamp's label: in the same cell after a colon, or in the cell to the right."""
    if not isinstance(cell.value, str):
        return None
    label, colon, rest = clean(cell.value).partition(":")
    if label.casefold() != stamp.label.casefold():
        return None
    if colon and rest.strip():
        return rest.strip()
    return None if is_blank(cell.value_to_the_right) else cell.value_to_the_right


def _read_stamp(source: Source, field: str, stamp: Stamp, cell: CoverCell, stamped_text: Any) -> Any:
    """Return the value of a field from the text after its label."""
    try:
        value = parser(stamp.parse)(stamped_text)
    except ValueError as error:
        raise SourceFileError(
            "unreadable_cover",
            file="",
            sheet=cell.sheet,
            cell=cell.cell,
            expected=f"{stamp.label}: {error}",
            found="something else" if source.sensitive else repr(clean(stamped_text)),
            remedy="Mend the cover sheet.",
        ) from error
    if field == "reference_period":
        return period_label("month" if stamp.parse == "month" else "quarter", value)
    return value


def _refuse_contradiction(
    name: str, stamped: Mapping[str, StampedValue], sidecar: Mapping[str, Any], *, withhold: bool
) -> None:
    """Refuse a file whose cover sheet and sidecar do not say the same."""
    for field, stamp in stamped.items():
        if field in sidecar and sidecar[field] != stamp.value:
            told = "" if withhold else f", {sidecar[field]}"
            raise SourceFileError(
                "contradictory_date",
                file=name,
                sheet=stamp.sheet,
                cell=stamp.cell,
                expected=f"the {field} of the sidecar {name}.yaml{told}",
                found="another on the cover sheet" if withhold else f"{stamp.value} on the cover sheet",
                remedy="Find out which is right; mend the sidecar, or take the line out of it.",
            )


def link_editions(releases: Sequence[Release], source: Source) -> tuple[Release, ...]:
    """Order releases by publication; link each re-issue of a reference period to what it corrects.

    ``releases`` come in the order in which they came in: of two that say the same of themselves the later one counts,
    and a file that took the place of another under its name corrects it. Where a cover sheet tells the reference period
    no sidecar gives an edition, and editions are counted. Of such a source, with one reporter::

        came in   file     about     published     becomes
        1st       a.ods    2022-Q1   5 May 2022    edition 1, superseded by b.ods
        2nd       b.ods    2022-Q1   1 June 2022   edition 2
        3rd       c.ods    2022-Q2   4 Aug 2022    edition 1
    """
    editions_are_counted = "reference_period" in source.stamps
    place_of = {release.release_id: place for place, release in enumerate(releases)}

    def reference(release: Release) -> tuple[Any, ...]:
        return release.reporter, release.reference_start, release.reference_period

    def age(release: Release) -> tuple[Any, ...]:
        return release.published_on, release.edition, place_of[release.release_id]

    linked: dict[str, Release] = {}
    oldest_first = sorted(releases, key=lambda release: (*reference(release), *age(release)))
    for _, of_one_period in groupby(oldest_first, key=reference):
        issues = list(of_one_period)
        if editions_are_counted:
            issues = [replace(issue, edition=number) for number, issue in enumerate(issues, start=1)]
        issues.sort(key=lambda release: (release.edition, *age(release)))
        linked |= {issue.release_id: issue for issue in issues}
        for earlier, later in pairwise(issues):
            if later.edition > earlier.edition or later.file_name == earlier.file_name:
                linked[earlier.release_id] = replace(earlier, superseded_by=later.release_id)
    return tuple(sorted(linked.values(), key=age))


def _other_publisher_error(source: Source, texts: str) -> SourceFileError:
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


def _missing_field_error(name: str, field: str, meaning: str) -> SourceFileError:
    return SourceFileError(
        "no_" + field,
        file=name,
        expected=f"{field}, {meaning}, on the cover sheet or in the sidecar",
        found="neither",
        remedy=f"Write it into {name}.yaml beside the file, as a line `{field}: …`.",
    )
