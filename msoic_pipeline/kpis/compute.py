"""KPIs: computed in SQL, all periods, geographies and vintages in one pass.

The figures that a KPI rests on each stood for a time: from the publication of their release until a later one covered
the same ground (table ``vintage``). So each is added to its period on the first of these days and taken away on the
other, and the running sum over the days is what was known on each of them:

    leaf    fact → term × release × month or quarter × reporting unit
    part    → with geography, and the days on which it was published and superseded
    step    → what each day adds to and takes from each period
    kpi_value   the running sums, on the days on which they change

Figures are added as whole ten-thousandths, so that sums are exact and the same on every engine.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definitions import Kpi, Term, definitions_digest, load_definitions, write_definitions
from msoic_pipeline.model import members
from msoic_pipeline.model.dimensions import dim_cps_area, dim_force, dim_period
from msoic_pipeline.model.evidence import coverage, load_log, vintage
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, period_end, period_start, periods, shift_months
from msoic_pipeline.warehouse import reading, writing

STAGE = "kpi"
SCALE = 10_000
POLICE_FORCES = ("territorial force", "special force")

# What was known on a day, for readers who write SQL themselves.
AS_AT_SQL = """\
SELECT v.*
FROM kpi_value v
WHERE v.as_of = (
    SELECT max(k.as_of)
    FROM kpi_value k
    WHERE k.kpi_id = v.kpi_id
      AND k.period_kind = v.period_kind
      AND k.period_start = v.period_start
      AND k.geography_kind = v.geography_kind
      AND k.geography_code = v.geography_code
      AND k.as_of <= :as_at
)"""

_work = sa.MetaData()


def _table(name: str, *columns: Column[Any]) -> sa.Table:
    return sa.Table(f"work_kpi_{name}", _work, *columns, prefixes=["TEMPORARY"])


def _keys(*names: str) -> list[Column[Any]]:
    return [Column(name, Date if name in ("time", "as_of", "period_start") else String) for name in names]


term_table = _table(
    "term",
    Column("term", Integer, primary_key=True),
    *_keys("fact", "breakdown", "source", "grain", "scheme", "over_time"),
    Column("by_reporter", Boolean),
)
level = _table("level", Column("term", Integer), *_keys("geography_kind", "national_code"))
place = _table("place", *_keys("scheme", "unit", "geography_kind", "geography_code"))
reporter = _table("reporter", *_keys("source", "reporter"))
side = _table("side", *_keys("kpi_id", "period_kind"), Column("term", Integer), Column("is_denominator", Boolean))
shape = _table(
    "shape", Column("kpi_id", String, primary_key=True), Column("term", Integer), Column("denominator", String)
)
span = _table(
    "span",
    *_keys("grain", "time", "period_kind", "period_start"),
    Column("time_end", Date),
    Column("is_last", Boolean),
    Column("subperiods", Integer),
)
leaf = _table("leaf", Column("term", Integer), *_keys("release_id", "time", "unit"), Column("value", BigInteger))
part = _table(
    "part",
    Column("term", Integer),
    *_keys("geography_kind", "geography_code", "time", "reporter"),
    Column("value", BigInteger),
    Column("reports", Integer),
    Column("since", Date),
    Column("until", Date),
)
KEY = ("period_kind", "period_start", "geography_kind", "geography_code")
step = _table(
    "step",
    Column("term", Integer),
    *_keys(*KEY, "as_of"),
    Column("value", BigInteger),
    Column("figures", Integer),
    Column("reports", Integer),
)


def compute_quarters(engine: Engine, quarters: Sequence[dt.date]) -> dict[dt.date, int]:
    """Compute the KPIs of all periods that touch ``quarters``: their months, the quarters, their years.

    Quarters for which nothing that goes in has changed are left alone, and absent from what is returned: the number of
    rows written for the periods that touch each other quarter. All of it is one transaction.
    """
    fingerprints = _stale(engine, quarters)
    if not fingerprints:
        return {}
    targets = _periods_touching(fingerprints)
    with writing(engine) as connection, _work_tables(connection):
        write_definitions(connection)
        _prepare(connection, load_definitions(), targets)
        _collect(connection, load_definitions(), targets)
        _accumulate(connection)
        connection.execute(sa.delete(kpi_value).where(_about(kpi_value, targets)))
        connection.execute(_insert_values())
        connection.execute(
            sa.delete(load_log).where(load_log.c.stage == STAGE, load_log.c.quarter_start.in_(fingerprints))
        )
        connection.execute(
            sa.insert(load_log),
            [{"stage": STAGE, "quarter_start": q, "fingerprint": digest} for q, digest in fingerprints.items()],
        )
        written = connection.execute(
            sa.select(kpi_value.c.period_kind, kpi_value.c.period_start, sa.func.count())
            .where(_about(kpi_value, targets))
            .group_by(kpi_value.c.period_kind, kpi_value.c.period_start)
        )
        rows = Counter({(kind, start): number for kind, start, number in written})
    return {
        quarter: sum(rows[kind, start] for kind, starts in _periods_touching([quarter]).items() for start in starts)
        for quarter in fingerprints
    }


def _stale(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, str]:
    """Return the quarters to compute, with the digest of all that goes into the periods that touch them."""
    with reading(engine) as connection:
        log = connection.execute(sa.select(load_log.c.stage, load_log.c.quarter_start, load_log.c.fingerprint)).all()
    known = {quarter: digest for stage, quarter, digest in log if stage == STAGE}
    loads = defaultdict(list)
    for stage, quarter, digest in log:
        if stage.startswith("load "):
            loads[quarter].append(f"{stage} {quarter} {digest}")
    stale = {}
    for quarter in sorted(set(quarters)):
        parts = [definitions_digest(), members.digest()]
        parts += [line for needed in _quarters_of(_periods_touching([quarter])) for line in sorted(loads[needed])]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        if known.get(quarter) != digest:
            stale[quarter] = digest
    return stale


def _periods_touching(quarters: Iterable[dt.date]) -> dict[str, list[dt.date]]:
    """Return, by kind, the first days of the periods that lie in or hold ``quarters``."""
    touching: dict[str, set[dt.date]] = {kind: set() for kind in PERIOD_MONTHS}
    for quarter in quarters:
        for kind, starts in touching.items():
            starts.update(periods(kind, quarter, period_end("quarter", quarter)))
    return {kind: sorted(starts) for kind, starts in touching.items()}


def _quarters_of(targets: Mapping[str, Sequence[dt.date]]) -> list[dt.date]:
    return sorted(
        {
            quarter
            for kind, starts in targets.items()
            for start in starts
            for quarter in periods("quarter", start, period_end(kind, start))
        }
    )


def _about(table: sa.Table, targets: Mapping[str, Sequence[dt.date]]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(sa.and_(table.c.period_kind == kind, table.c.period_start.in_(starts)) for kind, starts in targets.items())
    )


@contextmanager
def _work_tables(connection: Connection) -> Iterator[None]:
    """Make the temporary tables, within the transaction; where it fails they go with it."""
    _work.create_all(connection, checkfirst=False)
    yield
    _work.drop_all(connection, checkfirst=False)


def _terms(kpis: Iterable[Kpi]) -> tuple[list[tuple[Term, Kpi]], dict[str, list[int]]]:
    """Return the terms to sum up, each with a KPI that needs it, and by KPI the numbers of its own.

    KPIs that need the same figures in the same way share one.
    """
    terms: dict[Any, tuple[Term, Kpi]] = {}
    needed: dict[str, list[int]] = {}
    for kpi in kpis:
        own = [term for term in (kpi.numerator, kpi.denominator) if isinstance(term, Term)]
        shared = [(term.model_dump_json(), kpi.over_time, kpi.national, kpi.below) for term in own]
        for identity, term in zip(shared, own, strict=True):
            terms.setdefault(identity, (term, kpi))
        needed[kpi.kpi_id] = [list(terms).index(identity) for identity in shared]
    return list(terms.values()), needed


def _scheme(term: Term, kpi: Kpi) -> str:
    """Return how the units of a term's fact are placed: programme activity names forces, or regions, by their names."""
    if "force_code" in term.table.columns:
        return "force"
    if "cps_area" in term.table.columns:
        return "cps_area"
    return "force name" if "force" in kpi.below else "region name"


def _unit(term: Term, kpi: Kpi) -> sa.Column[Any] | None:
    """Return the fact's column of units, where the KPI is divided by them or they are who reports."""
    if not kpi.below and term.reporters.dimension == "publisher":
        return None
    return term.table.c[{"force": "force_code", "cps_area": "cps_area"}.get(_scheme(term, kpi), "geography")]


def _prepare(connection: Connection, kpis: Sequence[Kpi], targets: Mapping[str, Sequence[dt.date]]) -> None:
    """Fill the tables that say what is wanted: terms, geographies, reporters, KPIs, periods."""
    terms, needed = _terms(kpis)
    connection.execute(
        sa.insert(term_table),
        [
            {
                "term": number,
                "fact": term.fact,
                "breakdown": term.breakdown,
                "source": term.table.info["source"],
                "grain": term.grain,
                "scheme": _scheme(term, kpi),
                "over_time": kpi.over_time,
                "by_reporter": term.reporters.dimension != "publisher",
            }
            for number, (term, kpi) in enumerate(terms)
        ],
    )
    connection.execute(
        sa.insert(level),
        [
            {"term": number, "geography_kind": kind, "national_code": kpi.national if kind == "national" else None}
            for number, (_, kpi) in enumerate(terms)
            for kind in ("national", *kpi.below)
        ],
    )
    connection.execute(
        sa.insert(side),
        [
            {"kpi_id": kpi.kpi_id, "period_kind": kind, "term": number, "is_denominator": bool(is_denominator)}
            for kpi in kpis
            for is_denominator, number in enumerate(needed[kpi.kpi_id])
            for kind in kpi.kinds
        ],
    )
    connection.execute(
        sa.insert(shape),
        [
            {
                "kpi_id": kpi.kpi_id,
                "term": needed[kpi.kpi_id][0],
                "denominator": "term" if isinstance(kpi.denominator, Term) else kpi.denominator,
            }
            for kpi in kpis
        ],
    )
    connection.execute(
        sa.insert(span),
        [
            {
                "grain": grain,
                "time": time,
                "time_end": period_end(grain, time),
                "period_kind": kind,
                "period_start": start,
                "is_last": period_end(grain, time) == period_end(kind, start),
                "subperiods": PERIOD_MONTHS[kind] // PERIOD_MONTHS[grain],
            }
            for grain in ("month", "quarter")
            for kind, starts in targets.items()
            if PERIOD_MONTHS[kind] >= PERIOD_MONTHS[grain]
            for start in starts
            for time in periods(grain, start, period_end(kind, start))
        ],
    )
    connection.execute(sa.insert(place).from_select(list(place.c.keys()), _places()))
    connection.execute(
        sa.insert(reporter).from_select(
            ["source", "reporter"], sa.select(coverage.c.source, coverage.c.reporter).where(coverage.c.expected).distinct()
        )
    )


def _places() -> sa.CompoundSelect[Any]:
    """Return the geographies below the nation to which each unit belongs, by the scheme in which the unit is written."""
    force, area = dim_force.c, dim_cps_area.c
    is_force, has_region = force.kind.in_(POLICE_FORCES), force.rocu_region.is_not(None)
    code = sa.literal
    return sa.union_all(
        sa.select(code("force"), force.force_code, code("force"), force.force_code).where(is_force),
        sa.select(code("force"), force.force_code, code("rocu_region"), force.rocu_region).where(has_region),
        sa.select(code("force name"), force.name, code("force"), force.force_code).where(is_force),
        sa.select(code("force name"), force.name, code("rocu_region"), force.rocu_region).where(has_region),
        sa.select(code("region name"), force.rocu_region, code("rocu_region"), force.rocu_region)
        .where(has_region)
        .distinct(),
        sa.select(code("cps_area"), area.cps_area_code, code("cps_area"), area.cps_area_code),
    )


def _collect(connection: Connection, kpis: Sequence[Kpi], targets: Mapping[str, Sequence[dt.date]]) -> None:
    """Fill ``leaf``: each term's figures by release, month or quarter, and unit."""
    quarters = _quarters_of(targets)
    for number, (term, kpi) in enumerate(_terms(kpis)[0]):
        for select in (_figures(number, term, kpi, quarters), *_zeros(number, term, kpi, quarters)):
            connection.execute(sa.insert(leaf).from_select(list(leaf.c.keys()), select))


def _figures(number: int, term: Term, kpi: Kpi, quarters: Sequence[dt.date]) -> sa.Select[Any]:
    fact, measure = term.table.c, term.table.c[term.measure]
    time, unit = fact[f"{term.grain}_start"], _unit(term, kpi)
    exact = sa.cast(sa.func.sum(sa.cast(sa.func.round(sa.cast(measure, Double) * SCALE), BigInteger)), BigInteger)
    return (
        sa.select(
            sa.literal(number), fact.release_id, time, sa.literal("") if unit is None else sa.func.coalesce(unit, ""), exact
        )
        .where(fact.quarter_start.in_(quarters), measure.is_not(None), *_conditions(term))
        .group_by(fact.release_id, time, *([] if unit is None else [unit]))
    )


def _conditions(term: Term) -> Iterator[sa.ColumnElement[bool]]:
    for name, condition in term.where.items():
        own, column = term.column(name)
        meets = column.not_in(condition.values) if condition.negated else column.in_(condition.values)
        if own is not column:  # a dimension's: its members that meet the condition
            member = next(c for c in column.table.c if c.primary_key)
            meets = own.in_(sa.select(member).where(meets))
        yield meets


def _zeros(number: int, term: Term, kpi: Kpi, quarters: Sequence[dt.date]) -> Iterator[sa.Select[Any]]:
    """Yield zeros for the units that a release covers, where a row that is not there means zero."""
    if term.missing_row == "missing":
        return
    fact, unit = term.table.c, _unit(term, kpi)
    covered = sa.and_(
        vintage.c.fact == term.fact, vintage.c.breakdown == term.breakdown, vintage.c.quarter_start.in_(quarters)
    )

    def select(of: Any, source: Any = vintage) -> sa.Select[Any]:
        return (
            sa.select(sa.literal(number), vintage.c.release_id, vintage.c.period_start, of, sa.literal(0))
            .select_from(source)
            .where(covered)
        )

    if unit is None:
        yield select(sa.literal(""))
    elif term.reporters.dimension == "publisher":
        units = sa.select(place.c.unit).where(place.c.scheme == _scheme(term, kpi)).distinct().subquery()
        yield select(units.c.unit, vintage.join(units, sa.true()))
    elif not term.reporters.column:
        yield select(vintage.c.reporter)
    else:
        member = dim_force.c.force_code if unit.name == "force_code" else dim_cps_area.c.cps_area_code
        # A scalar subquery with a limit is answered from the primary key for each pair; a semi-join would scan the fact.
        any_row = (
            sa.select(1)
            .where(
                fact.quarter_start == vintage.c.quarter_start,
                fact.release_id == vintage.c.release_id,
                unit == member,
            )
            .correlate(vintage, member.table)
            .limit(1)
            .scalar_subquery()
        )
        yield select(member, vintage.join(member.table, sa.true())).where(any_row.is_not(None))


def _accumulate(connection: Connection) -> None:
    """Fill ``part`` from ``leaf``, and ``step`` from ``part``."""
    term = term_table.c
    code = sa.case((level.c.geography_kind == "national", level.c.national_code), else_=place.c.geography_code)
    several = sa.and_(term.by_reporter, level.c.geography_kind.in_(("national", "rocu_region")))
    who = sa.case((term.over_time == "last", vintage.c.reporter), else_="")
    parts = (
        sa.select(
            leaf.c.term,
            level.c.geography_kind,
            code,
            leaf.c.time,
            who,
            sa.cast(sa.func.sum(leaf.c.value), BigInteger),
            sa.case((several, sa.func.count(reporter.c.reporter.distinct())), else_=1),
            vintage.c.published_on,
            vintage.c.superseded_on,
        )
        .select_from(leaf)
        .join(term_table, term.term == leaf.c.term)
        .join(
            vintage,
            sa.and_(
                vintage.c.fact == term.fact,
                vintage.c.breakdown == term.breakdown,
                vintage.c.period_start == leaf.c.time,
                vintage.c.release_id == leaf.c.release_id,
            ),
        )
        .join(level, level.c.term == leaf.c.term)
        .outerjoin(
            place,
            sa.and_(
                place.c.scheme == term.scheme,
                place.c.unit == leaf.c.unit,
                place.c.geography_kind == level.c.geography_kind,
            ),
        )
        .outerjoin(reporter, sa.and_(reporter.c.source == term.source, reporter.c.reporter == leaf.c.unit))
        .where(code.is_not(None))
        .group_by(
            leaf.c.term,
            level.c.geography_kind,
            code,
            leaf.c.time,
            who,
            term.by_reporter,
            vintage.c.published_on,
            vintage.c.superseded_on,
        )
    )
    connection.execute(sa.insert(part).from_select(list(part.c.keys()), parts))
    for over_time in ("sum", "last"):
        connection.execute(sa.insert(step).from_select(list(step.c.keys()), _steps(over_time)))


def _steps(over_time: str) -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them.

    Of stocks a reporter's month counts until a later month of the period is published, or a later release covers it.
    """
    counts = span.c.time_end < part.c.since  # a release from within a period cannot be about the whole of it
    until: sa.ColumnElement[Any] = part.c.until
    if over_time == "last":
        counts = sa.and_(counts, span.c.is_last)
        later = sa.func.min(part.c.since).over(
            partition_by=[part.c[n] for n in ("term", "geography_kind", "geography_code", "reporter")]
            + [span.c.period_kind, span.c.period_start],
            order_by=part.c.time.desc(),
            groups=(None, -1),
        )
        until = sa.case((sa.and_(until.is_not(None), sa.or_(later.is_(None), until < later)), until), else_=later)
    stood = (
        sa.select(
            part.c.term,
            *(span.c[name] if name in span.c else part.c[name] for name in KEY),
            part.c.since,
            until.label("until"),
            part.c.value,
            sa.case((counts, part.c.reports), else_=0).label("reports"),
        )
        .join(term_table, term_table.c.term == part.c.term)
        .join(span, sa.and_(span.c.grain == term_table.c.grain, span.c.time == part.c.time))
        .where(term_table.c.over_time == over_time)
        .subquery()
    )
    sign = sa.union_all(sa.select(sa.literal(1).label("sign")), sa.select(sa.literal(-1))).subquery().c.sign
    as_of = sa.case((sign == 1, stood.c.since), else_=stood.c.until)
    keys = [stood.c.term, *(stood.c[name] for name in KEY), as_of]
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(sign * stood.c.value), BigInteger),
            sa.func.sum(sign),
            sa.func.sum(sign * stood.c.reports),
        )
        .select_from(stood.join(sign.table, sa.true()))
        .where(as_of.is_not(None), sa.or_(stood.c.until.is_(None), stood.c.since < stood.c.until))
        .group_by(*keys)
    )


def _due() -> sa.Subquery:
    """Return how many reporters are due for each term and geography, where there can be several."""
    term = term_table.c
    code = sa.case((level.c.geography_kind == "national", level.c.national_code), else_=place.c.geography_code)
    return (
        sa.select(
            term.term,
            level.c.geography_kind,
            code.label("geography_code"),
            sa.func.count(reporter.c.reporter.distinct()).label("reporters"),
        )
        .select_from(term_table)
        .join(level, sa.and_(level.c.term == term.term, level.c.geography_kind.in_(("national", "rocu_region"))))
        .join(reporter, reporter.c.source == term.source)
        .outerjoin(
            place,
            sa.and_(
                place.c.scheme == term.scheme,
                place.c.unit == reporter.c.reporter,
                place.c.geography_kind == level.c.geography_kind,
            ),
        )
        .where(term.by_reporter, code.is_not(None))
        .group_by(term.term, level.c.geography_kind, code)
        .subquery("due")
    )


def _insert_values() -> sa.Insert:
    """Return the statement that makes kpi_value's rows of ``step``: the running sums on the days on which they change."""
    names = ("value", "figures", "reports")
    deltas = (
        sa.select(
            side.c.kpi_id,
            *(step.c[name] for name in (*KEY, "as_of")),
            *(
                sa.func.sum(sa.case((side.c.is_denominator == is_denominator, step.c[name]), else_=0)).label(prefix + name)
                for is_denominator, prefix in ((False, "n_"), (True, "d_"))
                for name in names
            ),
        )
        .join(step, sa.and_(step.c.term == side.c.term, step.c.period_kind == side.c.period_kind))
        .group_by(side.c.kpi_id, *(step.c[name] for name in (*KEY, "as_of")))
        .subquery("delta")
    )

    def over_days(name: str) -> Any:
        keys = [deltas.c[key] for key in ("kpi_id", *KEY)]
        return sa.func.sum(deltas.c[name]).over(partition_by=keys, order_by=deltas.c.as_of).label(name)

    known = sa.select(
        *(deltas.c[key] for key in ("kpi_id", *KEY, "as_of")),
        *(over_days(prefix + name) for prefix in ("n_", "d_") for name in names),
    ).subquery("known")
    due = _due()
    is_share, is_average = shape.c.denominator == "term", shape.c.denominator == "periods reported"
    reporters = sa.func.coalesce(due.c.reporters, 1)
    subperiods = sa.case((term_table.c.over_time == "last", 1), else_=span.c.subperiods)
    received = sa.case((sa.and_(is_share, known.c.d_reports < known.c.n_reports), known.c.d_reports), else_=known.c.n_reports)

    def figure(value: Any) -> Any:
        return sa.cast(value, Double) / float(SCALE)

    lengths = sa.select(span.c.grain, span.c.period_kind, span.c.period_start, span.c.subperiods).distinct().subquery()
    subperiods = sa.case((term_table.c.over_time == "last", 1), else_=lengths.c.subperiods)
    shaped = (
        sa.select(
            *(known.c[key] for key in ("kpi_id", *KEY, "as_of")),
            sa.case((known.c.n_figures > 0, figure(known.c.n_value))).label("numerator"),
            sa.case(
                (sa.and_(is_share, known.c.d_figures > 0), figure(known.c.d_value)),
                (sa.and_(is_average, known.c.n_reports > 0), sa.cast(known.c.n_reports, Double) / reporters),
            ).label("denominator"),
            shape.c.denominator.is_not(None).label("divided"),
            (reporters * subperiods).label("parts_expected"),
            sa.cast(received, Integer).label("parts_received"),
        )
        .select_from(known)
        .join(shape, shape.c.kpi_id == known.c.kpi_id)
        .join(term_table, term_table.c.term == shape.c.term)
        .join(
            lengths,
            sa.and_(
                lengths.c.grain == term_table.c.grain,
                lengths.c.period_kind == known.c.period_kind,
                lengths.c.period_start == known.c.period_start,
            ),
        )
        .outerjoin(
            due,
            sa.and_(
                due.c.term == shape.c.term,
                due.c.geography_kind == known.c.geography_kind,
                due.c.geography_code == known.c.geography_code,
            ),
        )
        .subquery("shaped")
    )
    value = sa.case(
        (sa.and_(shaped.c.divided, shaped.c.denominator != 0), shaped.c.numerator / shaped.c.denominator),
        (sa.not_(shaped.c.divided), shaped.c.numerator),
    )
    judged = sa.select(
        *shaped.c,
        value.label("value"),
        sa.case(
            (value.is_(None), "not computable"),
            (shaped.c.parts_received < shaped.c.parts_expected, "incomplete"),
            else_="complete",
        ).label("status"),
    ).subquery("judged")
    told = ("numerator", "denominator", "status", "parts_received")
    before = {
        name: sa.func.lag(judged.c[name])
        .over(partition_by=[judged.c[key] for key in ("kpi_id", *KEY)], order_by=judged.c.as_of)
        .label(f"before_{name}")
        for name in told
    }
    final = sa.select(*judged.c, *before.values()).subquery("final")
    rows = (
        sa.select(
            *(
                {"period_label": dim_period.c.period_label, "unit": kpi_definition.c.unit}.get(column.name, final.c.get(column.name))
                for column in kpi_value.columns
            )
        )
        .select_from(final)
        .join(kpi_definition, kpi_definition.c.kpi_id == final.c.kpi_id)
        .join(
            dim_period,
            sa.and_(
                dim_period.c.period_kind == final.c.period_kind, dim_period.c.period_start == final.c.period_start
            ),
        )
        .where(
            sa.or_(*(final.c[name].is_distinct_from(final.c[f"before_{name}"]) for name in told)),
            # Nothing known and nothing known before: no row.
            sa.or_(
                final.c.numerator.is_not(None), final.c.denominator.is_not(None), final.c.before_status.is_not(None)
            ),
        )
    )
    return sa.insert(kpi_value).from_select([column.name for column in kpi_value.columns], rows)


def kpi_table(
    connection: Connection,
    kpi_id: str | None = None,
    period: str | None = None,
    geography: str | None = None,
    as_at: dt.date | None = None,
) -> list[dict[str, Any]]:
    """Return KPI values as known on ``as_at`` (today where it is not given), each with the KPI's title.

    ``period`` is written as people write it (``2021``, ``2021/22``, ``2021-Q4``, ``2021-11``); ``geography`` is a code,
    or a kind of geography such as ``national``. Raises ValueError where ``period`` is no period.
    """
    newer = kpi_value.alias("newer")
    newest = sa.select(sa.func.max(newer.c.as_of)).where(*(newer.c[key] == kpi_value.c[key] for key in ("kpi_id", *KEY)))
    if as_at:
        newest = newest.where(newer.c.as_of <= as_at)
    select = (
        sa.select(kpi_definition.c.title, *kpi_value.columns)
        .join_from(kpi_value, kpi_definition, kpi_definition.c.kpi_id == kpi_value.c.kpi_id)
        .where(kpi_value.c.as_of == newest.scalar_subquery())
        .order_by(*(kpi_value.c[key] for key in ("kpi_id", *KEY)))
    )
    if kpi_id:
        select = select.where(kpi_value.c.kpi_id == kpi_id)
    if period:
        kind, start = parse_period(period)
        select = select.where(kpi_value.c.period_kind == kind, kpi_value.c.period_start == start)
    if geography:
        select = select.where(sa.or_(kpi_value.c.geography_code == geography, kpi_value.c.geography_kind == geography))
    return [dict(row) for row in connection.execute(select).mappings()]
