"""The SQL of the KPIs, made from their definitions: all periods, geographies and vintages in one pass.

Every figure that a KPI rests on stood for a time: from the publication of its release until a later one covered the
same ground (table ``vintage``). It is added to its period on the first of these days and taken away on the other, and
the running sum over the days is what was known on each of them. Temporary tables hold the steps:

    leaf    fact → term × release × month or quarter × unit (the force, area or region that the fact names)
    part    leaf → geography, with the days from and until which it stood
    step    part → what each day adds to each period, or takes from it

A term is a numerator or denominator. Figures are added as whole ten-thousandths: sums are exact, on any engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, Term
from msoic_pipeline.model import geography
from msoic_pipeline.model.dimensions import dim_cps_area, dim_force
from msoic_pipeline.model.evidence import coverage, vintage
from msoic_pipeline.model.geography import NATIONAL, PUBLISHER
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, period_label, periods

SCALE = 10_000

# First days of the periods wanted, by kind.
Periods = Mapping[str, Sequence[dt.date]]

_work = sa.MetaData()


def _temporary(name: str, *key: str, **columns: Any) -> sa.Table:
    own = (Column(c, kind, primary_key=c in key, autoincrement=False) for c, kind in columns.items())
    return sa.Table(f"work_kpi_{name}", _work, *own, prefixes=["TEMPORARY"])


# What is wanted. KPIs, terms, periods and geographies are numbered.
_kpi = _temporary("kpi", "kpi", kpi=Integer, kpi_id=String, unit=String, term=Integer, divided_by=String)
_side = _temporary("side", kpi=Integer, period_kind=String, term=Integer, is_denominator=Boolean)
_term = _temporary(
    "term",
    "term",
    term=Integer,
    fact=String,
    breakdown=String,
    source=String,
    grain=String,
    over_time=String,
    scheme=String,
    by_reporter=Boolean,
)
_level = _temporary("level", term=Integer, geography_kind=String, nation=Integer)
_period = _temporary("period", "period", period=Integer, kind=String, start=Date, label=String, months=Integer)
_span = _temporary("span", grain=String, time=Date, time_end=Date, period=Integer, is_last=Boolean)
_geography = _temporary("geography", "geography", geography=Integer, kind=String, code=String)
_place = _temporary("place", scheme=String, unit=String, geography_kind=String, geography=Integer)
_due = _temporary("due", source=String, reporter=String)
_expected = _temporary("expected", "term", "geography", term=Integer, geography=Integer, reporters=Integer)
# The steps.
_leaf = _temporary("leaf", term=Integer, release_id=String, time=Date, unit=String, value=BigInteger)
_part = _temporary(
    "part",
    term=Integer,
    geography=Integer,
    time=Date,
    reporter=String,
    value=BigInteger,
    reports=Integer,
    since=Date,
    until=Date,
)
_step = _temporary(
    "step",
    term=Integer,
    period=Integer,
    geography=Integer,
    as_of=Date,
    value=BigInteger,
    figures=Integer,
    reports=Integer,
)


@contextmanager
def work_tables(connection: Connection) -> Iterator[None]:
    """Make the temporary tables, and drop them; where the transaction fails they go with it."""
    _work.create_all(connection, checkfirst=False)
    yield
    _work.drop_all(connection, checkfirst=False)


def insert_values(connection: Connection, kpis: Sequence[Kpi], wanted: Periods) -> None:
    """Insert the rows of kpi_value for the periods wanted; there must be none of them."""
    terms, needed = _terms(kpis)
    _write_wanted(connection, kpis, terms, needed, wanted)
    quarters = quarters_within(wanted)
    for number, (term, kpi) in enumerate(terms):
        for select in (_figures(number, term, kpi, quarters), *_zeros(number, term, kpi, quarters)):
            _insert(connection, _leaf, select)
    _insert(connection, _part, _parts())
    _insert(connection, _step, _steps("sum"))
    _insert(connection, _step, _steps("last"))
    _insert(connection, kpi_value, _values())


def quarters_within(wanted: Periods) -> list[dt.date]:
    """Return the first days of all quarters that the periods touch."""
    spans = [(start, period_end(kind, start)) for kind, starts in wanted.items() for start in starts]
    return sorted({quarter for start, end in spans for quarter in periods("quarter", start, end)})


def _insert(connection: Connection, table: sa.Table, select: Any) -> None:
    connection.execute(sa.insert(table).from_select(list(table.columns.keys()), select))


def _terms(kpis: Iterable[Kpi]) -> tuple[list[tuple[Term, Kpi]], list[list[int]]]:
    """Return the terms, each with a KPI that needs it, and the numbers of each KPI's own: numerator, denominator.

    KPIs that need the same figures in the same way share a term.
    """
    terms: dict[Any, tuple[Term, Kpi]] = {}
    needed = []
    for kpi in kpis:
        own = [term for term in (kpi.numerator, kpi.denominator) if isinstance(term, Term)]
        shared = [(term.model_dump_json(), kpi.over_time, kpi.national, kpi.below) for term in own]
        for identity, term in zip(shared, own, strict=True):
            terms.setdefault(identity, (term, kpi))
        needed.append([list(terms).index(identity) for identity in shared])
    return list(terms.values()), needed


def _unit(term: Term, kpi: Kpi) -> sa.Column[Any] | None:
    """Return the fact's column of units, where they are needed: below the nation, or because they are who reports."""
    if not kpi.below and term.reporters.dimension == PUBLISHER:
        return None
    return geography.unit_column(term.table)


def _write_wanted(
    connection: Connection,
    kpis: Sequence[Kpi],
    terms: Sequence[tuple[Term, Kpi]],
    needed: Sequence[Sequence[int]],
    wanted: Periods,
) -> None:
    places = connection.execute(geography.places()).all()
    nations = [(NATIONAL, nation) for nation in sorted({kpi.national for kpi in kpis})]
    below = sorted({(kind, code) for _, _, kind, code in places})
    geographies = {place: number for number, place in enumerate([*nations, *below])}
    chosen = {
        period: n for n, period in enumerate((kind, start) for kind, starts in wanted.items() for start in starts)
    }
    rows: dict[sa.Table, list[tuple[Any, ...]]] = {
        _kpi: [
            (n, kpi.kpi_id, kpi.unit, needed[n][0], "term" if isinstance(kpi.denominator, Term) else kpi.denominator)
            for n, kpi in enumerate(kpis)
        ],
        _side: [
            (n, kind, term, bool(position))
            for n, kpi in enumerate(kpis)
            for position, term in enumerate(needed[n])
            for kind in kpi.kinds
        ],
        _term: [
            (
                n,
                term.fact,
                term.breakdown,
                term.table.info["source"],
                term.grain,
                kpi.over_time,
                geography.unit_scheme(term.table, kpi.below),
                term.reporters.dimension != PUBLISHER,
            )
            for n, (term, kpi) in enumerate(terms)
        ],
        _level: [
            (n, kind, geographies[NATIONAL, kpi.national] if kind == NATIONAL else None)
            for n, (_, kpi) in enumerate(terms)
            for kind in (NATIONAL, *kpi.below)
        ],
        _period: [
            (number, kind, start, period_label(kind, start), PERIOD_MONTHS[kind])
            for (kind, start), number in chosen.items()
        ],
        _span: [
            (grain, time, period_end(grain, time), number, period_end(grain, time) == period_end(kind, start))
            for grain in ("month", "quarter")
            for (kind, start), number in chosen.items()
            if PERIOD_MONTHS[kind] >= PERIOD_MONTHS[grain]
            for time in periods(grain, start, period_end(kind, start))
        ],
        _geography: [(number, kind, code) for (kind, code), number in geographies.items()],
        _place: [(scheme, unit, kind, geographies[kind, code]) for scheme, unit, kind, code in places],
    }
    for table, content in rows.items():
        names = table.columns.keys()
        connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in content])
    due = sa.select(coverage.c.source, coverage.c.reporter).where(coverage.c.expected).distinct()
    _insert(connection, _due, due)
    _insert(connection, _expected, _reporters_due())


def units_of(term: Term, kpi: Kpi, geography_kind: str, geography_code: str) -> sa.ColumnElement[bool] | None:
    """Return the condition on the rows of its fact that belong to a geography; None for the nation."""
    unit = _unit(term, kpi)
    if geography_kind == NATIONAL or unit is None:
        return None
    place = geography.places().subquery().c
    return unit.in_(
        sa.select(place.unit).where(
            place.scheme == geography.unit_scheme(term.table, kpi.below),
            place.geography_kind == geography_kind,
            place.geography_code == geography_code,
        )
    )


def _figures(number: int, term: Term, kpi: Kpi, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a term's figures as the fact has them."""
    fact, measure, unit = term.table.c, term.figure, _unit(term, kpi)
    time = fact[f"{term.grain}_start"]
    exact = sa.cast(sa.func.round(sa.cast(measure, Double) * SCALE), BigInteger)
    named = sa.literal("") if unit is None else sa.func.coalesce(unit, "")
    return (
        sa.select(sa.literal(number), fact.release_id, time, named, sa.cast(sa.func.sum(exact), BigInteger))
        .where(fact.quarter_start.in_(quarters), measure.is_not(None), *term.conditions())
        .group_by(fact.release_id, time, *([] if unit is None else [unit]))
    )


def _zeros(number: int, term: Term, kpi: Kpi, quarters: Sequence[dt.date]) -> Iterator[sa.Select[Any]]:
    """Yield zeros for all that a term's releases cover, where a row that is not there means zero."""
    if term.missing_row == "missing":
        return
    fact, unit = term.table.c, _unit(term, kpi)

    def zeros(named: Any, of: Any = vintage) -> sa.Select[Any]:
        return (
            sa.select(sa.literal(number), vintage.c.release_id, vintage.c.period_start, named, sa.literal(0))
            .select_from(of)
            .where(
                vintage.c.fact == term.fact,
                vintage.c.breakdown == term.breakdown,
                vintage.c.quarter_start.in_(quarters),
            )
        )

    if unit is None:
        yield zeros(sa.literal(""))
    elif term.reporters.dimension == PUBLISHER:
        units = (
            sa.select(_place.c.unit)
            .where(_place.c.scheme == geography.unit_scheme(term.table, kpi.below))
            .distinct()
            .subquery()
        )
        yield zeros(units.c.unit, vintage.join(units, sa.true()))
    elif not term.reporters.column:
        yield zeros(vintage.c.reporter)
    else:
        member = {"force_code": dim_force.c.force_code, "cps_area": dim_cps_area.c.cps_area_code}[unit.name]
        # Answered for each pair from the primary key, thanks to the limit; else the whole fact would be read.
        any_row = (
            sa.select(unit)
            .where(
                fact.quarter_start == vintage.c.quarter_start,
                fact.release_id == vintage.c.release_id,
                unit == member,
            )
            .correlate(vintage, member.table)
            .limit(1)
            .scalar_subquery()
        )
        yield zeros(member, vintage.join(member.table, sa.true())).where(any_row.is_not(None))


def _located(unit: Any) -> tuple[Any, Any, Any]:
    """Return a unit's geography at a term's level, the join to ``_place``, and whether several reporters make it up."""
    is_place = sa.and_(
        _place.c.scheme == _term.c.scheme, _place.c.unit == unit, _place.c.geography_kind == _level.c.geography_kind
    )
    several = sa.and_(_term.c.by_reporter, _level.c.geography_kind.in_((NATIONAL, "rocu_region")))
    return sa.func.coalesce(_level.c.nation, _place.c.geography), is_place, several


def _parts() -> sa.Select[Any]:
    place, is_place, several = _located(_leaf.c.unit)
    # Who reported matters where a later month of the same reporter takes the place of an earlier one.
    who = sa.case((_term.c.over_time == "last", vintage.c.reporter), else_="")
    keys = (_leaf.c.term, place, _leaf.c.time, who)
    stood = (vintage.c.published_on, vintage.c.superseded_on)
    itself = sa.and_(
        vintage.c.fact == _term.c.fact,
        vintage.c.breakdown == _term.c.breakdown,
        vintage.c.period_start == _leaf.c.time,
        vintage.c.release_id == _leaf.c.release_id,
    )
    due = sa.and_(_due.c.source == _term.c.source, _due.c.reporter == _leaf.c.unit)
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(_leaf.c.value), BigInteger),
            sa.case((several, sa.func.count(_due.c.reporter.distinct())), else_=1),
            *stood,
        )
        .select_from(_leaf)
        .join(_term, _term.c.term == _leaf.c.term)
        .join(vintage, itself)
        .join(_level, _level.c.term == _leaf.c.term)
        .outerjoin(_place, is_place)
        .outerjoin(_due, due)
        .where(place.is_not(None))
        .group_by(*keys, *stood, several)
    )


def _steps(over_time: str) -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them.

    Of a stock, a reporter's month stands in a longer period until a later month of it is published.
    """
    is_whole = _span.c.time_end < _part.c.since  # a release from within a month or quarter is about a piece of it only
    until: sa.ColumnElement[Any] = _part.c.until
    if over_time == "last":
        is_whole = sa.and_(is_whole, _span.c.is_last)
        later = sa.func.min(_part.c.since).over(
            partition_by=(_part.c.term, _part.c.geography, _part.c.reporter, _span.c.period),
            order_by=_part.c.time.desc(),
            groups=(None, -1),
        )
        until = sa.case((sa.or_(later.is_(None), until < later), until), else_=later)
    stood = (
        sa.select(
            _part.c.term,
            _span.c.period,
            _part.c.geography,
            _part.c.since,
            until.label("until"),
            _part.c.value,
            sa.case((is_whole, _part.c.reports), else_=0).label("reports"),
        )
        .join(_term, _term.c.term == _part.c.term)
        .join(_span, sa.and_(_span.c.grain == _term.c.grain, _span.c.time == _part.c.time))
        .where(_term.c.over_time == over_time)
        .subquery()
    )
    signs = sa.union_all(sa.select(sa.literal(1).label("sign")), sa.select(sa.literal(-1))).subquery()
    sign = signs.c.sign
    as_of = sa.case((sign == 1, stood.c.since), else_=stood.c.until)
    keys = (stood.c.term, stood.c.period, stood.c.geography, as_of)
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(sign * stood.c.value), BigInteger),
            sa.func.sum(sign),
            sa.func.sum(sign * stood.c.reports),
        )
        .join_from(stood, signs, sa.true())
        .where(as_of.is_not(None), sa.or_(stood.c.until.is_(None), stood.c.since < stood.c.until))
        .group_by(*keys)
    )


def _reporters_due() -> sa.Select[Any]:
    """Return how many reporters are due for a term's geography, where there can be several."""
    place, is_place, several = _located(_due.c.reporter)
    return (
        sa.select(_term.c.term, place, sa.func.count(_due.c.reporter.distinct()))
        .join(_level, _level.c.term == _term.c.term)
        .join(_due, _due.c.source == _term.c.source)
        .outerjoin(_place, is_place)
        .where(several, place.is_not(None))
        .group_by(_term.c.term, place)
    )


def _running() -> sa.Subquery:
    """Return the running sums of numerators and denominators by KPI, period, geography and day, and each day's part."""
    keys = (_side.c.kpi, _step.c.period, _step.c.geography, _step.c.as_of)
    names = [(side, name) for side in ("n", "d") for name in ("value", "figures", "reports")]
    delta = (
        sa.select(
            *keys,
            *(
                sa.func.sum(sa.case((_side.c.is_denominator == (side == "d"), _step.c[name]), else_=0)).label(
                    f"{side}_{name}"
                )
                for side, name in names
            ),
        )
        .join_from(_side, _step, _step.c.term == _side.c.term)
        .join(_period, sa.and_(_period.c.period == _step.c.period, _period.c.kind == _side.c.period_kind))
        .group_by(*keys)
        .subquery()
    )
    figure = (delta.c.kpi, delta.c.period, delta.c.geography)
    running = {
        column: sa.func.sum(delta.c[column]).over(partition_by=figure, order_by=delta.c.as_of, rows=(None, 0))
        for column in (f"{side}_{name}" for side, name in names)
    }
    return sa.select(*delta.c, *(total.label(f"{column}_now") for column, total in running.items())).subquery()


def _values() -> sa.Select[Any]:
    """Return the rows of kpi_value: the running sums, on the days on which what they say changes."""
    sums = _running()
    is_share, is_average = _kpi.c.divided_by == "term", _kpi.c.divided_by == "periods reported"

    def said(day: str) -> dict[str, Any]:
        def at(name: str) -> Any:
            now = sums.c[f"{name}_now"]
            return now if day == "now" else now - sums.c[name]

        return {
            f"numerator_{day}": sa.case((at("n_figures") > 0, at("n_value"))),
            f"denominator_{day}": sa.case((sa.and_(is_share, at("d_figures") > 0), at("d_value"))),
            f"received_{day}": sa.case(
                (sa.and_(is_share, at("d_reports") < at("n_reports")), at("d_reports")), else_=at("n_reports")
            ),
        }

    now, before = said("now"), said("before")
    changed = (
        sa.select(
            sums.c.kpi,
            sums.c.period,
            sums.c.geography,
            sums.c.as_of,
            (sa.cast(now["numerator_now"], Double) / SCALE).label("numerator"),
            (sa.cast(now["denominator_now"], Double) / SCALE).label("denominator"),
            sa.cast(now["received_now"], Integer).label("received"),
        )
        .join_from(sums, _kpi, _kpi.c.kpi == sums.c.kpi)
        .where(sa.or_(*(a.is_distinct_from(b) for a, b in zip(now.values(), before.values(), strict=True))))
        .subquery()
    )
    due = sa.func.coalesce(_expected.c.reporters, 1)
    grain_months = sa.case((_term.c.grain == "month", 1), else_=3)
    expected = sa.case((_term.c.over_time == "last", due), else_=due * _period.c.months / grain_months)
    numerator = changed.c.numerator
    denominator = sa.case(
        (sa.and_(is_average, changed.c.received > 0), sa.cast(changed.c.received, Double) / due),
        else_=changed.c.denominator,
    )
    value = sa.case((_kpi.c.divided_by.is_(None), numerator), (denominator != 0, numerator / denominator))
    columns = {
        "kpi_id": _kpi.c.kpi_id,
        "period_kind": _period.c.kind,
        "period_start": _period.c.start,
        "geography_kind": _geography.c.kind,
        "geography_code": _geography.c.code,
        "as_of": changed.c.as_of,
        "period_label": _period.c.label,
        "numerator": numerator,
        "denominator": denominator,
        "value": value,
        "unit": _kpi.c.unit,
        "status": sa.case(
            (value.is_(None), "not computable"), (changed.c.received < expected, "incomplete"), else_="complete"
        ),
        "parts_expected": sa.cast(expected, Integer),
        "parts_received": changed.c.received,
    }
    return (
        sa.select(*(columns[column.name] for column in kpi_value.columns))
        .select_from(changed)
        .join(_kpi, _kpi.c.kpi == changed.c.kpi)
        .join(_term, _term.c.term == _kpi.c.term)
        .join(_period, _period.c.period == changed.c.period)
        .join(_geography, _geography.c.geography == changed.c.geography)
        .outerjoin(_expected, sa.and_(_expected.c.term == _kpi.c.term, _expected.c.geography == changed.c.geography))
    )
