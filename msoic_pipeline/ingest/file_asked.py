"""A file that is to be read, and what is known of it before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


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


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
