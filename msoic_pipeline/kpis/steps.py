"""The SQL of the KPIs: all periods, geographies and vintages in one pass, step by step.

Every figure that a KPI rests on stood for a time: from the publication of its release until a later one covered the
same ground (table ``vintage``). It is added to its period on the first of these days and taken away on the other, and
the running sum over the days is what was known on each of them. The steps, each of which fills the table of its name:

    term_figure        fact → term × release × month or quarter × unit (the force, area or region that the fact names)
    standing_figure    … → geography, with the days from and until which each figure stood
    daily_change       … → what each day adds to each period, or takes from it
    kpi_value          the running sums over the days, on the days on which what they say changes

For example, Kent's crimes of 2021-Q4 were published as 40 on 3 March 2022 and, in the next release, as 42 on 12 May:

    standing_figure    40 from 3 March until 12 May, 42 from 12 May
    daily_change       3 March: +40, one figure more; 12 May: -40 and +42, which is +2 and no figure more
    kpi_value          40 as of 3 March, 42 as of 12 May

A figure that a later release leaves out is taken away and nothing comes in its place: no figures are left on that day,
and the value is not computable from then on. A year's sum changes likewise on every day on which one of its quarters
does.

Figures are added as whole ten-thousandths: sums are exact, on any engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Double, Integer
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable, DropTable

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.wanted import Periods, Wanted, WantedTerm, list_wanted
from msoic_pipeline.kpis.work_tables import (
    SCALE,
    WORK_TABLES,
    daily_change,
    due_count,
    due_reporter,
    kpi_term,
    period_part,
    standing_figure,
    term_figure,
    term_level,
    unit_place,
    wanted_geography,
    wanted_kpi,
    wanted_period,
    wanted_term,
)
from msoic_pipeline.model.dimensions import dim_cps_area, dim_force
from msoic_pipeline.model.evidence import coverage, vintage
from msoic_pipeline.model.geography import NATIONAL, places
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.warehouse.sql_text import write_beginning, write_statement


@dataclass(frozen=True)
class Step:
    """A query, and the table that its rows fill; ``makes`` says in words what it makes."""

    makes: str
    table: sa.Table
    query: sa.Select[Any]

    @property
    def statement(self) -> sa.Insert:
        """The statement that fills the table."""
        return sa.insert(self.table).from_select(list(self.table.columns.keys()), self.query)


def insert_values(connection: Connection, kpis: Sequence[Kpi], periods: Periods) -> None:
    """Insert the rows of kpi_value for the periods wanted; there must be none of them, and empty work tables."""
    wanted = list_wanted(kpis, periods, connection.execute(places()).all())
    for table, rows in wanted.rows.items():
        connection.execute(sa.insert(table), rows)
    for step in list_steps(wanted):
        connection.execute(step.statement)


def write_script(connection: Connection, kpi: Kpi, periods: Periods) -> str:
    """Return SQL that computes a KPI's values of some periods and shows them: a script for the engine in use.

    It changes nothing but temporary tables of its own, each of which can be looked at after the step that fills it.
    """
    wanted = list_wanted([kpi], periods, connection.execute(places()).all())
    dialect = connection.dialect
    title = f"{kpi.title} ({kpi.kpi_id}), step by step; nothing but temporary tables is changed."
    parts = write_beginning(title, dialect)
    for table in WORK_TABLES:
        parts.append(f"-- {table.info['holds']}\n{write_statement(CreateTable(table), dialect)};")
        if rows := wanted.rows.get(table):
            parts.append(f"{write_statement(sa.insert(table).values(rows), dialect)};")
    *steps, last = list_steps(wanted)
    parts += [f"-- {step.makes}\n{write_statement(step.statement, dialect)};" for step in steps]
    parts.append(f"-- {last.makes}\n{write_statement(last.query, dialect)};")
    parts += [f"{write_statement(DropTable(table), dialect)};" for table in WORK_TABLES]
    return "\n\n".join(parts)


def list_steps(wanted: Wanted) -> list[Step]:
    """Return the steps from the facts to kpi_value, in their order."""
    steps = [
        Step("Who has to report to each source.", due_reporter, _select_due_reporters()),
        Step("How many of them each geography has.", due_count, _count_due_reporters()),
    ]
    for number, term in enumerate(wanted.terms):
        name = f"{term.term.words()}, over time as {term.over_time}"
        figures = _select_figures(number, term, wanted.quarters)
        steps.append(Step(f"Figures: {name}.", term_figure, figures))
        zeros = _select_zeros(number, term, wanted.quarters)
        if zeros is not None:
            steps.append(Step(f"Zeros where a row that is not there means none: {name}.", term_figure, zeros))
    return [
        *steps,
        Step("Figures by geography, with the days on which they stood.", standing_figure, _select_standing_figures()),
        Step("What each day adds and takes: sums of months or quarters.", daily_change, _select_changes_of_sums()),
        Step("What each day adds and takes: the last of stocks.", daily_change, _select_changes_of_stocks()),
        Step("The values on the days on which they change.", kpi_value, _select_values()),
    ]


# ---- term_figure: what the facts have ----------------------------------------------------------------------------


def _select_figures(number: int, term: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a term's figures as the fact has them."""
    fact, measure, unit = term.term.table.c, term.term.figure, term.unit
    time = fact[term.term.period_column]
    exact = sa.cast(sa.func.round(sa.cast(measure, Double) * SCALE), BigInteger)
    named_unit = sa.literal("") if unit is None else sa.func.coalesce(unit, "")
    return (
        sa.select(
            sa.literal(number).label("term"),
            fact.release_id,
            time.label("time"),
            named_unit.label("unit"),
            sa.cast(sa.func.sum(exact), BigInteger).label("value"),
        )
        .where(fact.quarter_start.in_(quarters), measure.is_not(None), *term.term.conditions())
        .group_by(fact.release_id, time, *([] if unit is None else [unit]))
    )


def _select_zeros(number: int, term: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any] | None:
    """Return zeros for all that a term's releases cover; None where a row that is not there is missing.

    A zero beside a figure changes no sum; where there is no figure it makes the sum 0 instead of missing. For whom
    there are zeros depends on who says, by saying nothing, that there were none.
    """
    if term.term.missing_row == "missing":
        return None
    if term.unit is None:
        return _select_zeros_of_nation(number, term, quarters)
    if not term.has_many_reporters:
        return _select_zeros_of_units(number, term, term.scheme, quarters)
    if not term.term.reporters.column:
        return _select_zeros_of_returns(number, term, quarters)
    return _select_zeros_of_reporters_in_file(number, term, term.unit, quarters)


def _select_zeros_of_nation(number: int, term: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero a release: of ``small_boat_arrivals``, days on which nobody came are not listed."""
    return _select_zeros_of_vintages(number, term, quarters, sa.literal(""), vintage)


def _select_zeros_of_units(number: int, term: WantedTerm, scheme: str, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero for every unit there is: of ``nrm_police_referrals``, the publisher lists forces with referrals."""
    units = sa.select(unit_place.c.unit).where(unit_place.c.scheme == scheme).distinct().subquery("known_unit")
    pairs = vintage.join(units, sa.true())
    return _select_zeros_of_vintages(number, term, quarters, units.c.unit, pairs)


def _select_zeros_of_returns(number: int, term: WantedTerm, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    """Return a zero for who sent a release: of ``live_investigations``, each force's return is its own alone."""
    return _select_zeros_of_vintages(number, term, quarters, vintage.c.reporter, vintage)


def _select_zeros_of_reporters_in_file(
    number: int, term: WantedTerm, unit: sa.Column[Any], quarters: Sequence[dt.date]
) -> sa.Select[Any]:
    """Return a zero for who has any row in a release that holds all.

    Of ``modern_slavery_charge_outcome_rate``, a force of which the file has other outcomes has had no charge; one of
    which it has nothing at all may not have reported.
    """
    member = {"force_code": dim_force.c.force_code, "cps_area": dim_cps_area.c.cps_area_code}[unit.name]
    pairs = vintage.join(member.table, sa.true())
    zeros = _select_zeros_of_vintages(number, term, quarters, member, pairs)
    return zeros.where(_has_any_row(term.term.table, unit, member))


def _select_zeros_of_vintages(
    number: int, term: WantedTerm, quarters: Sequence[dt.date], unit: Any, rows: sa.FromClause
) -> sa.Select[Any]:
    """Return a zero for each of the vintages of a term and the units that ``rows`` joins to it."""
    return (
        sa.select(
            sa.literal(number).label("term"),
            vintage.c.release_id,
            vintage.c.period_start.label("time"),
            unit.label("unit"),
            sa.literal(0).label("value"),
        )
        .select_from(rows)
        .where(
            vintage.c.fact == term.term.fact,
            vintage.c.breakdown == term.term.breakdown,
            vintage.c.quarter_start.in_(quarters),
        )
    )


def _has_any_row(table: sa.Table, unit: sa.Column[Any], member: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Return whether the release of a vintage has a row of a force or area at all in the quarter.

    Answered for each pair from the primary key, thanks to the limit; else the whole fact would be read.
    """
    fact = table.c
    any_row = (
        sa.select(unit)
        .where(fact.quarter_start == vintage.c.quarter_start, fact.release_id == vintage.c.release_id, unit == member)
        .correlate(vintage, member.table)
        .limit(1)
        .scalar_subquery()
    )
    return any_row.is_not(None)


# ---- standing_figure: by geography, with the days on which each stood --------------------------------------------

# Whether a term's geography at a level is made up of several reporters, of whom some may be missing.
_has_several_reporters = sa.and_(
    wanted_term.c.has_many_reporters, term_level.c.geography_kind.in_((NATIONAL, "rocu_region"))
)
# The geography of a unit at a level: the nation, or what the unit belongs to.
_geography = sa.func.coalesce(term_level.c.nation, unit_place.c.geography)


def _is_place_of(unit: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition on ``unit_place`` that it is that of a unit, at the level of ``term_level``."""
    return sa.and_(
        unit_place.c.scheme == wanted_term.c.scheme,
        unit_place.c.unit == unit,
        unit_place.c.geography_kind == term_level.c.geography_kind,
    )


def _select_due_reporters() -> sa.Select[Any]:
    return sa.select(coverage.c.source, coverage.c.reporter).where(coverage.c.expected).distinct()


def _count_due_reporters() -> sa.Select[Any]:
    """Return how many reporters are due for a term's geography, where there can be several."""
    return (
        sa.select(
            wanted_term.c.term,
            _geography.label("geography"),
            sa.func.count(due_reporter.c.reporter.distinct()).label("reporters"),
        )
        .join(term_level, term_level.c.term == wanted_term.c.term)
        .join(due_reporter, due_reporter.c.source == wanted_term.c.source)
        .outerjoin(unit_place, _is_place_of(due_reporter.c.reporter))
        .where(_has_several_reporters, _geography.is_not(None))
        .group_by(wanted_term.c.term, _geography)
    )


def _select_standing_figures() -> sa.Select[Any]:
    """Return the figures of each geography, with the days from and until which they stood."""
    is_its_vintage = sa.and_(
        vintage.c.fact == wanted_term.c.fact,
        vintage.c.breakdown == wanted_term.c.breakdown,
        vintage.c.period_start == term_figure.c.time,
        vintage.c.release_id == term_figure.c.release_id,
    )
    is_due = sa.and_(due_reporter.c.source == wanted_term.c.source, due_reporter.c.reporter == term_figure.c.unit)
    # Who reported matters where a later month of the same reporter takes the place of an earlier one.
    reporter = sa.case((wanted_term.c.over_time == "last", vintage.c.reporter), else_="")
    keys = (term_figure.c.term, _geography, term_figure.c.time, reporter)
    stood = (vintage.c.published_on, vintage.c.superseded_on)
    reports = sa.case((_has_several_reporters, sa.func.count(due_reporter.c.reporter.distinct())), else_=1)
    return (
        sa.select(
            term_figure.c.term,
            _geography.label("geography"),
            term_figure.c.time,
            reporter.label("reporter"),
            sa.cast(sa.func.sum(term_figure.c.value), BigInteger).label("value"),
            reports.label("reports"),
            vintage.c.published_on.label("since"),
            vintage.c.superseded_on.label("until"),
        )
        .select_from(term_figure)
        .join(wanted_term, wanted_term.c.term == term_figure.c.term)
        .join(vintage, is_its_vintage)
        .join(term_level, term_level.c.term == term_figure.c.term)
        .outerjoin(unit_place, _is_place_of(term_figure.c.unit))
        .outerjoin(due_reporter, is_due)
        .where(_geography.is_not(None))
        .group_by(*keys, *stood, _has_several_reporters)
    )


# ---- daily_change: what each day adds and takes away -------------------------------------------------------------


def _select_changes_of_sums() -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them, where months or quarters are summed."""
    # A release from within a month or quarter is about a piece of it only, and counts as no report.
    is_report = period_part.c.time_end < standing_figure.c.since
    return _select_changes(_select_figures_in_periods("sum", is_report).cte("stood_in_period"))


def _select_changes_of_stocks() -> sa.Select[Any]:
    """Return the same of stocks, of which a period has each reporter's last.

    A reporter's month stands in a longer period as long as no later month of it does. For example a force has 5 live
    investigations in January, published on 10 February, and 7 in February, published on 9 March: in the quarter 5 stand
    from 10 February until 9 March, and 7 from then on. Should a release of 6 April say nothing of February any more,
    the 5 stand again from that day on.
    """
    # Of a source that reports once a year there is no later one to wait for.
    is_due_report = sa.or_(period_part.c.is_last, wanted_term.c.is_yearly)
    is_report = sa.and_(period_part.c.time_end < standing_figure.c.since, is_due_report)
    in_period = _select_figures_in_periods("last", is_report).cte("figure_in_period")
    stood = _tell_who_left_out(in_period)
    lasting = _select_last_where_nothing_goes(stood, sa.not_(stood.c.has_left_out))
    returning = _select_last_standing(sa.select(stood).where(stood.c.has_left_out).cte("stood_with_gaps"))
    return _select_changes(sa.union_all(lasting, returning).cte("stood_as_last"))


# Whose stock of which period a figure is.
_STOCK = ("term", "period", "geography", "reporter")


def _tell_who_left_out(figures: sa.CTE) -> sa.CTE:
    """Return the figures, each with ``has_left_out``: whether any of the same stock went and none came in its place."""
    of_month = [figures.c[name] for name in (*_STOCK, "time")]
    next_since = sa.func.lead(figures.c.since).over(partition_by=of_month, order_by=figures.c.since)
    followed = sa.select(*figures.c, next_since.label("next_since")).cte("figure_and_next")
    is_left_out = sa.and_(
        followed.c.until.is_not(None),
        sa.or_(followed.c.next_since.is_(None), followed.c.next_since != followed.c.until),
    )
    left_out = sa.func.max(sa.case((is_left_out, 1), else_=0)).over(partition_by=[followed.c[n] for n in _STOCK])
    counted = sa.select(*followed.c, left_out.label("left_out")).cte("figure_left_out")
    return sa.select(*counted.c, (counted.c.left_out == 1).label("has_left_out")).cte("stood_in_period")


def _select_last_where_nothing_goes(stood: sa.CTE, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the same as ``_select_last_standing`` without a join, of stocks of which no month that came ever goes.

    Nearly all are such. A month then stands until the earliest day on which any later one was published.
    """
    replaced_on = sa.func.min(stood.c.since).over(
        partition_by=[stood.c[name] for name in _STOCK],
        order_by=stood.c.time.desc(),
        groups=(None, -1),  # all months after this one, and not the month itself
    )
    replaced = sa.select(*stood.c, replaced_on.label("replaced_on")).where(condition).cte("figure_and_later")
    is_replaced_later = sa.or_(replaced.c.replaced_on.is_(None), replaced.c.until < replaced.c.replaced_on)
    until = sa.case((is_replaced_later, replaced.c.until), else_=replaced.c.replaced_on)
    return sa.select(
        *(replaced.c[name] for name in (*_STOCK, "since")), until.label("until"), replaced.c.value, replaced.c.reports
    ).where(sa.or_(until.is_(None), replaced.c.since < until))


def _select_last_standing(stood: sa.CTE) -> sa.Select[Any]:
    """Return the figures of stocks, each with the days from and until which no later month of its reporter stood.

    Between two days on which figures of a reporter come or go the same ones stand: there is a row for each such span.
    """
    names = _STOCK
    reporter = [stood.c[name] for name in names]
    comes = sa.select(*reporter, stood.c.since.label("day"))
    goes = sa.select(*reporter, stood.c.until.label("day")).where(stood.c.until.is_not(None))
    day_of_change = sa.union(comes, goes).cte("day_of_change")
    next_day = sa.func.lead(day_of_change.c.day).over(
        partition_by=[day_of_change.c[name] for name in names], order_by=day_of_change.c.day
    )
    span = sa.select(*day_of_change.c, next_day.label("next_day")).cte("span_without_change")
    is_standing = sa.and_(
        *(span.c[name] == stood.c[name] for name in names),
        stood.c.since <= span.c.day,
        sa.or_(stood.c.until.is_(None), span.c.day < stood.c.until),
    )
    months_later = sa.func.rank().over(
        partition_by=[*(span.c[name] for name in names), span.c.day], order_by=stood.c.time.desc()
    )
    standing = (
        sa.select(
            *(span.c[name] for name in names),
            span.c.day,
            span.c.next_day,
            stood.c.value,
            stood.c.reports,
            months_later.label("place"),
        )
        .join_from(span, stood, is_standing)
        .cte("standing_on_day")
    )
    return sa.select(
        *(standing.c[name] for name in names),
        standing.c.day.label("since"),
        standing.c.next_day.label("until"),
        standing.c.value,
        standing.c.reports,
    ).where(standing.c.place == 1)


def _select_figures_in_periods(over_time: str, is_report: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the figures of each period that stood for a day or more, with the days from and until which they did."""
    figure = standing_figure.c
    return (
        sa.select(
            figure.term,
            period_part.c.period,
            figure.geography,
            figure.reporter,
            figure.time,
            figure.since,
            figure.until,
            figure.value,
            sa.case((is_report, figure.reports), else_=0).label("reports"),
        )
        .join(wanted_term, wanted_term.c.term == figure.term)
        .join(
            period_part,
            sa.and_(period_part.c.finest_period == wanted_term.c.finest_period, period_part.c.time == figure.time),
        )
        .where(wanted_term.c.over_time == over_time, sa.or_(figure.until.is_(None), figure.since < figure.until))
    )


def _select_changes(stood: sa.CTE) -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them: each figure once as it comes, once as it goes."""
    comes = sa.select(*stood.c, stood.c.since.label("as_of"), sa.literal(1).label("sign"))
    goes = sa.select(*stood.c, stood.c.until.label("as_of"), sa.literal(-1).label("sign")).where(
        stood.c.until.is_not(None)
    )
    event = sa.union_all(comes, goes).cte("coming_or_going")
    keys = (event.c.term, event.c.period, event.c.geography, event.c.as_of)
    return sa.select(
        *keys,
        sa.cast(sa.func.sum(event.c.sign * event.c.value), BigInteger).label("value"),
        sa.func.sum(event.c.sign).label("figures"),
        sa.func.sum(event.c.sign * event.c.reports).label("reports"),
    ).group_by(*keys)


# ---- kpi_value: the running sums, on the days on which what they say changes -------------------------------------

_COUNTED = ("value", "figures", "reports")


def _select_running_totals() -> sa.CTE:
    """Return, for each KPI, period, geography and day, each side's change on the day and its sum up to then.

    Columns: ``numerator_value``, ``numerator_figures``, ``numerator_reports`` and the same of the denominator, each as
    the change of the day, and with ``_so_far`` as the running sum.
    """
    keys = (kpi_term.c.kpi, daily_change.c.period, daily_change.c.geography, daily_change.c.as_of)
    changes = []
    for side, is_denominator in (("numerator", False), ("denominator", True)):
        for counted in _COUNTED:
            of_side = sa.case((kpi_term.c.is_denominator == is_denominator, daily_change.c[counted]), else_=0)
            changes.append(sa.func.sum(of_side).label(f"{side}_{counted}"))
    is_its_period = sa.and_(
        wanted_period.c.period == daily_change.c.period, wanted_period.c.kind == kpi_term.c.period_kind
    )
    change = (
        sa.select(*keys, *changes)
        .join_from(kpi_term, daily_change, daily_change.c.term == kpi_term.c.term)
        .join(wanted_period, is_its_period)
        .group_by(*keys)
        .cte("change_of_day")
    )
    up_to_day: dict[str, Any] = {
        "partition_by": (change.c.kpi, change.c.period, change.c.geography),
        "order_by": change.c.as_of,
        "rows": (None, 0),
    }
    so_far = [sa.func.sum(change.c[each.name]).over(**up_to_day).label(f"{each.name}_so_far") for each in changes]
    return sa.select(*change.c, *so_far).cte("running_total")


@dataclass(frozen=True)
class _SideSums:
    """What is known of a KPI on a day: its two sides, in ten-thousandths, and how many reports had been received."""

    numerator: sa.ColumnElement[Any]
    denominator: sa.ColumnElement[Any]
    received: sa.ColumnElement[Any]


def _read_sides_after_day(totals: sa.CTE) -> _SideSums:
    """Return what is known once the day's changes are in."""
    return _read_sides({name: totals.c[f"{name}_so_far"] for name in _list_side_columns()})


def _read_sides_before_day(totals: sa.CTE) -> _SideSums:
    """Return what was known before the day."""
    return _read_sides({name: totals.c[f"{name}_so_far"] - totals.c[name] for name in _list_side_columns()})


def _list_side_columns() -> list[str]:
    return [f"{side}_{counted}" for side in ("numerator", "denominator") for counted in _COUNTED]


def _read_sides(sums: dict[str, sa.ColumnElement[Any]]) -> _SideSums:
    """Return what sums say: a side without any figure is missing, and a share has the reports that both sides have."""
    is_share = wanted_kpi.c.denominator_kind == "term"
    denominator_has_fewer = sums["denominator_reports"] < sums["numerator_reports"]
    return _SideSums(
        numerator=sa.case((sums["numerator_figures"] > 0, sums["numerator_value"])),
        denominator=sa.case((sa.and_(is_share, sums["denominator_figures"] > 0), sums["denominator_value"])),
        received=sa.case(
            (sa.and_(is_share, denominator_has_fewer), sums["denominator_reports"]), else_=sums["numerator_reports"]
        ),
    )


def _select_changed_values() -> sa.CTE:
    """Return both sides and the reports received, on the days on which any of the three changes."""
    totals = _select_running_totals()
    after, before = _read_sides_after_day(totals), _read_sides_before_day(totals)
    has_changed = sa.or_(
        _differs(after.numerator, before.numerator),
        _differs(after.denominator, before.denominator),
        _differs(after.received, before.received),
    )
    return (
        sa.select(
            totals.c.kpi,
            totals.c.period,
            totals.c.geography,
            totals.c.as_of,
            (sa.cast(after.numerator, Double) / SCALE).label("numerator"),
            (sa.cast(after.denominator, Double) / SCALE).label("denominator"),
            sa.cast(after.received, Integer).label("received"),
        )
        .join_from(totals, wanted_kpi, wanted_kpi.c.kpi == totals.c.kpi)
        .where(has_changed)
        .cte("changed_value")
    )


def _differs(one: sa.ColumnElement[Any], other: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether two values differ; a missing one differs from every other, but from no missing one."""
    # SQLAlchemy's is_distinct_from says the same, but on SQLite it cannot be shown as text.
    return sa.or_(one != other, one.is_(None) != other.is_(None))


def _select_values() -> sa.Select[Any]:
    """Return the rows of kpi_value."""
    changed = _select_changed_values()
    reporters = sa.func.coalesce(due_count.c.reporters, 1)
    months_of_period = sa.case((wanted_term.c.finest_period == "month", 1), else_=3)
    # Of a stock the last month or quarter is due, of a sum each of them.
    expected = sa.case(
        (wanted_term.c.over_time == "last", reporters),
        else_=reporters * wanted_period.c.months / months_of_period,
    )
    # An average divides by the months or quarters of which every reporter has reported, in parts where some have.
    is_average = wanted_kpi.c.denominator_kind == "periods reported"
    periods_reported = sa.cast(changed.c.received, Double) / reporters
    denominator = sa.case((sa.and_(is_average, changed.c.received > 0), periods_reported), else_=changed.c.denominator)
    is_plain = wanted_kpi.c.denominator_kind.is_(None)
    value = sa.case((is_plain, changed.c.numerator), (denominator != 0, changed.c.numerator / denominator))
    status = sa.case(
        (value.is_(None), "not computable"), (changed.c.received < expected, "incomplete"), else_="complete"
    )
    columns = {
        "kpi_id": wanted_kpi.c.kpi_id,
        "period_kind": wanted_period.c.kind,
        "period_start": wanted_period.c.start,
        "geography_kind": wanted_geography.c.kind,
        "geography_code": wanted_geography.c.code,
        "as_of": changed.c.as_of,
        "period_label": wanted_period.c.label,
        "numerator": changed.c.numerator,
        "denominator": denominator,
        "value": value,
        "unit": wanted_kpi.c.unit,
        "status": status,
        "parts_expected": sa.cast(expected, Integer),
        "parts_received": changed.c.received,
    }
    is_due_count = sa.and_(due_count.c.term == wanted_kpi.c.numerator, due_count.c.geography == changed.c.geography)
    return (
        sa.select(*(columns[column.name].label(column.name) for column in kpi_value.columns))
        .select_from(changed)
        .join(wanted_kpi, wanted_kpi.c.kpi == changed.c.kpi)
        .join(wanted_term, wanted_term.c.term == wanted_kpi.c.numerator)
        .join(wanted_period, wanted_period.c.period == changed.c.period)
        .join(wanted_geography, wanted_geography.c.geography == changed.c.geography)
        .outerjoin(due_count, is_due_count)
    )
