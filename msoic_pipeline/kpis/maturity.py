"""Revision triangles, and from them chain-ladder estimates of the final figures with Mack's standard error.

Some figures keep growing after they are first published: the share of crimes that were charged, say, as investigations
come to their end. How much older periods grew from one age to the next tells what the younger ones may come to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_end
from msoic_pipeline.warehouse.engine import read_transaction, replace_rows, write_transaction

PERIOD_KIND = "quarter"
DAYS_A_YEAR = 365.25

# A row a period, a column an age; or one of both.
Triangle = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class MaturingFigure:
    """A figure that keeps growing: a KPI's, and which column of ``kpi_value`` it is."""

    kpi_id: str
    measure: str


def list_maturing_figures() -> list[MaturingFigure]:
    """Return the figures that the definitions of the KPIs declare to be growing."""
    return [MaturingFigure(kpi.kpi_id, kpi.matures) for kpi in load_definitions() if kpi.matures]


# --- The method: from a triangle to estimates ------------------------------------------------------------------------


@dataclass(frozen=True)
class ChainLadder:
    """Estimates from a triangle: each period's ultimate figure with its standard error, and those of all together.

    ``factors`` say by how much figures grow from each age to the next. A standard error is NaN where too few periods
    have reached the ages to come.
    """

    factors: Vector
    ultimate: Vector
    standard_error: Vector
    total_outstanding: float
    total_standard_error: float


def estimate_chain_ladder(triangle: Triangle) -> ChainLadder:
    """Return the chain-ladder estimates of a cumulative triangle, with Mack's distribution-free standard errors.

    ``triangle`` has a row a period and a column an age; what is not observed is NaN. A row is observed without gaps
    from some age on, up to its latest. With C[i,k] the figure of period i at age k (T. Mack, "Distribution-free
    calculation of the standard error of chain ladder reserve estimates", ASTIN Bulletin 23/2, 1993, formulae 3, 6, 7
    and 11):

    - f[k] = Σ C[i,k+1] / Σ C[i,k] over the rows observed at both ages;
    - s²[k] = Σ C[i,k] (C[i,k+1] / C[i,k] - f[k])² / (n[k] - 1), the last one extrapolated as
      min(s⁴[K-2] / s²[K-3], s²[K-3], s²[K-2]);
    - mse of row i = Ĉ[i,K]² Σ s²[k] / f[k]² (1 / Ĉ[i,k] + 1 / Σ C[j,k]) over the ages still to come;
    - mse of all rows adds the covariance Ĉ[i,K] (Σ Ĉ[j,K] over later rows j) Σ 2 s²[k] / f[k]² / Σ C[n,k].

    Example, three periods of which the youngest has been published once::

                age 0   age 1   age 2
        2019      100     150     180
        2020      100     170       ·
        2021      120       ·       ·

        f[0] = (150 + 170) / (100 + 100) = 1.6        f[1] = 180 / 150 = 1.2
        ultimate: 180    170 × 1.2 = 204    120 × 1.6 × 1.2 = 230.4
        outstanding: 0 + (204 - 170) + (230.4 - 120) = 144.4
        s²[0] = (100 (1.5 - 1.6)² + 100 (1.7 - 1.6)²) / (2 - 1) = 2

    One period alone tells nothing of how much f[1] varies, and two ages before it would be needed to extrapolate: here
    only 2019, which is complete, has a standard error, 0.

    Raises ValueError where an age has no row that was observed at the next one.
    """
    growth = _growth_by_age(triangle)
    latest_ages = np.array([_latest_age(row) for row in triangle])
    completed = _complete(triangle, latest_ages, growth.factors)
    ultimate = completed[:, -1]
    squared_errors = _squared_errors(completed, latest_ages, growth)
    total_squared_error = squared_errors.sum() + _covariances(ultimate, latest_ages, growth)
    observed = triangle[np.arange(len(triangle)), latest_ages]
    return ChainLadder(
        factors=growth.factors,
        ultimate=ultimate,
        standard_error=np.sqrt(squared_errors),
        total_outstanding=float((ultimate - observed).sum()),
        total_standard_error=float(np.sqrt(total_squared_error)),
    )


@dataclass(frozen=True)
class _Growth:
    """How figures grow from each age k to the next, in Mack's letters.

    ``factors`` are f[k], ``variances`` s²[k] (NaN where they cannot be told), ``bases`` Σ C[i,k] over the periods
    observed at both ages.
    """

    factors: Vector
    variances: Vector
    bases: Vector

    @property
    def relative_variances(self) -> Vector:
        """s²[k] / f[k]², of which all errors are made."""
        return self.variances / self.factors**2


def _growth_by_age(triangle: Triangle) -> _Growth:
    """Return the growth from each age to the next. Raises ValueError where no period was observed at both."""
    steps = triangle.shape[1] - 1
    factors, variances, bases = np.ones(steps), np.full(steps, np.nan), np.zeros(steps)
    for age in range(steps):
        is_observed = ~np.isnan(triangle[:, age]) & ~np.isnan(triangle[:, age + 1])
        at_age, at_next_age = triangle[is_observed, age], triangle[is_observed, age + 1]
        bases[age] = at_age.sum()
        if bases[age] <= 0:
            raise ValueError(f"no period was observed at the ages {age} and {age + 1}")
        factors[age] = at_next_age.sum() / bases[age]
        variances[age] = _variance(at_age, at_next_age, factors[age])
    return _Growth(factors, _extrapolate_variances(variances), bases)


def _variance(at_age: Vector, at_next_age: Vector, factor: float) -> float:
    """Return s²[k], how much periods' own factors vary around the common one; NaN with fewer than two periods."""
    is_positive = at_age > 0
    if is_positive.sum() < 2:
        return float("nan")
    own_factors = at_next_age[is_positive] / at_age[is_positive]
    deviations = at_age[is_positive] * (own_factors - factor) ** 2
    return float(deviations.sum() / (is_positive.sum() - 1))


def _extrapolate_variances(variances: Vector) -> Vector:
    """Return the variances with the last ones, of a single period, extrapolated from the two before."""
    extrapolated = variances.copy()
    for age in range(2, len(variances)):
        if np.isnan(extrapolated[age]):
            last_but_one, last = extrapolated[age - 2], extrapolated[age - 1]
            decline = last**2 / last_but_one if last_but_one > 0 else last
            extrapolated[age] = min(decline, last_but_one, last)
    return extrapolated


def _latest_age(row: Vector) -> int:
    """Return the highest age at which a period was observed."""
    return int(np.flatnonzero(~np.isnan(row))[-1])


def _complete(triangle: Triangle, latest_ages: NDArray[np.int_], factors: Vector) -> Triangle:
    """Return the triangle with Ĉ[i,k] at the ages still to come: each the one before times its factor."""
    completed = triangle.copy()
    for period, latest_age in enumerate(latest_ages):
        for age in range(latest_age, len(factors)):
            completed[period, age + 1] = completed[period, age] * factors[age]
    return completed


def _squared_errors(completed: Triangle, latest_ages: NDArray[np.int_], growth: _Growth) -> Vector:
    """Return the mean squared error of each period's ultimate figure (Mack's formula 7)."""
    squared_errors = np.zeros(len(completed))
    for period, latest_age in enumerate(latest_ages):
        ultimate = completed[period, -1]
        if ultimate <= 0:
            continue
        to_come = range(latest_age, len(growth.factors))
        squared_errors[period] = ultimate**2 * sum(
            growth.relative_variances[age] * (1 / completed[period, age] + 1 / growth.bases[age]) for age in to_come
        )
    return squared_errors


def _covariances(ultimate: Vector, latest_ages: NDArray[np.int_], growth: _Growth) -> float:
    """Return what the errors of periods have in common, since they rest on the same factors (Mack's formula 11).

    Of each period with all younger ones: they share the factors of the ages that both have still to reach.
    """
    covariances = 0.0
    oldest_first = sorted(range(len(ultimate)), key=lambda period: -latest_ages[period])
    for place, period in enumerate(oldest_first):
        of_younger = sum(ultimate[younger] for younger in oldest_first[place + 1 :])
        to_come = range(latest_ages[period], len(growth.factors))
        covariances += (
            ultimate[period]
            * of_younger
            * sum(2 * growth.relative_variances[age] / growth.bases[age] for age in to_come)
        )
    return covariances


# --- The tables ------------------------------------------------------------------------------------------------------


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


TableRow = TypeVar("TableRow", TriangleCell, MaturityEstimate)


def estimate_maturity(engine: Engine) -> int:
    """Bring the triangles and estimates up to date with the KPI values; return how many periods were estimated."""
    cells: list[TriangleCell] = []
    estimates: list[MaturityEstimate] = []
    with read_transaction(engine) as connection:
        for figure in list_maturing_figures():
            cells_of_figure = list_triangle_cells(connection, figure)
            cells += cells_of_figure
            estimates += estimate_figure(figure, cells_of_figure)
    _replace_if_changed(engine, revision_triangle, TriangleCell, cells)
    _replace_if_changed(engine, maturity_estimate, MaturityEstimate, estimates)
    return len(estimates)


def _replace_if_changed(engine: Engine, table: sa.Table, row_type: type[TableRow], rows: Sequence[TableRow]) -> None:
    """Write a table anew where its rows are not the ones wanted."""
    with read_transaction(engine) as connection:
        stored = {row_type(**row) for row in connection.execute(sa.select(table)).mappings()}
    if stored == set(rows):
        return
    key = [column.name for column in table.primary_key]
    ordered: list[dict[str, Any]] = sorted((asdict(row) for row in rows), key=lambda row: [row[name] for name in key])
    with write_transaction(engine) as connection:
        replace_rows(connection, table, sa.true(), make_arrow_rows(table, ordered))


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
    vintages_by_quarter = _vintages_by_quarter(connection, figure, as_at)
    newest = max((vintage.as_of for vintages in vintages_by_quarter.values() for vintage in vintages), default=None)
    cells: list[TriangleCell] = []
    for start, vintages in vintages_by_quarter.items():
        assert newest is not None
        first_age, last_age = _age(start, vintages[0].as_of), _age(start, newest)
        for age in range(first_age, last_age + 1):
            latest = [vintage for vintage in vintages if _age(start, vintage.as_of) <= age][-1]
            cells.append(
                TriangleCell(figure.kpi_id, figure.measure, PERIOD_KIND, start, age, latest.as_of, latest.value)
            )
    return cells


def _vintages_by_quarter(
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


def _age(quarter_start: dt.date, as_of: dt.date) -> int:
    """Return the whole years from the end of a quarter to a day."""
    return int((as_of - period_end(PERIOD_KIND, quarter_start)).days // DAYS_A_YEAR)


def estimate_figure(figure: MaturingFigure, cells: Sequence[TriangleCell]) -> list[MaturityEstimate]:
    """Return the estimates of a figure from the cells of its triangle; none where these are too few for any."""
    starts = sorted({cell.period_start for cell in cells})
    if len(starts) < 2:
        return []
    ages = max(cell.age for cell in cells) + 1
    triangle = np.full((len(starts), ages), np.nan)
    for cell in cells:
        triangle[starts.index(cell.period_start), cell.age] = cell.observed
    try:
        estimated = estimate_chain_ladder(triangle)
    except ValueError:  # nothing has been published at two ages that follow each other: there is nothing to go by yet
        return []
    estimates = []
    for period, start in enumerate(starts):
        latest_age = _latest_age(triangle[period])
        error = float(estimated.standard_error[period])
        estimates.append(
            MaturityEstimate(
                kpi_id=figure.kpi_id,
                measure=figure.measure,
                period_kind=PERIOD_KIND,
                period_start=start,
                age=latest_age,
                observed=float(triangle[period, latest_age]),
                estimate=round(float(estimated.ultimate[period]), 6),
                standard_error=None if np.isnan(error) else round(error, 6),
                ultimate_age=ages - 1,
            )
        )
    return estimates
