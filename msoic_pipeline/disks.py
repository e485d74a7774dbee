"""Writing so that a file is there whole or not at all, and errors of writing that say where."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What is half made begins or ends so: nothing reads it, and it may be swept away.
PARTIAL = ".partial"


@contextmanager
def writing_below(folder: Path) -> Iterator[None]:
    """Add the folder to an OSError that names no file, so that its words say which disk is full or read-only.

    The operating system names no file when a disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from error


@contextmanager
def file_written_aside(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give a path beside ``path`` to write a file to, which takes its place at the end: it is whole or not at all.

    With a ``mode``, such as 0o600, an empty file of that mode stands there already, so that at no time anybody else can
    open it.
    """
    aside = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with writing_below(path.parent):
            if mode is not None:
                aside.unlink(missing_ok=True)
                os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
            yield aside
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def replace_file(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Let a file hold ``content``: all of it, or what it held before; with a ``mode`` it has that from the first."""
    with file_written_aside(path, mode) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def folder_written_aside(folder: Path) -> Iterator[Path]:
    """Give a folder beside ``folder`` to write to, which takes its place at the end: it is whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}-", dir=folder.parent))
    try:
        with writing_below(folder.parent):
            yield aside
            if folder.exists():
                shutil.rmtree(folder)
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
