"""Landed: registers the files as published, each known by its SHA-256, and refuses what is not of its source.

When a file was published, and what it is about, comes from the sidecar beside it (``<file>.yaml``) or from the
workbook's own cover sheet; never from the file's modification time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import yaml

from msoic_pipeline.model import members
from msoic_pipeline.periods import last_quarter, parse_period, period_label
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Workbook, a1, open_workbook
from msoic_pipeline.workbooks.layout import SOURCES, Source, Stamp, layout_digest, load_source
from msoic_pipeline.workbooks.texts import clean, is_blank
from msoic_pipeline.workbooks.values import parse_date, parser

COVER_ROWS = 40
COVER_SHEETS = 3


@dataclass(frozen=True)
class Release:
    """A file as published; the fields are those of the table ``release``. ``reference_start`` starts the reference period."""

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

    @property
    def reference_quarter(self) -> dt.date:
        """First day of the last quarter that the release is about."""
        return last_quarter(self.reference_period)


@dataclass(frozen=True)
class Landing:
    """The files of one source: those recognised, in order of publication, and those refused."""

    releases: tuple[Release, ...]
    refused: tuple[SourceFileError, ...]


def land_source(raw_dir: Path, source: Source, staging_dir: Path) -> Landing:
    """Register every file below ``raw_dir/<source>``.

    A file that cannot be read, is of another publisher or does not say when it was published is refused, with the
    reason; the others land. What was recognised is remembered below ``staging_dir``, so that a file is opened once.
    """
    memory = _Memory(staging_dir / source.source / "landed.json", source)
    releases: list[Release] = []
    refused: list[SourceFileError] = []
    folder = raw_dir / source.source
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.suffix in (".yaml", ".md", ".txt"):
            continue
        try:
            release = memory.recall(path, raw_dir) or memory.keep(path, land_file(path, raw_dir, source))
            twin = next((other for other in releases if other.sha256 == release.sha256), None)
            if twin:
                raise SourceFileError(
                    "duplicate_file",
                    file=release.file_name,
                    expected="a file that has not been landed before",
                    found=f"the very content of {twin.file_name}",
                    remedy="Remove one of the two.",
                )
            releases.append(release)
        except SourceFileError as error:
            error.file = str(path.relative_to(raw_dir))
            refused.append(error)
    memory.save()
    return Landing(tuple(_link_editions(releases, source)), tuple(refused))


class _Memory:
    """What was recognised before, by file, sidecar, layouts and the code that recognises."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._rules = layout_digest(source.source) + file_digest(Path(__file__)) + members.digest()
        self._new: dict[str, dict[str, Any]] = {}
        try:
            self._old: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._old = {}

    def _key(self, path: Path) -> str:
        sidecar = sidecar_path(path)
        said = sidecar.read_bytes() if sidecar.is_file() else b""
        return hashlib.sha256((self._rules + file_digest(path)).encode() + said).hexdigest()

    def recall(self, path: Path, raw_dir: Path) -> Release | None:
        """Return the release that the file was recognised as, if it was."""
        key = self._key(path)
        fields = self._old.get(key)
        if fields is None:
            return None
        self._new[key] = fields
        days = {name: dt.date.fromisoformat(fields[name]) for name in ("published_on", "reference_start")}
        return Release(**(fields | days | {"file_name": path.relative_to(raw_dir).as_posix()}))

    def keep(self, path: Path, release: Release) -> Release:
        """Remember a release, and return it."""
        self._new[self._key(path)] = asdict(release)
        return release

    def save(self) -> None:
        """Write what is remembered of the files that are there."""
        if self._new != self._old:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside = self._path.with_suffix(".partial")
            aside.write_text(json.dumps(self._new, default=str), encoding="utf-8")
            aside.replace(self._path)


def land_file(path: Path, raw_dir: Path, source: Source) -> Release:
    """Return the release that a file is. Raises SourceFileError where it is not one of ``source``."""
    sha256 = file_digest(path)
    workbook = open_workbook(path)
    try:
        cover = _cover(workbook)
    finally:
        workbook.close()
    texts = _recognisable(workbook, cover)
    if not source.recognises(texts):
        raise _not_of_source(path, source, texts)
    said = _read_stamps(path, source, cover) | _read_sidecar(path)
    if "published_on" not in said:
        raise _needs_sidecar(path, "published_on", "the date of publication")
    if "reference_period" not in said:
        raise _needs_sidecar(path, "reference_period", "the last period that the file is about, such as 2021-Q4")
    kind, start = parse_period(str(said["reference_period"]))
    return Release(
        release_id=f"{source.source}-{sha256[:10]}",
        source=source.source,
        title=str(said.get("title") or source.title),
        publisher=source.publisher,
        published_on=said["published_on"],
        reference_period=period_label(kind, start),
        reference_start=start,
        edition=int(said.get("edition", 1)),
        reporter=str(said.get("reporter", "")),
        file_name=path.relative_to(raw_dir).as_posix(),
        sha256=sha256,
        is_synthetic=bool(said.get("is_synthetic", False)) or source.synthetic_mark.casefold() in texts.casefold(),
        note=str(said.get("note") or ""),
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sidecar_path(path: Path) -> Path:
    """Return the path of the file that says what ``path`` does not say of itself."""
    return path.with_name(path.name + ".yaml")


def _cover(workbook: Workbook) -> list[tuple[str, str, Any, Any]]:
    """Return the filled cells of the first sheets' first rows: sheet, address, value, and the next cell's value."""
    cells = []
    for name in workbook.sheet_names[:COVER_SHEETS]:
        for row, values in enumerate(workbook.sheet(name, rows=COVER_ROWS).rows):
            for column, value in enumerate(values):
                if not is_blank(value):
                    following = values[column + 1] if column + 1 < len(values) else ""
                    cells.append((name, a1(row, column), value, following))
    return cells


def _recognisable(workbook: Workbook, cover: Iterable[tuple[str, str, Any, Any]]) -> str:
    return " ".join([*workbook.sheet_names, *(clean(value) for _, _, value, _ in cover if isinstance(value, str))])


def _read_sidecar(path: Path) -> dict[str, Any]:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    try:
        said = yaml.safe_load(sidecar.read_text(encoding="utf-8")) or {}
        if not isinstance(said, dict):
            raise ValueError("it is not a list of `name: value` lines")
        if "published_on" in said:
            said["published_on"] = parse_date(said["published_on"])
        if "reference_period" in said:
            parse_period(str(said["reference_period"]))
    except (yaml.YAMLError, ValueError) as error:
        raise SourceFileError(
            "unreadable_sidecar",
            file=sidecar.name,
            expected="lines such as `published_on: 2022-03-03` and `reference_period: 2021-Q4`",
            found=str(error),
            remedy="Mend the sidecar.",
        ) from error
    return said


def _read_stamps(path: Path, source: Source, cover: list[tuple[str, str, Any, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
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
                    file=path.name,
                    sheet=sheet,
                    cell=cell,
                    expected=f"{stamp.label}: {error}",
                    found=repr(clean(found)),
                    remedy="Mend the cover sheet.",
                ) from error
            if field == "reference_period":
                read = period_label({"month": "month"}.get(stamp.parse, "quarter"), read)
            said[field] = read
            break
    return said


def _after_label(stamp: Stamp, value: Any, following: Any) -> Any:
    """Return what a cover sheet says after a label: in the same cell after a colon, or in the next cell."""
    if not isinstance(value, str):
        return None
    label, colon, rest = clean(value).partition(":")
    if label.casefold() != stamp.label.casefold():
        return None
    return rest.strip() if colon and rest.strip() else (None if is_blank(following) else following)


def _link_editions(releases: list[Release], source: Source) -> list[Release]:
    """Order releases by publication; link each re-issue of a reference period to what it corrects."""
    describes_itself = "reference_period" in source.stamps
    order = sorted(
        releases, key=lambda r: (r.reporter, r.reference_start, r.reference_period, r.published_on, r.edition, r.sha256)
    )
    linked: dict[str, Release] = {release.release_id: release for release in order}
    for _, group in groupby(order, key=lambda r: (r.reporter, r.reference_period)):
        members = list(group)
        if describes_itself:
            members = [replace(member, edition=number) for number, member in enumerate(members, start=1)]
            linked |= {member.release_id: member for member in members}
        members.sort(key=lambda r: r.edition)
        for earlier, later in pairwise(members):
            if later.edition > earlier.edition:
                linked[earlier.release_id] = replace(earlier, superseded_by=later.release_id)
    return sorted(linked.values(), key=lambda r: (r.published_on, r.edition, r.file_name))


def _not_of_source(path: Path, source: Source, texts: str) -> SourceFileError:
    others = [name for name in SOURCES if name != source.source and load_source(name).recognises(texts)]
    found = f"a file of {load_source(others[0]).title!r}" if others else "a file that does not say so anywhere"
    where = f"Move it to {others[0]}/" if others else "Remove it from this folder"
    return SourceFileError(
        "other_publisher",
        file=path.name,
        expected=f"a file of {source.title!r}",
        found=found,
        remedy=f"{where}; if it is of this source, add its text to recognise in msoic_pipeline/sources/{source.source}/layouts.yaml.",
    )


def _needs_sidecar(path: Path, field: str, meaning: str) -> SourceFileError:
    return SourceFileError(
        "no_" + field,
        file=path.name,
        expected=f"{field}, {meaning}, on the cover sheet or in the sidecar",
        found="neither",
        remedy=f"Write it into {sidecar_path(path).name} beside the file, as a line `{field}: …`.",
    )
