"""What a hostile file is, and the tools with which each is made: nothing hostile is committed, only the makers."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from msoic_pipeline_tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "data" / "raw"

# What has to become of a hostile file.
#   refused:  a row of quarantine names it, without a release or with one that could not be parsed
#   rejected: the file is read, and rows or checks reject the release: quarantine names it, with or without a release
#   accepted: it is odd, and legitimate: it loads, with its donor's figures
#   either:   one of these; never passed over in silence
#   ignored:  one of these, or passed over (a hidden file, a folder): the run only has to survive it
Expected = Literal["refused", "rejected", "accepted", "either", "ignored"]
Group = Literal["xlsx", "xml", "archive", "ods", "csv", "sidecar", "name", "special", "heavy"]

# The good file of a source of which hostile ones are made, and the sidecar that fits it.
DONORS = {
    "cps": "cps/cps-data-summary-quarter-4-2021-2022.xlsx",
    "nrm": "nrm/national-referral-mechanism-statistics-uk-quarter-2-2022-april-to-june-tables.ods",
    "small_boats": "small_boats/small-boat-arrivals-time-series-14-july-2023.ods",
    "recorded_crime": "recorded_crime/prc-pfa-mar2013-onwards-tables201718.csv.gz",
    "force_returns": "force_returns/2021-01/e23000006-2021-01.xlsx",
    "programme_activity": "programme_activity/programme-activity-2021-22-q1.xlsx",
}
SIDECARS = {
    "cps": "reference_period: 2022-Q1\nedition: 1\nis_synthetic: true\n",
    "nrm": "reference_period: 2022-Q2\nedition: 1\nis_synthetic: true\n",
    "small_boats": "published_on: 2023-07-14\nreference_period: 2023-Q3\nedition: 1\nis_synthetic: true\n",
    "recorded_crime": "published_on: 2018-07-19\nreference_period: 2018-Q1\nedition: 1\nis_synthetic: true\n",
    "irregular_migration": "published_on: 2022-02-24\nreference_period: 2021-Q4\nedition: 1\nis_synthetic: true\n",
}


@dataclass(frozen=True)
class Place:
    """Where a hostile file goes: its source's folder below raw, and the text that its path has to contain."""

    raw: Path
    source: str
    name: str

    @property
    def folder(self) -> Path:
        return self.raw / self.source

    def path(self, suffix: str) -> Path:
        # The layouts of recorded crime know a CSV by its name, since its only sheet is called like it.
        prefix = "prc-" if ".csv" in suffix.lower() else ""
        return self.folder / f"{prefix}{self.name}{suffix}"

    def write(self, suffix: str, content: bytes, sidecar: str | bytes | None = None) -> Path:
        """Write the file with a sidecar beside it: the source's usual one where none is given, none where empty."""
        path = self.path(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        said = SIDECARS.get(self.source, "") if sidecar is None else sidecar
        if said:
            path.with_name(path.name + ".yaml").write_bytes(said if isinstance(said, bytes) else said.encode())
        return path


Lay = Callable[[Place], object]


@dataclass(frozen=True)
class Hostile:
    """A hostile file: ``name`` is in its path, ``lay`` makes it, ``during`` goes on beside the run."""

    name: str
    source: str
    group: Group
    description: str
    lay: Lay
    expected: Expected = "refused"
    during: Callable[[Place], AbstractContextManager[None]] | None = None

    @property
    def token(self) -> str:
        """What is in the path of this file and of no other."""
        return f"{self.name}_"

    def place(self, raw: Path) -> Place:
        return Place(raw, self.source, self.token)


HOSTILE: dict[str, Hostile] = {}


def register(
    name: str,
    source: str,
    group: Group,
    description: str,
    lay: Lay,
    expected: Expected = "refused",
    during: Callable[[Place], AbstractContextManager[None]] | None = None,
) -> None:
    """Add a hostile file to the registry. No token may be part of another, since files are told by it."""
    hostile = Hostile(name, source, group, description, lay, expected, during)
    clash = [each.name for each in HOSTILE.values() if hostile.token in each.token or each.token in hostile.token]
    assert not clash, f"{name} and {clash} cannot be told apart"
    HOSTILE[name] = hostile


# ---- zip archives ----------------------------------------------------------------------------------------------------


Parts = dict[str, bytes]


@cache
def _donor_parts(source: str) -> Parts:
    with zipfile.ZipFile(SAMPLE / DONORS[source]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def parts_of(source: str) -> Parts:
    """The parts of the good file of a source."""
    return dict(_donor_parts(source))


def donor_bytes(source: str) -> bytes:
    """The good file of a source."""
    return (SAMPLE / DONORS[source]).read_bytes()


def pack(parts: Mapping[str, bytes], comment: str, level: int = 9) -> bytes:
    """Make an archive; the comment sets its content apart from any other file's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, level)
        archive.comment = comment.encode()
    return buffer.getvalue()


def replaced(content: bytes, old: str, new: str, times: int = 1) -> bytes:
    """Replace a text that has to be there."""
    assert old.encode() in content, old
    return content.replace(old.encode(), new.encode("utf-8", "surrogatepass"), times)


def edited(source: str, part: str, *changes: tuple[str, str]) -> Lay:
    """The good file of a source with texts of one part replaced."""

    def lay(place: Place) -> None:
        parts = parts_of(source)
        for old, new in changes:
            parts[part] = replaced(parts[part], old, new)
        place.write(Path(DONORS[source]).suffix, pack(parts, place.name))

    return lay


@dataclass(frozen=True)
class RawEntry:
    """An entry of an archive that may lie about itself; what is left out is told as it is."""

    name: bytes
    content: bytes
    method: int = 8
    flags: int = 0
    declared_size: int | None = None
    declared_packed: int | None = None
    declared_crc: int | None = None
    offset: int | None = None  # where the directory says that it begins
    attributes: int = 0
    extra: bytes = b""


def raw_archive(entries: list[RawEntry], comment: bytes = b"") -> bytes:
    """Make an archive byte by byte, lies included."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(entry.content) + packer.flush() if entry.method == 8 else entry.content
        size = len(entry.content) if entry.declared_size is None else entry.declared_size
        packed_size = len(packed) if entry.declared_packed is None else entry.declared_packed
        crc = zlib.crc32(entry.content) if entry.declared_crc is None else entry.declared_crc
        where = len(body) if entry.offset is None else entry.offset
        common = struct.pack(
            "<HHHHHIIIHH",
            45,
            entry.flags,
            entry.method,
            0,
            33,
            crc,
            packed_size,
            size,
            len(entry.name),
            len(entry.extra),
        )
        body += b"PK\3\4" + common + entry.name + entry.extra + packed
        directory += (
            b"PK\1\2"
            + struct.pack("<H", 0x032D)
            + common
            + struct.pack("<HHHII", 0, 0, 0, entry.attributes, where)
            + entry.name
            + entry.extra
        )
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), len(comment))
    return bytes(body) + bytes(directory) + b"PK\5\6" + end + comment


def as_entries(parts: Mapping[str, bytes]) -> list[RawEntry]:
    """Honest entries of an archive."""
    return [RawEntry(name.encode(), content) for name, content in parts.items()]
