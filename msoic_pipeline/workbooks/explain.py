"""Which layout fits each sheet of a file, and where none does, what differs and which lines would accept it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from msoic_pipeline.workbooks.grid import Sheet, open_workbook
from msoic_pipeline.workbooks.headers import HEADER_SEARCH_ROWS, Match, match_sheet
from msoic_pipeline.workbooks.matching import Candidate, fits_sheet_text, propose_lines
from msoic_pipeline.workbooks.source import Source

# A sheet that is known by no text is likened to the nearest one where at least this share of the headers is there.
LIKENESS = 0.6


def explain(path: Path, source: Source, reference_quarter: dt.date) -> Iterator[str]:
    """Yield lines that say of each sheet of a file which layout of ``source`` reads it, or why none does.

    Raises SourceFileError where the file cannot be read at all.
    """
    workbook = open_workbook(path)
    candidates = [(table, layout) for table in source.tables for layout in table.layouts]
    for name in workbook.sheet_names:
        head = workbook.head(name, HEADER_SEARCH_ROWS)
        attempts = [
            match_sheet(head, table, layout, reference_quarter)
            for table, layout in candidates
            if fits_sheet_text(head, layout)
        ]
        valid = [attempt for attempt in attempts if attempt.layout.releases.holds(reference_quarter)]
        fitting = [attempt for attempt in valid if attempt.fits]
        if len(fitting) > 1:
            names = ", ".join(_layout_name(match) for match in fitting)
            yield f"{name}: AMBIGUOUS: fits {names}; give them texts that tell them apart"
        elif fitting:
            yield from _tell_fit(name, fitting[0])
        elif attempts:
            nearest = max(attempts, key=lambda attempt: attempt.nearness)
            yield from _tell_differences(name, nearest, source, reference_quarter)
        else:
            yield _tell_unknown(name, head, candidates, reference_quarter)
    workbook.close()


def _tell_fit(name: str, match: Match) -> Iterator[str]:
    patterns = {"name": match.layout.sheet.name, "title": match.layout.sheet.title}
    why = " and ".join(f"its {kind} fits {pattern!r}" for kind, pattern in patterns.items() if pattern)
    yield f"{name}: table {match.table.table}, layout {match.layout.layout}, since {why}"
    columns = f"{len(match.labels)} label columns, {len(match.figures)} columns of figures"
    yield f"    header in row {match.header_row + 1}: {columns}"


def _tell_differences(name: str, match: Match, source: Source, reference_quarter: dt.date) -> Iterator[str]:
    yield f"{name}: NOT READ: by its text it is of table {match.table.table}, layout {match.layout.layout}, but"
    if not match.layout.releases.holds(reference_quarter):
        yield f"    that layout does not hold for a release about the quarter from {reference_quarter}"
    for difference in match.differences:
        yield f"    {difference.words(source.sensitive)}"
    proposal = "" if source.sensitive else propose_lines(match)
    if proposal:
        yield f"    to accept it, in msoic_pipeline/sources/{source.source}/layouts.yaml: {proposal}"


def _tell_unknown(name: str, head: Sheet, candidates: list[Candidate], reference_quarter: dt.date) -> str:
    matches = [match_sheet(head, table, layout, reference_quarter) for table, layout in candidates]
    nearest = max(matches, key=_share_of_headers)
    if _share_of_headers(nearest) < LIKENESS:
        return f"{name}: known by no layout's text (cover, notes, or a table that is not loaded)"
    return (
        f"{name}: known by no layout's text, though its headers resemble {_layout_name(nearest)}: if it is that table, "
        "add its text to sheet.title or sheet.name there"
    )


def _share_of_headers(match: Match) -> float:
    """Return which share of its headers a reading found; a little less, so that of few headers all are not enough."""
    return match.matched / (match.matched + len(match.differences) + 1)


def _layout_name(match: Match) -> str:
    return f"{match.table.table}/{match.layout.layout}"
