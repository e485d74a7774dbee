"""The temporary tables between a KPI's definition and its values; what each holds stands in its comment.

First come the tables of what is asked for, in which KPIs, terms, periods and geographies are numbered; then those that
the steps fill, one after the other (see ``steps.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, String, Table
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

# Figures are added as whole ten-thousandths, so that sums are exact.
SCALE = 10_000

_metadata = MetaData()


def _work_table(name: str, comment: str, key: tuple[str, ...] = (), /, **columns: type[TypeEngine[Any]]) -> Table:
    declared = [
        Column(column, kind, primary_key=column in key, autoincrement=False) for column, kind in columns.items()
    ]
    return Table(f"work_kpi_{name}", _metadata, *declared, prefixes=["TEMPORARY"], info={"holds": comment})


# ---- what is asked for -----------------------------------------------------------------------------------------------

wanted_kpi = _work_table(
    "wanted_kpi",
    "The KPIs, each with the term that is its numerator, and its denominator's kind: 'term', 'periods reported' or "
    "none.",
    ("kpi",),
    kpi=Integer,
    kpi_id=String,
    unit=String,
    numerator=Integer,
    denominator_kind=String,
)
kpi_term = _work_table(
    "kpi_term",
    "The terms of which a KPI is made, for each kind of period for which it is computed.",
    kpi=Integer,
    period_kind=String,
    term=Integer,
    is_denominator=Boolean,
)
wanted_term = _work_table(
    "wanted_term",
    "The terms: sums of a fact under conditions. KPIs that need the same figures in the same way share one.",
    ("term",),
    term=Integer,
    fact=String,
    breakdown=String,
    source=String,
    finest_period=String,
    is_stock=Boolean,
    scheme=String,
    is_yearly=Boolean,
)
term_geography_kind = _work_table(
    "term_geography_kind",
    "The kinds of geography for which a term is wanted, and whether several reporters make up a figure of one; of the "
    "national one, which nation that is.",
    term=Integer,
    geography_kind=String,
    nation=Integer,
    has_several_reporters=Boolean,
)
wanted_period = _work_table(
    "wanted_period",
    "The periods.",
    ("period",),
    period=Integer,
    kind=String,
    start=Date,
    label=String,
    months=Integer,
)
period_part = _work_table(
    "period_part",
    "The months and the quarters that lie in each period, and whether one is the last in it.",
    finest_period=String,
    part_start=Date,
    part_end=Date,
    period=Integer,
    is_last=Boolean,
)
wanted_geography = _work_table(
    "wanted_geography", "The geographies.", ("geography",), geography=Integer, kind=String, code=String
)
place_geography = _work_table(
    "place_geography",
    "The geographies below the nation to which a place belongs, by the scheme in which facts write places.",
    scheme=String,
    place=String,
    geography_kind=String,
    geography=Integer,
)
due_reporter = _work_table("due_reporter", "Who has to report to a source.", source=String, reporter=String)
due_count = _work_table(
    "due_count",
    "How many reporters are due for a term's geography, where there can be several.",
    ("term", "geography"),
    term=Integer,
    geography=Integer,
    reporters=Integer,
)

# ---- the steps -------------------------------------------------------------------------------------------------------

term_figure = _work_table(
    "term_figure",
    "A term's figures as its fact has them: by release, month or quarter, and place. In ten-thousandths.",
    term=Integer,
    release_id=String,
    part_start=Date,
    place=String,
    value=BigInteger,
)
standing_figure = _work_table(
    "standing_figure",
    "The same by geography, with the days from and until which each stood. reporter is told apart for stocks alone; "
    "reports says how many of those who are due it has figures of.",
    term=Integer,
    geography=Integer,
    part_start=Date,
    reporter=String,
    value=BigInteger,
    reports=Integer,
    since=Date,
    until=Date,
)
daily_change = _work_table(
    "daily_change",
    "What each day adds to a term's sum over a period and geography, or takes from it: value, number of figures, and "
    "number of reports.",
    term=Integer,
    period=Integer,
    geography=Integer,
    as_of=Date,
    value=BigInteger,
    figures=Integer,
    reports=Integer,
)

WORK_TABLES = tuple(_metadata.tables.values())


@contextmanager
def work_tables(connection: Connection) -> Iterator[None]:
    """Make the temporary tables, and drop them; where the transaction fails they go with it."""
    _metadata.create_all(connection, checkfirst=False)
    yield
    _metadata.drop_all(connection, checkfirst=False)
