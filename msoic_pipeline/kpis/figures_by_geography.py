"""The first steps: from the facts to each term's figures, and from these to figures by geography.

They fill ``term_figure`` and ``standing_figure``; see ``steps``, and ``work_tables`` for what each holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Double

from msoic_pipeline.kpis.wanted import WantedTerm
from msoic_pipeline.kpis.work_tables import (
    SCALE,
    due_reporter,
    place_geography,
    term_figure,
    term_geography_kind,
    wanted_term,
)
from msoic_pipeline.model.evidence import coverage, vintage
from msoic_pipeline.model.geography import find_place_codes

# ---- term_figure: what the facts have --------------------------------------------------------------------------------


def select_figures(number: int, wanted: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a term's figures as the fact has them."""
    fact, measure, place = wanted.term.table.c, wanted.term.measure_column, wanted.place
    part_start = fact[wanted.term.period_column]
    exact = sa.cast(sa.func.round(sa.cast(measure, Double) * SCALE), BigInteger)
    named_place = sa.literal("") if place is None else sa.func.coalesce(place, "")
    return (
        sa.select(
            sa.literal(number).label("term"),
            fact.release_id,
            part_start.label("part_start"),
            named_place.label("place"),
            sa.cast(sa.func.sum(exact), BigInteger).label("value"),
        )
        .where(fact.quarter_start.in_(quarters), measure.is_not(None), *wanted.term.conditions())
        .group_by(fact.release_id, part_start, *([] if place is None else [place]))
    )


def select_zeros(number: int, wanted: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any] | None:
    """Return zeros for all that a term's releases cover; None where a row that is not there is missing.

    A zero beside a figure changes no sum; where there is no figure it makes the sum 0 instead of missing. For whom
    there are zeros depends on who says, by saying nothing, that there were none.
    """
    if not wanted.term.counts_unlisted_as_zero:
        return None
    if wanted.place is None:
        return _select_zeros_of_nation(number, wanted, quarters)
    if not wanted.has_many_reporters:
        return _select_zeros_of_places(number, wanted, quarters)
    if not wanted.term.reporters.column:
        return _select_zeros_of_returns(number, wanted, quarters)
    return _select_zeros_of_reporters_in_file(number, wanted, wanted.place, quarters)


def _select_zeros_of_nation(number: int, wanted: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero a release: of ``small_boat_arrivals``, days on which nobody came are not listed."""
    return _select_zeros_of_vintages(number, wanted, quarters, sa.literal(""), vintage)


def _select_zeros_of_places(number: int, wanted: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero for every place there is: for ``nrm_police_referrals`` forces with referrals alone are listed."""
    of_scheme = place_geography.c.scheme == wanted.scheme
    known_place = sa.select(place_geography.c.place).where(of_scheme).distinct().subquery("known_place")
    pairs = vintage.join(known_place, sa.true())
    return _select_zeros_of_vintages(number, wanted, quarters, known_place.c.place, pairs)


def _select_zeros_of_returns(number: int, wanted: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero for who sent a release: of ``live_investigations``, each force's return is its own alone."""
    return _select_zeros_of_vintages(number, wanted, quarters, vintage.c.reporter, vintage)


def _select_zeros_of_reporters_in_file(
    number: int, wanted: WantedTerm, place: sa.Column[Any], quarters: Sequence[dt.date]
) -> sa.Select[Any]:
    """Return a zero for who has any row in a release that holds all.

    Of ``modern_slavery_charge_outcome_rate``, a force of which the file has other outcomes has had no charge; one of
    which it has nothing at all may not have reported.
    """
    member = find_place_codes(place)
    pairs = vintage.join(member.table, sa.true())
    zeros = _select_zeros_of_vintages(number, wanted, quarters, member, pairs)
    return zeros.where(_has_any_row(wanted.term.table, place, member))


def _select_zeros_of_vintages(
    number: int, wanted: WantedTerm, quarters: Sequence[dt.date], place: Any, rows: sa.FromClause
) -> sa.Select[Any]:
    """Return a zero for each of the vintages of a term and the places that ``rows`` joins to it."""
    return (
        sa.select(
            sa.literal(number).label("term"),
            vintage.c.release_id,
            vintage.c.period_start.label("part_start"),
            place.label("place"),
            sa.literal(0).label("value"),
        )
        .select_from(rows)
        .where(
            vintage.c.fact == wanted.term.fact,
            vintage.c.breakdown == wanted.term.breakdown,
            vintage.c.quarter_start.in_(quarters),
        )
    )


def _has_any_row(table: sa.Table, place: sa.Column[Any], member: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Return whether the release of a vintage has a row of a force or area at all in the quarter.

    Answered for each pair from the primary key, thanks to the limit; else the whole fact would be read.
    """
    fact = table.c
    any_row = (
        sa.select(place)
        .where(fact.quarter_start == vintage.c.quarter_start, fact.release_id == vintage.c.release_id, place == member)
        .correlate(vintage, member.table)
        .limit(1)
        .scalar_subquery()
    )
    return any_row.is_not(None)


# ---- standing_figure: by geography, with the days on which each stood ------------------------------------------------

# The geography of a place, of the kind that is wanted: the nation, or what the place belongs to.
_geography = sa.func.coalesce(term_geography_kind.c.nation, place_geography.c.geography)


def _is_geography_of(place: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition on ``place_geography`` that it is that of a place, of the kind that is wanted."""
    return sa.and_(
        place_geography.c.scheme == wanted_term.c.scheme,
        place_geography.c.place == place,
        place_geography.c.geography_kind == term_geography_kind.c.geography_kind,
    )


def select_due_reporters() -> sa.Select[Any]:
    """Return who has to report to each source."""
    return sa.select(coverage.c.source, coverage.c.reporter).where(coverage.c.expected).distinct()


def count_due_reporters() -> sa.Select[Any]:
    """Return how many reporters are due for a term's geography, where there can be several."""
    return (
        sa.select(
            wanted_term.c.term,
            _geography.label("geography"),
            sa.func.count(due_reporter.c.reporter.distinct()).label("reporters"),
        )
        .join(term_geography_kind, term_geography_kind.c.term == wanted_term.c.term)
        .join(due_reporter, due_reporter.c.source == wanted_term.c.source)
        .outerjoin(place_geography, _is_geography_of(due_reporter.c.reporter))
        .where(term_geography_kind.c.has_several_reporters, _geography.is_not(None))
        .group_by(wanted_term.c.term, _geography)
    )


def select_standing_figures() -> sa.Select[Any]:
    """Return the figures of each geography, with the days from and until which they stood."""
    is_its_vintage = sa.and_(
        vintage.c.fact == wanted_term.c.fact,
        vintage.c.breakdown == wanted_term.c.breakdown,
        vintage.c.period_start == term_figure.c.part_start,
        vintage.c.release_id == term_figure.c.release_id,
    )
    is_due = sa.and_(due_reporter.c.source == wanted_term.c.source, due_reporter.c.reporter == term_figure.c.place)
    # Who reported matters where a later month of the same reporter takes the place of an earlier one.
    reporter = sa.case((wanted_term.c.is_stock, vintage.c.reporter), else_="")
    keys = (term_figure.c.term, _geography, term_figure.c.part_start, reporter)
    stood = (vintage.c.published_on, vintage.c.superseded_on)
    has_several_reporters = term_geography_kind.c.has_several_reporters
    reports = sa.case((has_several_reporters, sa.func.count(due_reporter.c.reporter.distinct())), else_=1)
    return (
        sa.select(
            term_figure.c.term,
            _geography.label("geography"),
            term_figure.c.part_start,
            reporter.label("reporter"),
            sa.cast(sa.func.sum(term_figure.c.value), BigInteger).label("value"),
            reports.label("reports"),
            vintage.c.published_on.label("since"),
            vintage.c.superseded_on.label("until"),
        )
        .select_from(term_figure)
        .join(wanted_term, wanted_term.c.term == term_figure.c.term)
        .join(vintage, is_its_vintage)
        .join(term_geography_kind, term_geography_kind.c.term == term_figure.c.term)
        .outerjoin(place_geography, _is_geography_of(term_figure.c.place))
        .outerjoin(due_reporter, is_due)
        .where(_geography.is_not(None))
        .group_by(*keys, *stood, has_several_reporters)
    )
