"""Revision triangles, and from them chain-ladder estimates of the final figures with Mack's standard error."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.arrow import rows_to_arrow
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_end
from msoic_pipeline.warehouse.engine import reading, replace_rows, writing

PERIOD_KIND = "quarter"
DAYS_A_YEAR = 365.25

Triangle = NDArray[np.float64]


@dataclass(frozen=True)
class ChainLadder:
    """Estimates from a triangle: a row's ultimate figure and its standard error; and those of all rows together."""

    factors: Triangle
    ultimate: Triangle
    standard_error: Triangle
    total_outstanding: float
    total_standard_error: float


def chain_ladder(triangle: Triangle) -> ChainLadder:
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

    Raises ValueError where an age has no row that was observed at the next one.
    """
    rows, ages = triangle.shape
    factors, sigma2, base = np.ones(ages - 1), np.full(ages - 1, np.nan), np.zeros(ages - 1)
    for age in range(ages - 1):
        both = ~np.isnan(triangle[:, age]) & ~np.isnan(triangle[:, age + 1])
        now, later = triangle[both, age], triangle[both, age + 1]
        base[age] = now.sum()
        if base[age] <= 0:
            raise ValueError(f"no period was observed at the ages {age} and {age + 1}")
        factors[age] = later.sum() / base[age]
        positive = now > 0
        if positive.sum() > 1:
            deviations = now[positive] * (later[positive] / now[positive] - factors[age]) ** 2
            sigma2[age] = deviations.sum() / (positive.sum() - 1)
    for age in range(ages - 1):
        if np.isnan(sigma2[age]) and age >= 2:
            before, last = sigma2[age - 2], sigma2[age - 1]
            sigma2[age] = min(last**2 / before if before > 0 else last, before, last)
    latest = np.array([np.flatnonzero(~np.isnan(row))[-1] for row in triangle])
    full = triangle.copy()
    for row in range(rows):
        for age in range(latest[row], ages - 1):
            full[row, age + 1] = full[row, age] * factors[age]
    ultimate = full[:, -1]
    ratio = sigma2 / factors**2
    mse = np.array(
        [
            ultimate[i] ** 2 * sum(ratio[k] * (1 / full[i, k] + 1 / base[k]) for k in range(latest[i], ages - 1))
            if ultimate[i] > 0
            else 0.0
            for i in range(rows)
        ]
    )
    # Rows in order of how much is still to come: covariances run over the ages that both lack.
    order = sorted(range(rows), key=lambda i: -latest[i])
    total = sum(
        mse[i]
        + ultimate[i]
        * sum(ultimate[j] for j in order[place + 1 :])
        * sum(2 * ratio[k] / base[k] for k in range(latest[i], ages - 1))
        for place, i in enumerate(order)
    )
    outstanding = float(sum(ultimate[i] - triangle[i, latest[i]] for i in range(rows)))
    return ChainLadder(factors, ultimate, np.sqrt(mse), outstanding, float(np.sqrt(total)))


def estimate_maturity(engine: Engine) -> int:
    """Bring the triangles and estimates up to date with the KPI values; return how many periods were estimated."""
    maturing = [(kpi.kpi_id, kpi.matures) for kpi in load_definitions() if kpi.matures]
    with reading(engine) as connection:
        cells = [cell for kpi_id, measure in maturing for cell in _triangle_cells(connection, kpi_id, measure)]
        estimates = [row for kpi_id, measure in maturing for row in _estimates(kpi_id, measure, cells)]
        known = {
            table.name: [
                dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in (revision_triangle, maturity_estimate)
        }
    for table, rows in ((revision_triangle, cells), (maturity_estimate, estimates)):
        key = [column.name for column in table.primary_key]
        rows.sort(key=lambda row, key=key: [row[name] for name in key])  # type: ignore[misc]
        if rows != known[table.name]:
            with writing(engine) as connection:
                replace_rows(connection, table, sa.true(), rows_to_arrow(table, rows))
    return len(estimates)


def _triangle_cells(connection: Connection, kpi_id: str, measure: str) -> list[dict[str, Any]]:
    figure = kpi_value.c[measure]
    rows = connection.execute(
        sa.select(kpi_value.c.period_start, kpi_value.c.as_of, figure)
        .where(
            kpi_value.c.kpi_id == kpi_id,
            kpi_value.c.period_kind == PERIOD_KIND,
            kpi_value.c.geography_kind == "national",
            figure.is_not(None),
        )
        .order_by(kpi_value.c.period_start, kpi_value.c.as_of)
    ).all()
    newest = max((as_of for _, as_of, _ in rows), default=dt.date.min)
    by_period: dict[dt.date, list[tuple[dt.date, float]]] = {}
    for start, as_of, value in rows:
        by_period.setdefault(start, []).append((as_of, value))
    cells = []
    for start, entries in by_period.items():
        end = period_end(PERIOD_KIND, start)
        first, last = _age(end, entries[0][0]), _age(end, newest)
        for age in range(first, last + 1):
            # A figure stands until it is revised: an age without a release of its own has the one before it.
            as_of, value = [entry for entry in entries if _age(end, entry[0]) <= age][-1]
            cells.append(
                {
                    "kpi_id": kpi_id,
                    "measure": measure,
                    "period_kind": PERIOD_KIND,
                    "period_start": start,
                    "age": age,
                    "as_of": as_of,
                    "observed": value,
                }
            )
    return cells


def _age(end: dt.date, as_of: dt.date) -> int:
    return int((as_of - end).days // DAYS_A_YEAR)


def _estimates(kpi_id: str, measure: str, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = [cell for cell in cells if (cell["kpi_id"], cell["measure"]) == (kpi_id, measure)]
    starts = sorted({cell["period_start"] for cell in own})
    if len(starts) < 2:
        return []
    ages = max(cell["age"] for cell in own) + 1
    triangle = np.full((len(starts), ages), np.nan)
    for cell in own:
        triangle[starts.index(cell["period_start"]), cell["age"]] = cell["observed"]
    try:
        result = chain_ladder(triangle)
    except ValueError:
        return []
    rows = []
    for number, start in enumerate(starts):
        latest = int(np.flatnonzero(~np.isnan(triangle[number]))[-1])
        error = float(result.standard_error[number])
        rows.append(
            {
                "kpi_id": kpi_id,
                "measure": measure,
                "period_kind": PERIOD_KIND,
                "period_start": start,
                "age": latest,
                "observed": float(triangle[number, latest]),
                "estimate": round(float(result.ultimate[number]), 6),
                "standard_error": None if np.isnan(error) else round(error, 6),
                "ultimate_age": ages - 1,
                "method": "chain ladder",
            }
        )
    return rows
