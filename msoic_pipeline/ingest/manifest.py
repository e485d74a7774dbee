"""What the manifest of a staged release tells: what was read, from where, and what the checks within the file found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.workbooks.counts import Counts


@dataclass(frozen=True)
class SheetRead:
    """How a sheet was read, through which layout of which table, and where its rows and figures went.

    ``header_row_number`` is the first row of the header as a person counts, from 1.
    """

    sheet: str
    table: str
    layout: str
    header_row_number: int
    counts: Counts


@dataclass(frozen=True)
class StagedVintage:
    """Of a period and a breakdown, how many rows a release has: a row of ``vintage``, but for when it was superseded.

    ``period_start`` is the first day of the month where the fact tells months, else of the quarter.
    """

    fact: str
    breakdown: str
    period_start: dt.date
    quarter_start: dt.date
    reporter: str
    release_id: str
    published_on: dt.date
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a release's folder tells of its tables.

    ``rows_by_fact`` has the fact tables that it fills. ``undeclared_rejects`` is how many rows or cells were left out
    though no known fault asks for it; ``unlisted``, by rule, how many of them are not among the rejects that are
    listed. ``replaced_cells`` are the known faults by which another text was read.
    """

    release_id: str
    sheets: tuple[SheetRead, ...] = ()
    counts: Counts = field(default_factory=Counts)
    rows_by_fact: dict[str, int] = field(default_factory=dict)
    vintages: tuple[StagedVintage, ...] = ()
    undeclared_rejects: int = 0
    unlisted: dict[str, int] = field(default_factory=dict)
    replaced_cells: tuple[Fault, ...] = ()
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> bytes:
        """Return what ``from_json`` makes the manifest of again."""
        return _MANIFEST.dump_json(self)

    @classmethod
    def from_json(cls, written: bytes) -> Manifest:
        """Return the manifest that was written as JSON. Raises ValueError where it is none."""
        return _MANIFEST.validate_json(written)


_MANIFEST = TypeAdapter(Manifest)
