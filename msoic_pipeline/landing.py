"""Landed: registers the files as published, each known by its SHA-256, and refuses what is not of its source.

When a file was published, and what it is about, comes from the sidecar beside it (``<file>.yaml``) or from the
workbook's own cover sheet, which may not contradict each other; never from the file's modification time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import yaml

from msoic_pipeline.model import members
from msoic_pipeline.periods import last_quarter, parse_period, period_label
from msoic_pipeline.texts import clean, is_blank
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import SUFFIXES, Workbook, a1, open_workbook
from msoic_pipeline.workbooks.layout import SOURCES, Source, Stamp, layout_digest, load_source
from msoic_pipeline.workbooks.values import parse_count, parse_date, parse_flag, parser

COVER_ROWS = 40
COVER_SHEETS = 3


def _parse_edition(value: Any) -> int:
    edition = parse_count(value)
    if edition < 1:
        raise ValueError("a whole number from 1")
    return edition


# What a sidecar may say, and how each is read.
SIDECAR_FIELDS: dict[str, Callable[[Any], Any]] = {
    "title": clean,
    "published_on": parse_date,
    "reference_period": parser("period"),
    "edition": _parse_edition,
    "is_synthetic": parse_flag,
    "note": clean,
    "url": clean,
}


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
                    file=path.name,
                    expected="a file that has not been landed before",
                    found=f"the very content of {twin.file_name}",
                    remedy="Remove one of the two.",
                )
            releases.append(release)
        except SourceFileError as error:
            error.file = (path.parent / error.file).relative_to(raw_dir).as_posix()
            refused.append(error)
    refused += _orphans(folder, raw_dir)
    memory.save()
    return Landing(tuple(_link_editions(releases, source)), tuple(refused))


class _Memory:
    """What was recognised before, by file, sidecar, layouts and the code that recognises."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._rules = layout_digest(source) + members.digest() + code_digest()
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
    stamped, sidecar = _read_stamps(path, source, cover), _read_sidecar(path)
    _refuse_contradiction(path, stamped, sidecar)
    said = {field: value for field, (value, _, _) in stamped.items()} | sidecar
    if "published_on" not in said:
        raise _needs_sidecar(path, "published_on", "the date of publication")
    if "reference_period" not in said:
        raise _needs_sidecar(path, "reference_period", "the last period that the file is about, such as 2021-Q4")
    period = said["reference_period"]
    _, start = parse_period(period)
    if start > said["published_on"]:
        raise SourceFileError(
            "contradictory_date",
            file=path.name,
            expected="a reference period that had begun when the file was published",
            found=f"reference_period {period}, published_on {said['published_on']}",
            remedy=f"Mend whichever is wrong, in {sidecar_path(path).name} or on the cover sheet.",
        )
    return Release(
        release_id=f"{source.source}-{sha256[:10]}",
        source=source.source,
        title=str(said.get("title") or source.title),
        publisher=source.publisher,
        published_on=said["published_on"],
        reference_period=period,
        reference_start=start,
        edition=said.get("edition", 1),
        reporter=str(said.get("reporter", "")),
        file_name=path.relative_to(raw_dir).as_posix(),
        sha256=sha256,
        is_synthetic=said.get("is_synthetic", False) or source.synthetic_mark.casefold() in texts.casefold(),
        note=str(said.get("note") or ""),
    )


@cache
def code_digest() -> str:
    """Return a digest of the code that reads files: when it changes, they are read anew."""
    folder = Path(__file__).parent
    own = ("landing.py", "faults.py", "sheet_checks.py", "staging.py", "periods.py", "texts.py")
    names = (*own, "model/arrow.py", "model/facts.py", "model/members/__init__.py")
    paths = [*(folder / name for name in names), *sorted((folder / "workbooks").glob("*.py"))]
    return hashlib.sha256("".join(map(file_digest, paths)).encode()).hexdigest()


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


def recognise(path: Path) -> Source | None:
    """Return the source that a file says it is of; None where it says so of none, or of several.

    Raises SourceFileError where the file cannot be read.
    """
    workbook = open_workbook(path)
    try:
        texts = _recognisable(workbook, _cover(workbook))
    finally:
        workbook.close()
    known = [source for source in map(load_source, SOURCES) if source.recognises(texts)]
    return known[0] if len(known) == 1 else None


def _recognisable(workbook: Workbook, cover: Iterable[tuple[str, str, Any, Any]]) -> str:
    return " ".join([*workbook.sheet_names, *(clean(value) for _, _, value, _ in cover if isinstance(value, str))])


def _read_sidecar(path: Path) -> dict[str, Any]:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    try:
        written = yaml.safe_load(sidecar.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable_sidecar(sidecar, "lines such as `edition: 1`", str(error)) from error
    if not isinstance(written, dict):
        raise _unreadable_sidecar(sidecar, "lines such as `edition: 1`", repr(written))
    said: dict[str, Any] = {}
    for field, value in written.items():
        if field not in SIDECAR_FIELDS:
            raise _unreadable_sidecar(sidecar, f"names among {', '.join(SIDECAR_FIELDS)}", repr(field))
        try:
            said[field] = SIDECAR_FIELDS[field](value)
        except ValueError as error:
            raise _unreadable_sidecar(sidecar, f"{field} to be {error}", repr(value)) from error
    return said


def _unreadable_sidecar(sidecar: Path, expected: str, found: str) -> SourceFileError:
    return SourceFileError(
        "unreadable_sidecar", file=sidecar.name, expected=expected, found=found, remedy="Mend the sidecar."
    )


def _read_stamps(path: Path, source: Source, cover: list[tuple[str, str, Any, Any]]) -> dict[str, tuple[Any, str, str]]:
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
                    file=path.name,
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


def _refuse_contradiction(path: Path, stamped: dict[str, tuple[Any, str, str]], sidecar: dict[str, Any]) -> None:
    for field, (value, sheet, cell) in stamped.items():
        if field in sidecar and sidecar[field] != value:
            raise SourceFileError(
                "contradictory_date",
                file=path.name,
                sheet=sheet,
                cell=cell,
                expected=f"the {field} of the sidecar {sidecar_path(path).name}, {sidecar[field]}",
                found=f"{value} on the cover sheet",
                remedy="Find out which is right; mend the sidecar, or take the line out of it.",
            )


def _orphans(folder: Path, raw_dir: Path) -> list[SourceFileError]:
    """Return an error for each sidecar whose file is not there: the file may have been renamed."""
    return [
        SourceFileError(
            "sidecar_without_file",
            file=sidecar.relative_to(raw_dir).as_posix(),
            expected=f"the file {sidecar.stem} beside its sidecar",
            found="no such file",
            remedy="Rename or remove the sidecar.",
        )
        for sidecar in sorted(folder.rglob("*.yaml"))
        if sidecar.stem.lower().endswith(SUFFIXES) and not sidecar.with_suffix("").is_file()
    ]


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
        issues = list(group)
        if describes_itself:
            issues = [replace(issue, edition=number) for number, issue in enumerate(issues, start=1)]
            linked |= {issue.release_id: issue for issue in issues}
        issues.sort(key=lambda r: r.edition)
        for earlier, later in pairwise(issues):
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
        remedy=f"{where}; if it is of this source, add its text to recognise in "
        f"msoic_pipeline/sources/{source.source}/layouts.yaml.",
    )


def _needs_sidecar(path: Path, field: str, meaning: str) -> SourceFileError:
    return SourceFileError(
        "no_" + field,
        file=path.name,
        expected=f"{field}, {meaning}, on the cover sheet or in the sidecar",
        found="neither",
        remedy=f"Write it into {sidecar_path(path).name} beside the file, as a line `{field}: …`.",
    )
