"""What is asked for: KPIs, the terms of which they are made, periods and geographies, as rows of the work tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.kpis import work_tables as work
from msoic_pipeline.kpis.definitions import Kpi, Term
from msoic_pipeline.model.geography import NATIONAL, PUBLISHER, Division, places, unit_column, unit_scheme
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, period_label, periods

# First days of the periods wanted, by kind.
Periods = Mapping[str, Sequence[dt.date]]


@dataclass(frozen=True)
class WantedTerm:
    """A term in the way in which KPIs want it: their geographies, and how months or quarters make a longer period."""

    term: Term
    over_time: str
    nation: str
    divisions: tuple[Division, ...]

    @property
    def unit(self) -> sa.Column[Any] | None:
        """The fact's column of units, where they are needed: below the nation, or because they are who reports."""
        if not self.divisions and not self.has_many_reporters:
            return None
        return unit_column(self.term.table)

    @property
    def scheme(self) -> str:
        """How the fact writes its units, as ``model.geography.places`` calls it."""
        return unit_scheme(self.term.table, self.divisions)

    @property
    def has_many_reporters(self) -> bool:
        """Whether forces or areas report the fact, not its publisher."""
        return self.term.reporters.dimension != PUBLISHER


@dataclass(frozen=True)
class Wanted:
    """Rows for the tables of what is asked for, the terms by their number, and the quarters on which they rest."""

    rows: Mapping[sa.Table, list[dict[str, Any]]]
    terms: Sequence[WantedTerm]
    quarters: Sequence[dt.date]


def list_terms(kpi: Kpi) -> list[WantedTerm]:
    """Return the terms of a KPI: its numerator, and its denominator where that is one."""
    return [WantedTerm(term, kpi.over_time, kpi.national, kpi.below) for term in kpi.terms]


def list_quarters_within(wanted: Periods) -> list[dt.date]:
    """Return the first days of all quarters that the periods touch."""
    quarters: set[dt.date] = set()
    for kind, starts in wanted.items():
        for start in starts:
            quarters.update(periods("quarter", start, period_end(kind, start)))
    return sorted(quarters)


def list_wanted(kpis: Sequence[Kpi], wanted: Periods, unit_places: Sequence[sa.Row[Any]]) -> Wanted:
    """Return what is asked for. ``unit_places`` are the rows of ``model.geography.places``."""
    terms = _number_terms(kpis)
    geographies = _number_geographies(kpis, unit_places)
    numbered_periods = _number_periods(wanted)
    rows = {
        work.wanted_kpi: [_kpi_row(number, kpi, terms) for number, kpi in enumerate(kpis)],
        work.kpi_term: [row for number, kpi in enumerate(kpis) for row in _kpi_term_rows(number, kpi, terms)],
        work.wanted_term: [_term_row(number, term) for number, term in terms.values()],
        work.term_level: [row for number, term in terms.values() for row in _level_rows(number, term, geographies)],
        work.wanted_period: [_period_row(number, *period) for period, number in numbered_periods.items()],
        work.period_part: [
            row for period, number in numbered_periods.items() for row in _parts_of_period(number, *period)
        ],
        work.wanted_geography: [
            {"geography": number, "kind": kind, "code": code} for (kind, code), number in geographies.items()
        ],
        work.unit_place: [_place_row(place, geographies) for place in unit_places],
    }
    return Wanted(rows, [term for _, term in terms.values()], list_quarters_within(wanted))


# Terms by what tells one from another, each with its number; and the numbers of geographies by kind and code.
NumberedTerms = Mapping[tuple[Any, ...], tuple[int, WantedTerm]]
NumberedGeographies = Mapping[tuple[str, str], int]


def _numbers_of_terms(kpi: Kpi, terms: NumberedTerms) -> list[int]:
    """Return the numbers of a KPI's terms: of its numerator, and of its denominator where that is one."""
    return [terms[_identity(term)][0] for term in list_terms(kpi)]


def _kpi_row(number: int, kpi: Kpi, terms: NumberedTerms) -> dict[str, Any]:
    return {
        "kpi": number,
        "kpi_id": kpi.kpi_id,
        "unit": kpi.unit,
        "numerator": _numbers_of_terms(kpi, terms)[0],
        "denominator_kind": "term" if isinstance(kpi.denominator, Term) else kpi.denominator,
    }


def _kpi_term_rows(number: int, kpi: Kpi, terms: NumberedTerms) -> Iterator[dict[str, Any]]:
    """Yield a row for each of a KPI's terms and kinds of period; the first term is the numerator."""
    for kind in kpi.kinds:
        for position, term_number in enumerate(_numbers_of_terms(kpi, terms)):
            yield {"kpi": number, "period_kind": kind, "term": term_number, "is_denominator": position > 0}


def _term_row(number: int, term: WantedTerm) -> dict[str, Any]:
    return {
        "term": number,
        "fact": term.term.fact,
        "breakdown": term.term.breakdown,
        "source": term.term.table.info["source"],
        "grain": term.term.grain,
        "over_time": term.over_time,
        "scheme": term.scheme,
        "has_many_reporters": term.has_many_reporters,
        "is_yearly": term.term.reporters.is_yearly,
    }


def _level_rows(number: int, term: WantedTerm, geographies: NumberedGeographies) -> Iterator[dict[str, Any]]:
    """Yield a row for the nation, and one for each of its divisions that is wanted."""
    yield {"term": number, "geography_kind": NATIONAL, "nation": geographies[NATIONAL, term.nation]}
    for division in term.divisions:
        yield {"term": number, "geography_kind": division, "nation": None}


def _period_row(number: int, kind: str, start: dt.date) -> dict[str, Any]:
    label, months = period_label(kind, start), PERIOD_MONTHS[kind]
    return {"period": number, "kind": kind, "start": start, "label": label, "months": months}


def _place_row(place: sa.Row[Any], geographies: NumberedGeographies) -> dict[str, Any]:
    return {
        "scheme": place.scheme,
        "unit": place.unit,
        "geography_kind": place.geography_kind,
        "geography": geographies[place.geography_kind, place.geography_code],
    }


def _identity(term: WantedTerm) -> tuple[Any, ...]:
    """Return what two terms have in common that are one."""
    return term.term.model_dump_json(), term.over_time, term.nation, term.divisions


def _number_terms(kpis: Sequence[Kpi]) -> dict[tuple[Any, ...], tuple[int, WantedTerm]]:
    """Return the terms by identity, each with its number. KPIs that need the same figures in the same way share one."""
    numbered: dict[tuple[Any, ...], tuple[int, WantedTerm]] = {}
    for kpi in kpis:
        for term in list_terms(kpi):
            numbered.setdefault(_identity(term), (len(numbered), term))
    return numbered


def _number_geographies(kpis: Sequence[Kpi], unit_places: Sequence[sa.Row[Any]]) -> dict[tuple[str, str], int]:
    """Return the number of each geography, known by its kind and code: nations first."""
    nations = sorted({(NATIONAL, kpi.national) for kpi in kpis})
    below = sorted({(place.geography_kind, place.geography_code) for place in unit_places})
    return {geography: number for number, geography in enumerate([*nations, *below])}


def _number_periods(wanted: Periods) -> dict[tuple[str, dt.date], int]:
    """Return the number of each period, known by its kind and first day."""
    numbered: dict[tuple[str, dt.date], int] = {}
    for kind, starts in wanted.items():
        for start in starts:
            numbered[kind, start] = len(numbered)
    return numbered


def _parts_of_period(number: int, kind: str, start: dt.date) -> list[dict[str, Any]]:
    """Return the months and quarters of a period, as rows of ``period_part``; a month has no quarters."""
    end = period_end(kind, start)
    parts = []
    for grain in ("month", "quarter"):
        if PERIOD_MONTHS[kind] < PERIOD_MONTHS[grain]:
            continue
        for time in periods(grain, start, end):
            time_end = period_end(grain, time)
            parts.append(
                {"grain": grain, "time": time, "time_end": time_end, "period": number, "is_last": time_end == end}
            )
    return parts


def select_units(term: WantedTerm, geography_kind: str, geography_code: str) -> sa.ColumnElement[bool] | None:
    """Return the condition on the rows of a term's fact that belong to a geography; None for the nation."""
    if geography_kind == NATIONAL or term.unit is None:
        return None
    place = places().subquery("place").c
    return term.unit.in_(
        sa.select(place.unit).where(
            place.scheme == term.scheme,
            place.geography_kind == geography_kind,
            place.geography_code == geography_code,
        )
    )
