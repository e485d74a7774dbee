"""Where each figure of the report comes from: the same facts, files, sheets and cells as ``msoic trace`` names.

They are written into the report itself, small enough for that: cells that follow each other are one range, and what is
said of a KPI or a file is said once.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.known_values import KnownValue
from msoic_pipeline.kpis.lineage import FactRow, find_facts
from msoic_pipeline.kpis.standing_facts import Span
from msoic_pipeline.kpis.wanted import WantedTerm, are_in_geography, list_terms
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.report.shown import MARKS, ShownFigure, tell_unit
from msoic_pipeline.workbooks.addresses import a1, from_a1


@dataclass(frozen=True)
class ReleaseSaid:
    """What the report says of a release: a row of ``release``, as far as a reader wants it."""

    release_id: str
    source: str
    title: str
    publisher: str
    published_on: dt.date
    reference_period: str
    file_name: str
    sha256: str
    is_synthetic: bool
    status: str
    edition: int
    reporter: str
    superseded_by: str | None


def read_releases(connection: Connection, as_at: dt.date | None) -> dict[str, ReleaseSaid]:
    """Return the releases that had been published by a day (None: all), by their id."""
    columns = [release.c[name.name] for name in fields(ReleaseSaid)]
    query = sa.select(*columns).order_by(release.c.source, release.c.published_on, release.c.release_id)
    if as_at:
        query = query.where(release.c.published_on <= as_at)
    return {row["release_id"]: ReleaseSaid(**row) for row in connection.execute(query).mappings()}


class Asked:
    """The figures of a report of which a reader can ask where they come from, and what is told of each.

    Where it is not internal, returns are counted and not named: which forces returned nothing is theirs to tell.
    """

    def __init__(
        self,
        connection: Connection,
        releases: dict[str, ReleaseSaid],
        as_at: dt.date | None,
        *,
        is_internal: bool = False,
    ) -> None:
        self._connection = connection
        self._is_internal = is_internal
        self._all_releases = releases
        self._as_at = as_at
        self._figures: dict[str, dict[str, Any]] = {}
        self._kpis: dict[str, dict[str, Any]] = {}
        self._releases_of: dict[str, set[str]] = {}
        # A term is the same for all figures that sum the same facts: it is looked up, and told, once.
        self._terms: list[dict[str, Any]] = []
        self._releases_of_terms: list[set[str]] = []
        self._term_numbers: dict[tuple[str, str, Span, str, str], int] = {}

    def add(self, figure: ShownFigure) -> str:
        """Note where a figure comes from, unless it is noted; return the name by which the page asks for it."""
        name = figure.name
        if name not in self._figures:
            self._kpis.setdefault(figure.kpi.kpi_id, _describe_kpi(figure.kpi))
            self._releases_of[name] = set()
            self._figures[name] = self._describe_figure(figure)
        return name

    def list_releases_behind(self, figures: Iterable[ShownFigure]) -> list[ReleaseSaid]:
        """Return the releases behind figures that are noted, in order of publication.

        A zero may stand in no cell, since its release lists nothing of the kind: behind it are the releases of the day
        from which it held.
        """
        behind: set[str] = set()
        for figure in figures:
            behind.update(self._releases_of[figure.name] or self._list_published_with(figure))
        releases = [self._all_releases[release_id] for release_id in behind]
        return sorted(releases, key=lambda each: (each.published_on, each.release_id))

    def _list_published_with(self, figure: ShownFigure) -> set[str]:
        """Return the releases of a figure's sources that were published on the day from which it held."""
        if figure.value is None:
            return set()
        return {
            said.release_id
            for said in self._all_releases.values()
            if said.source in figure.kpi.sources and said.published_on == figure.known.as_of
        }

    def as_json(self) -> dict[str, Any]:
        """Return all that is told, as plain values: what is said of a KPI or a release stands in it once."""
        behind = {place[0] for term in self._terms for place in term["cells"]}
        releases = {
            release_id: {
                "file": said.file_name,
                "published": said.published_on.isoformat(),
                "sha256": said.sha256,
                "synthetic": said.is_synthetic,
                "publisher": said.publisher,
            }
            for release_id, said in self._all_releases.items()
            if release_id in behind
        }
        return {"kpis": self._kpis, "releases": releases, "terms": self._terms, "figures": self._figures}

    def _describe_figure(self, figure: ShownFigure) -> dict[str, Any]:
        known = figure.known
        said: dict[str, Any] = {
            "kpi": known.kpi_id,
            "period": known.period_label,
            "place": name_geography(known.geography_kind, known.geography_code),
            "value": figure.value,
            "words": figure.words,
            "unit": tell_unit(figure.kpi.unit),
            "marks": [MARKS[mark] for mark in figure.marks],
            "status": known.status,
            "since": known.as_of.isoformat(),
            "received": known.parts_received,
            "expected": known.parts_expected,
            "terms": [],
        }
        if figure.value is None:
            return said
        for wanted in list_terms(figure.kpi):
            number = self._number_term(wanted, known)
            said["terms"].append(number)
            self._releases_of[figure.name] |= self._releases_of_terms[number]
        return said

    def _number_term(self, wanted: WantedTerm, known: KnownValue) -> int:
        """Return the number of a term of a value among those that are told; it is looked up where it is new."""
        span = Span(known.period_start, period_end(known.period_kind, known.period_start), self._as_at)
        term, place_kind, place = wanted.term.model_dump_json(), known.geography_kind, known.geography_code
        key = (term, wanted.over_time, span, place_kind, place)
        if key not in self._term_numbers:
            facts = find_facts(self._connection, wanted, span, are_in_geography(wanted, place_kind, place))
            total = sum(fact.value for fact in facts)
            named, unnamed = [], set()
            for fact in facts:
                if fact.is_sensitive and not self._is_internal:
                    unnamed.add(fact.release_id)
                else:
                    named.append(fact)
            self._term_numbers[key] = len(self._terms)
            self._releases_of_terms.append({fact.release_id for fact in facts})
            self._terms.append(
                {
                    "words": wanted.term.words(),
                    "total": total,
                    "cells": _describe_cells(named),
                    "returns": len(unnamed),
                }
            )
        return self._term_numbers[key]


def _describe_cells(facts: Sequence[FactRow]) -> list[list[str]]:
    """Return of each release and sheet that facts stand in: the release, the sheet, and the cells as ranges."""
    cells: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fact in facts:
        cells[fact.release_id, fact.sheet] += fact.cells
    return [[release_id, sheet, join_cells(addresses)] for (release_id, sheet), addresses in cells.items()]


def _describe_kpi(kpi: Kpi) -> dict[str, Any]:
    row = kpi.row()
    return {name: row[name] for name in ("title", "description", "numerator", "denominator", "caveat")}


def join_cells(addresses: Iterable[str]) -> str:
    """Return cells as rectangles, as far as they fill them: of C5, C6, D5, D6 and F9 ``C5:D6, F9``.

    The rows of each column are joined to runs, and a run to the same one in the column before.
    """
    rows_by_column: dict[int, set[int]] = defaultdict(set)
    for address in addresses:
        row, column = from_a1(address)
        rows_by_column[column].add(row)
    # First and last row of a rectangle that reaches the column before, by the column where it begins.
    open_rectangles: dict[tuple[int, int], int] = {}
    rectangles: list[str] = []
    last_column = -1
    for column in sorted(rows_by_column):
        runs = list_runs(rows_by_column[column])
        going_on = {run: open_rectangles.get(run, column) if column == last_column + 1 else column for run in runs}
        rectangles += _close_rectangles(open_rectangles, going_on, last_column)
        open_rectangles, last_column = going_on, column
    rectangles += _close_rectangles(open_rectangles, {}, last_column)
    return ", ".join(rectangles)


def list_runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of rows that follow each other: of 1, 2, 3, 7 (1, 3) and (7, 7)."""
    runs: list[tuple[int, int]] = []
    for row in sorted(rows):
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def _close_rectangles(
    open_rectangles: dict[tuple[int, int], int], going_on: dict[tuple[int, int], int], last_column: int
) -> list[str]:
    """Return the rectangles that do not go on beyond ``last_column``."""
    closed = []
    for (first_row, last_row), first_column in open_rectangles.items():
        if going_on.get((first_row, last_row)) != first_column:
            first, last = a1(first_row, first_column), a1(last_row, last_column)
            closed.append(first if first == last else f"{first}:{last}")
    return closed
