"""Funnel plots: which places differ by more than chance, and the ordinary variation between places, explain.

Sources: D. J. Spiegelhalter, *Funnel plots for comparing institutional performance*, Statistics in Medicine 24 (2005),
and *Handling over-dispersion of performance indicators*, Quality and Safety in Health Care 14 (2005). Intervals: F.
Garwood, *Fiducial limits for the Poisson distribution*, Biometrika 28 (1936); C. J. Clopper and E. S. Pearson, *The use
of confidence or fiducial limits*, Biometrika 26 (1934).

In the order in which a funnel is made:

1. Each value is put on a scale on which chance alone makes the same spread whatever the value: the square root of a
   rate, the arcsine of the square root of a share. On it the standard error is 1 / (2 √base), the base being residents
   or cases.
2. Each place's z-score is its distance from the value of all, in standard errors. The lowest and the highest tenth are
   drawn in to the tenth and the ninetieth percentile (winsorised), so that the few that differ most do not widen the
   limits which should show them.
3. ``phi`` is the mean square of the z-scores: 1 where chance alone is at work. Beyond that, places vary ordinarily, by
   what no list of residents knows; the variance of that is ``tau_squared`` (DerSimonian and Laird's estimate).
4. The limits of a place are so many standard deviations about the value of all, chance and ordinary variation together.

A worked example: ten places of a million residents each count 81, 90, 100, 110, 121, 81, 90, 100, 110 and 121 events.
The rate of all is 1004 in ten millions. On the scale of square roots of millions, 81 is 9, all are 10.020, and the
standard error is 1/2: the z-score is -2.04, and phi about 2. So chance explains half of the spread. Tau squared is
(10 × phi - 9) / (40 - 4) on that scale, 0.31, and the outer limits are 10.020 ± 3.09 × √(0.25 + 0.31), squared: 60 to
152 a million, where by chance alone they would be 72 to 134.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal

import numpy as np
from scipy.special import betaincinv, gammaincinv

from msoic_pipeline.kpis.definitions import Kpi

# A rate is a count of events among residents, a share a count of cases out of all cases.
Measure = Literal["rate", "share"]

# The part of places between the inner and between the outer limits where nothing but chance and ordinary variation is
# at work: two and three standard deviations, as in both papers.
INNER, OUTER = 0.95, 0.998
# The part of the z-scores at each end that is drawn in.
WINSORISED = 0.1
# Of fewer places a tenth at each end is none, and their variation cannot be told.
FEWEST_PLACES = 10
# Where fewer events are expected (of a share: or fewer cases without one) the scale does not make spreads the same.
FEWEST_EXPECTED = 5.0
# Units of KPIs whose events come one by one, so that chance makes them vary as Poisson counts do. Pounds do not, nor
# people who are briefed together, nor the programme's own operations, which are planned.
EVENT_UNITS = frozenset({"defendants", "investigations", "offences", "referrals"})


@dataclass(frozen=True)
class Interval:
    """The lowest and the highest of what a value may be."""

    lower: float
    upper: float

    def contains(self, value: float) -> bool:
        """Whether a value is neither below nor above it."""
        return self.lower <= value <= self.upper


@dataclass(frozen=True)
class CountedPlace:
    """A place: how many events were counted there, and out of how many residents or cases (its base)."""

    name: str
    count: float
    base: float

    @property
    def value(self) -> float:
        """Events a resident, or the share of cases."""
        return self.count / self.base


@dataclass(frozen=True)
class Funnel:
    """The limits about the value of all places, for each size of place.

    ``centre`` is the value of all, ``phi`` by how much the places' z-scores vary, ``tau_squared`` the variance of the
    ordinary variation between places, on the scale of the measure. ``judged`` are the places that those are of.
    """

    measure: Measure
    centre: float
    phi: float
    tau_squared: float
    judged: tuple[CountedPlace, ...]

    @property
    def spread(self) -> float:
        """How many times as much as by chance alone places vary: above 1 where ``tau_squared`` is above 0.

        It is the standard deviation of the z-scores, for which their squares are divided by one less than there are.
        """
        places = len(self.judged)
        return math.sqrt(self.phi * places / (places - 1))

    def compute_limits(self, base: float, within: float = OUTER) -> Interval:
        """Return the limits of a place of that many residents or cases, between which a part ``within`` lies."""
        deviations = NormalDist().inv_cdf((1 + within) / 2)
        middle = _stabilise(self.measure, self.centre)
        reach = deviations * math.sqrt(1 / (4 * base) + self.tau_squared)
        highest = math.pi / 2 if self.measure == "share" else math.inf
        lower, upper = max(middle - reach, 0.0), min(middle + reach, highest)
        return Interval(_restore(self.measure, lower), _restore(self.measure, upper))

    def is_outside(self, place: CountedPlace) -> bool:
        """Whether a place lies beyond the outer limits."""
        return not self.compute_limits(place.base).contains(place.value)


def name_measure(kpi: Kpi) -> Measure | None:
    """Return as what a KPI's figures can be compared between places: a rate, a share, or neither."""
    if kpi.is_share:
        return "share"
    return "rate" if kpi.unit in EVENT_UNITS else None


def fit_funnel(measure: Measure, places: Sequence[CountedPlace]) -> Funnel | None:
    """Return the funnel of places; None where fewer than FEWEST_PLACES are large enough to be judged.

    The value of all is of all places, also of those that are too small.
    """
    base_of_all = sum(place.base for place in places)
    if not base_of_all:
        return None
    centre = sum(place.count for place in places) / base_of_all
    judged = tuple(place for place in places if is_large_enough(measure, centre, place.base))
    if len(judged) < FEWEST_PLACES:
        return None
    middle = _stabilise(measure, centre)
    z_scores = [2 * math.sqrt(place.base) * (_stabilise(measure, place.value) - middle) for place in judged]
    phi = compute_phi(winsorise(z_scores))
    tau_squared = compute_tau_squared(phi, [4 * place.base for place in judged])
    return Funnel(measure, centre, phi, tau_squared, judged)


def is_large_enough(measure: Measure, centre: float, base: float) -> bool:
    """Whether so many events (of a share, and cases without one) are expected of a place that it can be judged."""
    is_enough = centre * base >= FEWEST_EXPECTED
    return is_enough and (measure == "rate" or (1 - centre) * base >= FEWEST_EXPECTED)


def winsorise(z_scores: Sequence[float], part: float = WINSORISED) -> list[float]:
    """Return z-scores of which those beyond the percentile of ``part`` at either end are drawn in to it.

    Of 0, 1, … 10 with a tenth at each end the percentiles are 1 and 9: 0 becomes 1 and 10 becomes 9.
    """
    lowest, highest = np.quantile(z_scores, [part, 1 - part])
    return [float(score) for score in np.clip(z_scores, lowest, highest)]


def compute_phi(z_scores: Sequence[float]) -> float:
    """Return the mean square of z-scores: 1 where chance alone is at work."""
    return fmean(score**2 for score in z_scores)


def compute_tau_squared(phi: float, weights: Sequence[float]) -> float:
    """Return the variance between places that chance does not explain; 0 where it explains all.

    ``weights`` are one over the squared standard error of each place. DerSimonian and Laird's estimate by moments, with
    the number of places times ``phi`` as its Q.
    """
    places, sum_of_weights = len(weights), sum(weights)
    divisor = sum_of_weights - sum(weight**2 for weight in weights) / sum_of_weights
    return max(0.0, (places * phi - (places - 1)) / divisor)


def compute_poisson_interval(count: float, within: float = INNER) -> Interval:
    """Return the exact interval of what a count may be of, if events come by chance (Garwood): of 10, 4.80 to 18.39."""
    tail = (1 - within) / 2
    lower = float(gammaincinv(count, tail)) if count else 0.0
    return Interval(lower, float(gammaincinv(count + 1, 1 - tail)))


def compute_share_interval(count: float, cases: float, within: float = INNER) -> Interval:
    """Return the exact interval of a share of cases (Clopper and Pearson): of 81 in 263 cases, 0.2527 to 0.3676."""
    tail = (1 - within) / 2
    lower = float(betaincinv(count, cases - count + 1, tail)) if count else 0.0
    upper = float(betaincinv(count + 1, cases - count, 1 - tail)) if count < cases else 1.0
    return Interval(lower, upper)


def compute_interval(measure: Measure, place: CountedPlace) -> Interval:
    """Return the exact interval of a place's value, in events a resident or as a share."""
    if measure == "share":
        return compute_share_interval(place.count, place.base)
    of_count = compute_poisson_interval(place.count)
    return Interval(of_count.lower / place.base, of_count.upper / place.base)


def _stabilise(measure: Measure, value: float) -> float:
    """Return a value on the scale on which chance makes the same spread whatever the value."""
    root = math.sqrt(value)
    return math.asin(root) if measure == "share" else root


def _restore(measure: Measure, scaled: float) -> float:
    """Return the value that stands on that scale at a place."""
    return math.sin(scaled) ** 2 if measure == "share" else scaled**2
