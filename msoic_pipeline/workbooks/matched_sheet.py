"""A sheet on its way from the layout that fits it to tidy rows."""

from __future__ import annotations

from dataclasses import dataclass

from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.source import Source


@dataclass(frozen=True)
class MatchedSheet:
    """A sheet, where its header and its columns stand, its source, and what errors call its file."""

    sheet: Sheet
    match: Match
    source: Source
    file: str
