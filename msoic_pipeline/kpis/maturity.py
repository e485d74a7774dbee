"""Revision triangles of the KPIs' values, and from them estimates of the final figures: see ``chain_ladder``.

Some figures keep growing after they are first published: the share of crimes that were charged, say, as investigations
come to their end; and crimes without an outcome become fewer. How much older periods grew, or shrank, from one age to
the next tells what the younger ones may come to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.chain_ladder import NoGrowthFactorError, estimate_chain_ladder, find_latest_age
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_end
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.rows import write_changed_rows

PERIOD_KIND = "quarter"


@dataclass(frozen=True)
class MaturingFigure:
    """A figure that keeps growing: a KPI's, and which column of ``kpi_value`` it is."""

    kpi_id: str
    measure: str


def list_maturing_figures() -> list[MaturingFigure]:
    """Return the figures that the definitions of the KPIs declare to be growing."""
    return [MaturingFigure(kpi.kpi_id, kpi.matures) for kpi in load_definitions() if kpi.matures]


@dataclass(frozen=True)
class TriangleCell:
    """A row of ``revision_triangle``: what a period's figure was at an age, in whole years."""

    kpi_id: str
    measure: str
    period_kind: str
    period_start: dt.date
    age: int
    as_of: dt.date
    observed: float


@dataclass(frozen=True)
class MaturityEstimate:
    """A row of ``maturity_estimate``: what a period's figure may come to at the highest age that any has reached."""

    kpi_id: str
    measure: str
    period_kind: str
    period_start: dt.date
    age: int
    observed: float
    estimate: float
    standard_error: float | None
    ultimate_age: int
    method: str = "chain ladder"


def estimate_maturity(engine: Engine) -> int:
    """Bring the triangles and estimates up to date with the KPI values; return how many periods were estimated."""
    cells: list[TriangleCell] = []
    estimates: list[MaturityEstimate] = []
    with read_transaction(engine) as connection:
        for figure in list_maturing_figures():
            cells_of_figure = list_triangle_cells(connection, figure)
            cells += cells_of_figure
            estimates += estimate_figure(figure, cells_of_figure)
    with write_transaction(engine) as connection:
        write_changed_rows(connection, revision_triangle, sa.true(), map(asdict, cells))
        write_changed_rows(connection, maturity_estimate, sa.true(), map(asdict, estimates))
    return len(estimates)


@dataclass(frozen=True)
class _Vintage:
    """What a figure was from a day on."""

    as_of: dt.date
    value: float


def list_triangle_cells(
    connection: Connection, figure: MaturingFigure, as_at: dt.date | None = None
) -> list[TriangleCell]:
    """Return the triangle of a national figure: what each quarter's was at each age, up to the newest release's.

    ``as_at`` leaves out what was published later.

    A figure stands until it is revised: an age without a release of its own has the one before it. For example of
    January to March 2019, published in July 2019 as 100 and in July 2020 as 120, with a newest release in July 2022
    that left it alone: 100 at age 0, and 120 at the ages 1, 2 and 3.
    """
    vintages_by_quarter = _read_vintages_by_quarter(connection, figure, as_at)
    newest = max((vintage.as_of for vintages in vintages_by_quarter.values() for vintage in vintages), default=None)
    cells: list[TriangleCell] = []
    for start, vintages in vintages_by_quarter.items():
        assert newest is not None
        first_age, last_age = _tell_age(start, vintages[0].as_of), _tell_age(start, newest)
        for age in range(first_age, last_age + 1):
            latest = [vintage for vintage in vintages if _tell_age(start, vintage.as_of) <= age][-1]
            cells.append(
                TriangleCell(figure.kpi_id, figure.measure, PERIOD_KIND, start, age, latest.as_of, latest.value)
            )
    return cells


def _read_vintages_by_quarter(
    connection: Connection, figure: MaturingFigure, as_at: dt.date | None
) -> dict[dt.date, list[_Vintage]]:
    """Return what each quarter's national figure was whenever it was whole, earliest first.

    What was published before the quarter was over, or of some of the reports alone, would look like growth later on.
    """
    column = kpi_value.c[figure.measure]
    rows = connection.execute(
        sa.select(kpi_value.c.period_start, kpi_value.c.as_of, column.label("observed"))
        .where(
            kpi_value.c.kpi_id == figure.kpi_id,
            kpi_value.c.period_kind == PERIOD_KIND,
            kpi_value.c.geography_kind == NATIONAL,
            kpi_value.c.status == "complete",
            column.is_not(None),
            kpi_value.c.as_of <= (as_at or dt.date.max),
        )
        .order_by(kpi_value.c.period_start, kpi_value.c.as_of)
    )
    vintages: dict[dt.date, list[_Vintage]] = {}
    for row in rows:
        if row.as_of > period_end(PERIOD_KIND, row.period_start):
            vintages.setdefault(row.period_start, []).append(_Vintage(row.as_of, row.observed))
    return vintages


def _tell_age(quarter_start: dt.date, as_of: dt.date) -> int:
    """Return the whole years from the end of a quarter to a day: 1 from its anniversary on, as people count ages.

    Of a quarter that ended on 30 September 2020 it is 0 on 29 September 2021, and 1 on the day after.
    """
    end = period_end(PERIOD_KIND, quarter_start)
    is_before_anniversary = (as_of.month, as_of.day) < (end.month, end.day)
    return as_of.year - end.year - 1 if is_before_anniversary else as_of.year - end.year


def leave_out_ages_with_nothing_left(cells: Sequence[TriangleCell]) -> list[TriangleCell]:
    """Return the cells without the highest ages to which no period came with anything but zero.

    Crimes without an outcome become fewer from age to age, until of the oldest none is left: from nothing to nothing
    there is no factor of growth. For example of a quarter that was 3 at age 1 and 0 at the ages 2, 3 and 4, and no
    other that old: the cells up to age 2, to which it came with 3.
    """
    kept = list(cells)
    while kept:
        last_age = max(cell.age for cell in kept)
        at_last_age = {cell.period_start for cell in kept if cell.age == last_age}
        came_with = [cell.observed for cell in kept if cell.age == last_age - 1 and cell.period_start in at_last_age]
        if not came_with or any(came_with):
            return kept
        kept = [cell for cell in kept if cell.age < last_age]
    return kept


def leave_out_ages_with_nothing_yet(cells: Sequence[TriangleCell]) -> list[TriangleCell]:
    """Return the cells without the lowest ages from which no period came with anything but zero.

    Crimes may be charged for the first time years after they were recorded: from nothing to something there is no
    factor of growth. For example of one quarter that was 0 at age 0, 4 at age 1 and 6 at age 2, and another that was 0
    and 5: the cells from age 1 on. A figure that never was anything keeps all of them.
    """
    kept = list(cells)
    while any(cell.observed for cell in kept):
        first_age = min(cell.age for cell in kept)
        at_next_age = {cell.period_start for cell in kept if cell.age == first_age + 1}
        went_with = [cell.observed for cell in kept if cell.age == first_age and cell.period_start in at_next_age]
        if not went_with or any(went_with):
            return kept
        kept = [cell for cell in kept if cell.age > first_age]
    return kept


def estimate_figure(figure: MaturingFigure, cells: Sequence[TriangleCell]) -> list[MaturityEstimate]:
    """Return the estimates of a figure from the cells of its triangle; none where these are too few for any.

    Nor is there one of a period that has only reached ages at which there was nothing of any: zero times a factor tells
    nothing of what it will come to. Nor where all periods were seen at one age alone: of growth that tells nothing.
    """
    kept = leave_out_ages_with_nothing_yet(leave_out_ages_with_nothing_left(cells))
    starts = sorted({cell.period_start for cell in kept})
    # One age may be left of several at which there was nothing: then nothing came of nothing.
    is_growth_unseen = _are_of_one_age(cells) or (_are_of_one_age(kept) and any(cell.observed for cell in kept))
    if len(starts) < 2 or is_growth_unseen:
        return []
    first_age, ultimate_age = min(cell.age for cell in kept), max(cell.age for cell in kept)
    triangle = np.full((len(starts), ultimate_age - first_age + 1), np.nan)
    for cell in kept:
        triangle[starts.index(cell.period_start), cell.age - first_age] = cell.observed
    try:
        estimated = estimate_chain_ladder(triangle)
    except NoGrowthFactorError:  # there is nothing to go by yet
        return []
    estimates = []
    for period, start in enumerate(starts):
        latest = find_latest_age(triangle[period])
        error = float(estimated.standard_error[period])
        estimates.append(
            MaturityEstimate(
                kpi_id=figure.kpi_id,
                measure=figure.measure,
                period_kind=PERIOD_KIND,
                period_start=start,
                age=first_age + latest,
                observed=float(triangle[period, latest]),
                estimate=round(float(estimated.ultimate[period]), 6),
                standard_error=None if np.isnan(error) else round(error, 6),
                ultimate_age=ultimate_age,
            )
        )
    return estimates


def _are_of_one_age(cells: Sequence[TriangleCell]) -> bool:
    return len({cell.age for cell in cells}) == 1
