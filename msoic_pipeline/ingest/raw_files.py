"""What lies in the raw folder of a source: files that may be releases, their sidecars, and what is neither.

Nothing here reads what a file holds. Names are given as they can be shown (``texts.printable_name``).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.resource_limits import MAX_FILE_BYTES, MAX_SIDECAR_BYTES
from msoic_pipeline.texts import printable, printable_name
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import SUFFIXES

# Files that are no data: notes of people, and what their programs leave behind.
NO_DATA = (".yaml", ".md", ".txt")
# A file that was written to so lately may be growing still: it is looked at twice, so far apart.
SETTLING_SECONDS = 1.0


@dataclass(frozen=True)
class RawFile:
    """A regular file of the raw folder. ``name`` is its path below that folder, as it can be shown.

    Where a link of that name led to it, ``path`` is that of the file itself and ``link`` that of the link.
    """

    path: Path
    name: str
    link: Path | None = None

    def digest(self) -> str:
        """Return the SHA-256 of its content. Raises OSError where it cannot be read, SourceFileError if too large."""
        with open_regular(self.path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > MAX_FILE_BYTES:
                raise too_large_error(self.name, size)
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()

    def read_sidecar(self) -> bytes | None:
        """Return the content of the sidecar beside it; None where there is none.

        A link's own sidecar counts before the one beside what it leads to. Raises SourceFileError where one is there
        that cannot be read. Of a larger one only the beginning is returned, one byte more than is allowed.
        """
        own = None if self.link is None else _read_sidecar(sidecar_path(self.link), self.name)
        return own if own is not None else _read_sidecar(sidecar_path(self.path), self.name)


def _read_sidecar(sidecar: Path, file_name: str) -> bytes | None:
    """Return the content of a sidecar, told of as that of ``file_name``; as ``RawFile.read_sidecar``."""
    name = f"{file_name}.yaml"
    if len(os.fsencode(sidecar.name)) > os.pathconf(sidecar.parent, "PC_NAME_MAX"):
        return None  # no file of that name can be there
    try:
        if not stat.S_ISREG(sidecar.lstat().st_mode):
            raise _not_a_file_error(name, "a file", "something else")
        with open_regular(sidecar) as descriptor:
            return os.read(descriptor, MAX_SIDECAR_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise no_access_error(name, error) from error


@contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """Give the descriptor of a regular file: never follows a link, never waits for a pipe.

    Raises OSError where it is not a regular file or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def list_raw_files(raw_dir: Path, source: str) -> tuple[list[RawFile], list[SourceFileError]]:
    """Return the files of a source below ``raw_dir/<source>``, by name, and an error for each thing that is no file.

    A link that leads to a file within the raw folder is that file. Raises FileNotFoundError where the folder is not
    there.
    """
    folder = raw_dir / source
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    files: list[RawFile] = []
    problems: list[SourceFileError] = []
    for path, problem in _walk_folder(folder):
        name = "/".join([source, *map(printable_name, path.relative_to(folder).parts)])
        if problem is not None:
            problems.append(no_access_error(name, problem))
            continue
        try:
            file = _find_file(path, name, raw_dir)
        except SourceFileError as error:
            problems.append(error)
        except OSError as error:
            problems.append(no_access_error(name, error))
        else:
            if file is not None:
                files.append(file)
    files.sort(key=lambda file: file.name)
    return files, [*problems, *_find_orphaned_sidecars(folder, source)]


def find_paths_shown_as(raw_dir: Path, name: str) -> list[Path]:
    """Return what stands below the raw folder under names that are shown as ``name``; mostly one, or none."""
    paths = [raw_dir]
    for part in name.split("/"):
        folders = [path for path in paths if path.is_dir()]
        paths = [path for folder in folders for path in folder.iterdir() if printable_name(path.name) == part]
    return paths


def _walk_folder(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """Yield all that lies below ``folder`` but folders, and each folder that cannot be looked into with the error."""
    failed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=failed.append):
        for error in failed:
            yield Path(error.filename or parent), error
        failed.clear()
        here = Path(parent)
        folders.sort()
        yield from ((here / name, None) for name in sorted(names))
        # os.walk counts links to folders among the folders, and does not enter them.
        yield from ((here / name, None) for name in folders if (here / name).is_symlink())
        yield from ((here / name, None) for name in folders if name.lower().endswith(SUFFIXES))
    for error in failed:
        yield Path(error.filename or folder), error


def _find_file(path: Path, name: str, raw_dir: Path) -> RawFile | None:
    """Return the file that ``path`` is; None where it is no data. Raises SourceFileError where it is no file."""
    if path.name.startswith(".") or path.suffix.lower() in NO_DATA:
        return None
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = Path(os.path.realpath(path))  # unlike Path.resolve it survives a link that leads to itself
        if not target.is_relative_to(os.path.realpath(raw_dir)):
            raise _not_a_file_error(name, "a file of the raw folder", "a link that leads out of it")
        if target.is_symlink() or not target.is_file():
            raise _not_a_file_error(name, "a file", "a link that leads to none")
        return RawFile(target, name, link=path)
    if stat.S_ISDIR(mode):
        raise _not_a_file_error(name, "a file", "a folder called like one")
    if not stat.S_ISREG(mode):
        raise _not_a_file_error(name, "a file", "a pipe, a socket or a device")
    return RawFile(path, name)


@dataclass(frozen=True)
class _SizeAndTime:
    """How large a file is, and when it was last written to, in nanoseconds since 1970."""

    size: int
    changed_at: int


def find_growing(files: list[RawFile]) -> set[RawFile]:
    """Return those of ``files`` that somebody is writing to.

    A file that was changed lately, by the clock of this machine or of another, is looked at again after a second.
    """
    settled_before = (time.time() - SETTLING_SECONDS) * 1e9
    first_look = {file: _look_at(file) for file in files}
    changed_lately = [file for file, look in first_look.items() if look and look.changed_at > settled_before]
    if changed_lately:
        time.sleep(SETTLING_SECONDS)
    return {file for file in changed_lately if _look_at(file) != first_look[file]}


def _look_at(file: RawFile) -> _SizeAndTime | None:
    """Return a file's size and time; None where it is gone."""
    try:
        status = file.path.stat()
    except OSError:
        return None
    return _SizeAndTime(status.st_size, status.st_mtime_ns)


def _find_orphaned_sidecars(folder: Path, source: str) -> list[SourceFileError]:
    """Return an error for each sidecar whose file is not there: the file may have been renamed."""
    errors = []
    for path, problem in _walk_folder(folder):
        is_sidecar = problem is None and path.suffix == ".yaml" and not path.name.startswith(".")
        if is_sidecar and not os.path.lexists(path.with_suffix("")):
            name = "/".join([source, *map(printable_name, path.relative_to(folder).parts)])
            errors.append(
                SourceFileError(
                    "sidecar_without_file",
                    file=name,
                    expected=f"the file {printable_name(path.stem)} beside its sidecar",
                    found="no such file",
                    remedy="Rename or remove the sidecar.",
                )
            )
    return errors


def _not_a_file_error(name: str, expected: str, found: str) -> SourceFileError:
    return SourceFileError(
        "not_a_file", file=name, expected=expected, found=found, remedy="Put the file itself there, or remove it."
    )


def too_large_error(name: str, size: int) -> SourceFileError:
    """Return the error that a file is larger than any may be."""
    return SourceFileError(
        "refused_file",
        file=name,
        expected=f"at most {MAX_FILE_BYTES:,} bytes",
        found=f"{size:,} bytes",
        remedy="The file is not read. If it is genuine, raise the limit in msoic_pipeline/resource_limits.py.",
    )


def no_access_error(name: str, error: OSError) -> SourceFileError:
    """Return the error that the system did not let us read a file or a folder: the machine's, not the publisher's.

    Where it was the copy of it that could not be written, the folder of the copy is named too.
    """
    found = error.strerror or str(error)
    is_elsewhere = error.filename is not None and not os.fsdecode(error.filename).endswith(name)
    if is_elsewhere:
        found = f"{found}: {printable(os.fsdecode(error.filename))}"
    return SourceFileError(
        "no_access",
        file=name,
        expected="a file or folder that the pipeline may read and keep a copy of",
        found=found,
        remedy="This is a matter of the machine, not of what the file holds: mend its rights or its disk.",
    )
