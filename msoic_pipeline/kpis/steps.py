"""The SQL of the KPIs: all periods, geographies and vintages in one pass, step by step.

Every figure that a KPI rests on stood for a time: from the publication of its release until a later one covered the
same ground (table ``vintage``). It is added to its period on the first of these days and taken away on the other, and
the running sum over the days is what was known on each of them. The steps, each of which fills the table of its name:

    figures_by_geography   term_figure       fact → term × release × month or quarter × place (the force, area or region
                                             that the fact names)
                           standing_figure   … → geography, with the days from and until which each figure stood
    daily_changes          daily_change      … → what each day adds to each period, or takes from it
    running_sums           kpi_value         the running sums over the days, on the days on which what they say changes

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable, DropTable

from msoic_pipeline.kpis.daily_changes import select_changes_of_stocks, select_changes_of_sums
from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.figures_by_geography import (
    count_due_reporters,
    select_due_reporters,
    select_figures,
    select_standing_figures,
    select_zeros,
)
from msoic_pipeline.kpis.running_sums import select_values
from msoic_pipeline.kpis.wanted import Periods, Wanted, list_wanted
from msoic_pipeline.kpis.work_tables import (
    WORK_TABLES,
    daily_change,
    due_count,
    due_reporter,
    standing_figure,
    term_figure,
)
from msoic_pipeline.model.geography import select_place_geographies
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.warehouse.rows import insert_rows
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


def insert_values(connection: Connection, kpis: Sequence[Kpi], periods_by_kind: Periods) -> None:
    """Insert the rows of kpi_value for the periods wanted; there must be none of them, and empty work tables."""
    all_wanted = list_wanted(kpis, periods_by_kind, connection.execute(select_place_geographies()).all())
    for table, rows in all_wanted.rows.items():
        insert_rows(connection, table, rows)
    for step in list_steps(all_wanted):
        connection.execute(step.statement)


def write_script(connection: Connection, kpi: Kpi, periods_by_kind: Periods) -> str:
    """Return SQL that computes a KPI's values of some periods and shows them: a script for the engine in use.

    It changes nothing but temporary tables of its own, each of which can be looked at after the step that fills it.
    """
    all_wanted = list_wanted([kpi], periods_by_kind, connection.execute(select_place_geographies()).all())
    dialect = connection.dialect
    title = f"{kpi.title} ({kpi.kpi_id}), step by step; nothing but temporary tables is changed."
    parts = write_beginning(title, dialect)
    for table in WORK_TABLES:
        parts.append(f"-- {table.info['holds']}\n{write_statement(CreateTable(table), dialect)};")
        if rows := all_wanted.rows.get(table):
            parts.append(f"{write_statement(sa.insert(table).values(rows), dialect)};")
    *steps, last = list_steps(all_wanted)
    parts += [f"-- {step.makes}\n{write_statement(step.statement, dialect)};" for step in steps]
    parts.append(f"-- {last.makes}\n{write_statement(last.query, dialect)};")
    parts += [f"{write_statement(DropTable(table), dialect)};" for table in WORK_TABLES]
    return "\n\n".join(parts)


def list_steps(all_wanted: Wanted) -> list[Step]:
    """Return the steps from the facts to kpi_value, in their order."""
    steps = [
        Step("Who has to report to each source.", due_reporter, select_due_reporters()),
        Step("How many of them each geography has.", due_count, count_due_reporters()),
    ]
    for number, wanted in enumerate(all_wanted.terms):
        name = f"{wanted.term.words()}, over time {'each last one' if wanted.is_stock else 'added up'}"
        figures = select_figures(number, wanted, all_wanted.quarters)
        steps.append(Step(f"Figures: {name}.", term_figure, figures))
        zeros = select_zeros(number, wanted, all_wanted.quarters)
        if zeros is not None:
            steps.append(Step(f"Zeros where a row that is not there means none: {name}.", term_figure, zeros))
    return [
        *steps,
        Step("Figures by geography, with the days on which they stood.", standing_figure, select_standing_figures()),
        Step("What each day adds and takes: sums of months or quarters.", daily_change, select_changes_of_sums()),
        Step("What each day adds and takes: the last of stocks.", daily_change, select_changes_of_stocks()),
        Step("The values on the days on which they change.", kpi_value, select_values()),
    ]
