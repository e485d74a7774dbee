"""Which layout fits each sheet of a file, and where none does, what differs and which lines would accept it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from msoic_pipeline.workbooks.grid import Sheet, open_workbook
from msoic_pipeline.workbooks.headers import HEADER_SEARCH_ROWS, Match, match_sheet
from msoic_pipeline.workbooks.matching import Candidate, fits_sheet_text, list_candidates, propose_lines
from msoic_pipeline.workbooks.source import Source

# A sheet that is known by no text is likened to the nearest one where at least this share of the headers is there.
LIKENESS = 0.6


def explain(path: Path, source: Source, reference_quarter: dt.date) -> Iterator[str]:
    """Yield lines that say of each sheet of a file which layout of ``source`` reads it, or why none does.

    Raises SourceFileError where the file cannot be read at all.
    """
    workbook = open_workbook(path)
    try:
        for name in workbook.sheet_names:
            yield from _explain_sheet(workbook.read_head(name, HEADER_SEARCH_ROWS), source, reference_quarter)
    finally:
        workbook.close()


def _explain_sheet(head: Sheet, source: Source, reference_quarter: dt.date) -> Iterator[str]:
    """Yield lines that say which layout reads a sheet, of which ``head`` are the first rows, or why none does."""
    candidates = list_candidates(source)
    attempts = [
        match_sheet(head, table, layout, reference_quarter)
        for table, layout in candidates
        if fits_sheet_text(head, layout)
    ]
    valid = [attempt for attempt in attempts if attempt.layout.releases.holds(reference_quarter)]
    fitting = [attempt for attempt in valid if attempt.fits]
    if len(fitting) > 1:
        names = ", ".join(_name_layout(match) for match in fitting)
        yield f"{head.name}: AMBIGUOUS: fits {names}; give them texts that tell them apart"
    elif fitting:
        yield from _tell_fit(head.name, fitting[0])
    elif attempts:
        nearest = max(attempts, key=lambda attempt: attempt.nearness)
        yield from _tell_differences(head.name, nearest, source, reference_quarter)
    else:
        yield _tell_unknown(head, candidates, reference_quarter)


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
        yield f"    to accept it, in {source.layout_file}: {proposal}"


def _tell_unknown(head: Sheet, candidates: list[Candidate], reference_quarter: dt.date) -> str:
    matches = [match_sheet(head, table, layout, reference_quarter) for table, layout in candidates]
    nearest = max(matches, key=_share_of_headers)
    if _share_of_headers(nearest) < LIKENESS:
        return f"{head.name}: known by no layout's text (cover, notes, or a table that is not loaded)"
    return (
        f"{head.name}: known by no layout's text, though its headers resemble {_name_layout(nearest)}: if it is that "
        "table, add its text to sheet.title or sheet.name there"
    )


def _share_of_headers(match: Match) -> float:
    """Return which share of its headers a reading found; a little less, so that of few headers all are not enough."""
    return match.matched / (match.matched + len(match.differences) + 1)


def _name_layout(match: Match) -> str:
    return f"{match.table.table}/{match.layout.layout}"
