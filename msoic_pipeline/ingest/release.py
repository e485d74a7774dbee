"""A release: a file as published."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from msoic_pipeline.periods import last_quarter


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


def release_id_of(source: str, sha256: str) -> str:
    """Return the name of the release that a file of a source is, by its content."""
    return f"{source}-{sha256[:10]}"
