"""Errors of writing that say where: the operating system names no file when a disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing_below(folder: Path) -> Iterator[None]:
    """Add the folder to an OSError that names no file, so that its words say which disk is full or read-only."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from error
