"""The chain-ladder method with Mack's standard error: from a triangle of figures by age to what they may come to.

It knows nothing of KPIs: see ``maturity``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A row a period, a column an age; or one of both.
Triangle = NDArray[np.float64]
Vector = NDArray[np.float64]


class NoGrowthFactorError(Exception):
    """From an age to the next there is no factor of growth: no row with anything at it was observed at both."""

    def __init__(self, age: int) -> None:
        super().__init__(f"no period with any figure at the age {age} was observed at the age {age + 1} too")


@dataclass(frozen=True)
class ChainLadder:
    """Estimates from a triangle: each period's ultimate figure with its standard error.

    ``factors`` say by how much figures grow from each age to the next. A standard error is NaN where too few periods
    have reached the ages to come.
    """

    factors: Vector
    ultimate: Vector
    standard_error: Vector


def estimate_chain_ladder(triangle: Triangle) -> ChainLadder:
    """Return the chain-ladder estimates of a cumulative triangle, with Mack's distribution-free standard errors.

    ``triangle`` has a row a period and a column an age; what is not observed is NaN. A row is observed without gaps
    from some age on, up to its latest. With C[i,k] the figure of period i at age k (T. Mack, "Distribution-free
    calculation of the standard error of chain ladder reserve estimates", ASTIN Bulletin 23/2, 1993, formulae 3, 6 and
    7):

    - f[k] = Σ C[i,k+1] / Σ C[i,k] over the rows observed at both ages;
    - s²[k] = Σ C[i,k] (C[i,k+1] / C[i,k] - f[k])² / (n[k] - 1), the last one extrapolated as
      min(s⁴[K-2] / s²[K-3], s²[K-3], s²[K-2]);
    - mse of row i = Ĉ[i,K]² Σ s²[k] / f[k]² (1 / Ĉ[i,k] + 1 / Σ C[j,k]) over the ages still to come.

    Example, three periods of which the youngest has been published once::

                age 0   age 1   age 2
        2019      100     150     180
        2020      100     170       ·
        2021      120       ·       ·

        f[0] = (150 + 170) / (100 + 100) = 1.6        f[1] = 180 / 150 = 1.2
        ultimate: 180    170 × 1.2 = 204    120 × 1.6 × 1.2 = 230.4
        s²[0] = (100 (1.5 - 1.6)² + 100 (1.7 - 1.6)²) / (2 - 1) = 2

    One period alone tells nothing of how much f[1] varies, and two ages before it would be needed to extrapolate: here
    only 2019, which is complete, has a standard error, 0.

    Raises NoGrowthFactorError where no row that had anything at an age was observed at the next one.
    """
    growth = _measure_growth_by_age(triangle)
    latest_ages = np.array([find_latest_age(row) for row in triangle])
    completed = _complete(triangle, latest_ages, growth.factors)
    squared_errors = _compute_squared_errors(completed, latest_ages, growth)
    return ChainLadder(growth.factors, ultimate=completed[:, -1], standard_error=np.sqrt(squared_errors))


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
        nothing_is_left = self.factors == 0  # nor is there any error, then
        return np.where(nothing_is_left, 0, self.variances / np.where(nothing_is_left, 1, self.factors) ** 2)


def _measure_growth_by_age(triangle: Triangle) -> _Growth:
    """Return the growth from each age to the next. Raises NoGrowthFactorError where there is none."""
    steps = triangle.shape[1] - 1
    factors, variances, bases = np.ones(steps), np.full(steps, np.nan), np.zeros(steps)
    for age in range(steps):
        is_observed = ~np.isnan(triangle[:, age]) & ~np.isnan(triangle[:, age + 1])
        at_age, at_next_age = triangle[is_observed, age], triangle[is_observed, age + 1]
        bases[age] = at_age.sum()
        if bases[age] <= 0:
            raise NoGrowthFactorError(age)
        factors[age] = at_next_age.sum() / bases[age]
        variances[age] = _compute_variance(at_age, at_next_age, factors[age])
    return _Growth(factors, _extrapolate_variances(variances), bases)


def _compute_variance(at_age: Vector, at_next_age: Vector, factor: float) -> float:
    """Return s²[k], how much periods' own factors vary around the common one; NaN with fewer than two periods."""
    is_positive = at_age > 0
    if is_positive.sum() < 2:
        return float("nan")
    own_factors = at_next_age[is_positive] / at_age[is_positive]
    deviations = at_age[is_positive] * (own_factors - factor) ** 2
    return float(deviations.sum() / (is_positive.sum() - 1))


def _extrapolate_variances(variances: Vector) -> Vector:
    """Return the variances with the last ones, of a single period, extrapolated from two known ones before."""
    extrapolated = variances.copy()
    for age in range(2, len(variances)):
        last_but_one, last = extrapolated[age - 2], extrapolated[age - 1]
        are_both_known = not (np.isnan(last_but_one) or np.isnan(last))
        if np.isnan(extrapolated[age]) and are_both_known:
            decline = last**2 / last_but_one if last_but_one > 0 else last
            extrapolated[age] = min(decline, last_but_one, last)
    return extrapolated


def find_latest_age(row: Vector) -> int:
    """Return the highest age at which a period was observed."""
    return int(np.flatnonzero(~np.isnan(row))[-1])


def _complete(triangle: Triangle, latest_ages: NDArray[np.int_], factors: Vector) -> Triangle:
    """Return the triangle with Ĉ[i,k] at the ages still to come: each the one before times its factor."""
    completed = triangle.copy()
    for period, latest_age in enumerate(latest_ages):
        for age in range(latest_age, len(factors)):
            completed[period, age + 1] = completed[period, age] * factors[age]
    return completed


def _compute_squared_errors(completed: Triangle, latest_ages: NDArray[np.int_], growth: _Growth) -> Vector:
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
