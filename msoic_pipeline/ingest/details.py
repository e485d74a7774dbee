"""What is said of a release, by its sidecar or by its own cover sheet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Details:
    """What a sidecar or a cover sheet says of a release; None where it does not say so."""

    title: str | None = None
    published_on: dt.date | None = None
    reference_period: str | None = None
    edition: int | None = None
    reporter: str | None = None
    is_synthetic: bool | None = None
    note: str | None = None
    url: str | None = None

    def filled_from(self, other: Details) -> Details:
        """Return these details, and those of ``other`` for what these do not say."""
        merged = {}
        for field in fields(self):
            own = getattr(self, field.name)
            merged[field.name] = getattr(other, field.name) if own is None else own
        return Details(**merged)
