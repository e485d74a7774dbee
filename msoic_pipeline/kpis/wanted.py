"""What is asked for: KPIs, the terms of which they are made, periods and geographies, as rows of the work tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.kpis import work_tables as work
from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.geography import (
    NATIONAL,
    PUBLISHER,
    REPORTERS,
    Division,
    PlaceScheme,
    find_place_scheme,
    place_column,
    select_place_geographies,
)
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, period_label, periods

# First days of the periods wanted, by kind.
Periods = Mapping[str, Sequence[dt.date]]


@dataclass(frozen=True)
class WantedTerm:
    """A term in the way in which KPIs want it: their geographies, and how months or quarters make a longer period."""

    term: Term
    is_stock: bool
    nation: str
    divisions: tuple[Division, ...]

    @property
    def place(self) -> sa.Column[Any] | None:
        """The fact's column of places, where they are needed: below the nation, or because they are who reports."""
        if not self.divisions and not self.has_many_reporters:
            return None
        return place_column(self.term.table)

    @property
    def scheme(self) -> PlaceScheme | None:
        """How the fact writes its places, as ``model.geography.select_place_geographies`` calls it; None where not."""
        return find_place_scheme(self.term.table)

    @property
    def has_many_reporters(self) -> bool:
        """Whether forces or areas report the fact, not its publisher."""
        return self.term.reporters.dimension != PUBLISHER

    def has_several_reporters(self, geography_kind: str) -> bool:
        """Return whether the figure of a geography is made up of several reporters, of whom some may be missing.

        Of forces that report it is so of a region and of the nation, not of a force.
        """
        return self.has_many_reporters and geography_kind != REPORTERS[self.term.reporters.dimension].division


@dataclass(frozen=True)
class Wanted:
    """Rows for the tables of what is asked for, the terms by their number, and the quarters on which they rest."""

    rows: Mapping[sa.Table, list[dict[str, Any]]]
    terms: Sequence[WantedTerm]
    quarters: Sequence[dt.date]


def list_terms(kpi: Kpi) -> list[WantedTerm]:
    """Return the terms of a KPI: its numerator, and its denominator where that is one."""
    return [WantedTerm(term, kpi.is_stock, kpi.nation, kpi.divisions) for term in kpi.terms]


def list_quarters_within(periods_by_kind: Periods) -> list[dt.date]:
    """Return the first days of all quarters that the periods touch."""
    quarters: set[dt.date] = set()
    for kind, starts in periods_by_kind.items():
        for start in starts:
            quarters.update(periods("quarter", start, period_end(kind, start)))
    return sorted(quarters)


@dataclass(frozen=True)
class NumberedTerm:
    """A term with its number in the work tables."""

    number: int
    wanted: WantedTerm


@dataclass(frozen=True)
class NumberedKpi:
    """A KPI with its number in the work tables, and those of its terms: first the numerator."""

    number: int
    kpi: Kpi
    term_numbers: Sequence[int]


@dataclass(frozen=True)
class NumberedPeriod:
    """A period with its number in the work tables."""

    number: int
    kind: str
    start: dt.date


@dataclass(frozen=True)
class Numbers:
    """All that is asked for, numbered: KPIs, terms in the order of the KPIs, and geographies by kind and code."""

    kpis: Sequence[NumberedKpi]
    terms: Sequence[NumberedTerm]
    geographies: Mapping[tuple[str, str], int]
    periods: Sequence[NumberedPeriod]


def list_wanted(kpis: Sequence[Kpi], periods_by_kind: Periods, place_geographies: Sequence[sa.Row[Any]]) -> Wanted:
    """Return what is asked for. ``place_geographies`` are the rows of ``model.geography.select_place_geographies``."""
    numbers = number_wanted(kpis, periods_by_kind, place_geographies)
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        work.wanted_kpi: [_make_kpi_row(numbered) for numbered in numbers.kpis],
        work.kpi_term: [],
        work.wanted_term: [_make_term_row(numbered) for numbered in numbers.terms],
        work.term_geography_kind: [],
        work.wanted_period: [_make_period_row(period) for period in numbers.periods],
        work.period_part: [],
        work.wanted_geography: [],
        work.place_geography: [_make_place_row(place, numbers) for place in place_geographies],
    }
    for numbered_kpi in numbers.kpis:
        rows[work.kpi_term] += _list_kpi_term_rows(numbered_kpi)
    for numbered_term in numbers.terms:
        rows[work.term_geography_kind] += _list_geography_kind_rows(numbered_term, numbers)
    for period in numbers.periods:
        rows[work.period_part] += _list_part_rows(period)
    for (kind, code), number in numbers.geographies.items():
        rows[work.wanted_geography].append({"geography": number, "kind": kind, "code": code})
    return Wanted(rows, [numbered.wanted for numbered in numbers.terms], list_quarters_within(periods_by_kind))


# ---- numbers ---------------------------------------------------------------------------------------------------------


def number_wanted(kpis: Sequence[Kpi], periods_by_kind: Periods, place_geographies: Sequence[sa.Row[Any]]) -> Numbers:
    """Return all that is asked for with its numbers, by which the work tables name it."""
    terms = _number_terms(kpis)
    return Numbers(
        _number_kpis(kpis, terms),
        terms,
        _number_geographies(kpis, place_geographies),
        _number_periods(periods_by_kind),
    )


def _number_kpis(kpis: Sequence[Kpi], terms: Sequence[NumberedTerm]) -> list[NumberedKpi]:
    numbered: list[NumberedKpi] = []
    for number, kpi in enumerate(kpis):
        term_numbers = [_find_number(wanted, terms) for wanted in list_terms(kpi)]
        numbered.append(NumberedKpi(number, kpi, term_numbers))
    return numbered


def _find_number(wanted: WantedTerm, terms: Sequence[NumberedTerm]) -> int:
    return next(numbered.number for numbered in terms if numbered.wanted == wanted)


def _number_terms(kpis: Sequence[Kpi]) -> list[NumberedTerm]:
    """Return the terms, each once: KPIs that need the same figures in the same way share one."""
    terms: list[WantedTerm] = []
    for kpi in kpis:
        for wanted in list_terms(kpi):
            if wanted not in terms:
                terms.append(wanted)
    return [NumberedTerm(number, wanted) for number, wanted in enumerate(terms)]


def _number_geographies(kpis: Sequence[Kpi], place_geographies: Sequence[sa.Row[Any]]) -> dict[tuple[str, str], int]:
    """Return the number of each geography, known by its kind and code: nations first."""
    nations = sorted({(NATIONAL, kpi.nation) for kpi in kpis})
    below = sorted({(place.geography_kind, place.geography_code) for place in place_geographies})
    return {geography: number for number, geography in enumerate([*nations, *below])}


def _number_periods(periods_by_kind: Periods) -> list[NumberedPeriod]:
    numbered: list[NumberedPeriod] = []
    for kind, starts in periods_by_kind.items():
        for start in starts:
            numbered.append(NumberedPeriod(len(numbered), kind, start))
    return numbered


# ---- rows ------------------------------------------------------------------------------------------------------------


def _make_kpi_row(numbered: NumberedKpi) -> dict[str, Any]:
    kpi = numbered.kpi
    return {
        "kpi": numbered.number,
        "kpi_id": kpi.kpi_id,
        "unit": kpi.unit,
        "numerator": numbered.term_numbers[0],
        "denominator_kind": "term" if isinstance(kpi.denominator, Term) else kpi.denominator,
    }


def _list_kpi_term_rows(numbered: NumberedKpi) -> list[dict[str, Any]]:
    """Return a row for each of a KPI's terms and kinds of period; the first term is the numerator."""
    rows = []
    for kind in numbered.kpi.computed_kinds:
        for position, term in enumerate(numbered.term_numbers):
            rows.append({"kpi": numbered.number, "period_kind": kind, "term": term, "is_denominator": position > 0})
    return rows


def _make_term_row(numbered: NumberedTerm) -> dict[str, Any]:
    wanted, term = numbered.wanted, numbered.wanted.term
    return {
        "term": numbered.number,
        "fact": term.fact,
        "breakdown": term.breakdown,
        "source": term.source,
        "finest_period": term.finest_period,
        "is_stock": wanted.is_stock,
        "scheme": wanted.scheme,
        "is_yearly": term.reporters.is_yearly,
    }


def _list_geography_kind_rows(numbered: NumberedTerm, numbers: Numbers) -> list[dict[str, Any]]:
    """Return a row for the nation, and one for each of its divisions that is wanted."""
    nation = numbers.geographies[NATIONAL, numbered.wanted.nation]
    rows: list[dict[str, Any]] = []
    for kind in (NATIONAL, *numbered.wanted.divisions):
        rows.append(
            {
                "term": numbered.number,
                "geography_kind": kind,
                "nation": nation if kind == NATIONAL else None,
                "has_several_reporters": numbered.wanted.has_several_reporters(kind),
            }
        )
    return rows


def _make_period_row(period: NumberedPeriod) -> dict[str, Any]:
    return {
        "period": period.number,
        "kind": period.kind,
        "start": period.start,
        "label": period_label(period.kind, period.start),
        "months": PERIOD_MONTHS[period.kind],
    }


def _list_part_rows(period: NumberedPeriod) -> list[dict[str, Any]]:
    """Return the months and quarters of a period; a month has no quarters."""
    end = period_end(period.kind, period.start)
    rows = []
    for finest_period in ("month", "quarter"):
        if PERIOD_MONTHS[period.kind] < PERIOD_MONTHS[finest_period]:
            continue
        for part_start in periods(finest_period, period.start, end):
            part_end = period_end(finest_period, part_start)
            is_last = part_end == end
            rows.append(
                {
                    "finest_period": finest_period,
                    "part_start": part_start,
                    "part_end": part_end,
                    "period": period.number,
                    "is_last": is_last,
                }
            )
    return rows


def _make_place_row(place: sa.Row[Any], numbers: Numbers) -> dict[str, Any]:
    return {
        "scheme": place.scheme,
        "place": place.place,
        "geography_kind": place.geography_kind,
        "geography": numbers.geographies[place.geography_kind, place.geography_code],
    }


# ---- the rows of a geography -----------------------------------------------------------------------------------------


def are_in_geography(wanted: WantedTerm, geography_kind: str, geography_code: str) -> sa.ColumnElement[bool] | None:
    """Return the condition on the rows of a term's fact that belong to a geography; None for the nation."""
    if geography_kind == NATIONAL or wanted.place is None:
        return None
    place = select_place_geographies().subquery("place").c
    return wanted.place.in_(
        sa.select(place.place).where(
            place.scheme == wanted.scheme,
            place.geography_kind == geography_kind,
            place.geography_code == geography_code,
        )
    )
