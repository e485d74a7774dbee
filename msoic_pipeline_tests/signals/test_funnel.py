"""Funnels and intervals agree with what others have published of the same figures."""

from __future__ import annotations

import math
import random

import pytest

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.signals.funnel import (
    EVENT_UNITS,
    FEWEST_PLACES,
    INNER,
    OUTER,
    CountedPlace,
    Funnel,
    compute_interval,
    compute_phi,
    compute_poisson_interval,
    compute_share_interval,
    compute_tau_squared,
    fit_funnel,
    winsorise,
)


@pytest.mark.parametrize(
    ("count", "within", "lower", "upper"),
    [
        # Garwood's table, as in any book of exact Poisson limits.
        (0, 0.95, 0.0, 3.689),
        (1, 0.95, 0.02532, 5.572),
        (5, 0.95, 1.623, 11.668),
        (10, 0.95, 4.795, 18.390),
        (100, 0.95, 81.364, 121.627),
        # GraphPad's page on the interval of a count.
        (25, 0.90, 17.38, 34.92),
        (25, 0.95, 16.18, 36.90),
        (25, 0.99, 14.00, 41.00),
        # The tests of the R package FunnelPlotR, of limits as ratios to 15, 20 and 30.
        (15, 0.95, 15 * 0.5596924, 15 * 1.649348),
        (20, 0.95, 20 * 0.6108260, 20 * 1.544419),
        (30, 0.95, 30 * 0.6746958, 30 * 1.427562),
        (15, 0.998, 15 * 0.3862650, 15 * 2.082907),
        (20, 0.998, 20 * 0.4479107, 20 * 1.902094),
        (30, 0.998, 30 * 0.5289724, 30 * 1.702771),
    ],
)
def test_intervals_of_counts_are_the_published_ones(count: int, within: float, lower: float, upper: float):
    interval = compute_poisson_interval(count, within)
    assert interval.lower == pytest.approx(lower, rel=4e-4) and interval.upper == pytest.approx(upper, rel=4e-4)


@pytest.mark.parametrize(
    ("count", "cases", "lower", "upper"),
    # R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 5.
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_intervals_of_shares_are_the_published_ones(count: int, cases: int, lower: float, upper: float):
    interval = compute_share_interval(count, cases)
    assert (round(interval.lower, 4), round(interval.upper, 4)) == (lower, upper)
    of_the_others = compute_share_interval(cases - count, cases)
    assert of_the_others.lower == pytest.approx(1 - interval.upper)


def test_an_interval_of_a_rate_is_that_of_its_count():
    interval = compute_interval("rate", CountedPlace("One", 10, 2_000_000))
    assert interval.lower * 1e6 == pytest.approx(2.398, abs=1e-3)
    assert interval.upper * 1e6 == pytest.approx(9.195, abs=1e-3)


def test_phi_is_that_of_a_published_example():
    """The example of FunnelPlotR's tests, whose z-scores are of logarithms, and of which it leaves none out."""
    counted = (100, 150, 180, 80, 120, 225)
    expected = (108, 112, 165, 95, 100, 220)
    z_scores = [math.sqrt(e) * math.log(c / e) for c, e in zip(counted, expected, strict=True)]
    assert round(compute_phi(z_scores), 6) == 2.948033


# Trials of the BCG vaccine (Colditz and others, 1994): cases and others among the vaccinated, and among the rest. For
# their risk ratios the R package metafor documents Q = 152.2330 and DerSimonian and Laird's tau squared 0.3088.
TRIALS = (
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)


def test_the_variance_between_places_is_that_of_a_published_example():
    logs = [math.log((a / (a + b)) / (c / (c + d))) for a, b, c, d in TRIALS]
    weights = [1 / (1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)) for a, b, c, d in TRIALS]
    middle = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
    phi = compute_phi([math.sqrt(w) * (y - middle) for w, y in zip(weights, logs, strict=True)])
    assert round(len(TRIALS) * phi, 4) == 152.2330
    assert round(compute_tau_squared(phi, weights), 4) == 0.3088


def test_there_is_no_variance_between_places_where_chance_explains_all():
    assert compute_tau_squared(0.8, [4.0] * 20) == 0


def test_a_tenth_at_each_end_is_drawn_in():
    assert winsorise([float(place) for place in range(11)]) == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert winsorise([3.0, 1.0, 2.0], 0) == [3, 1, 2]


# The example of the module's own words.
TEN = [CountedPlace(f"{count}", count, 1.0) for count in (81, 90, 100, 110, 121) * 2]


def test_the_worked_example_holds():
    funnel = fit_funnel("rate", TEN)
    assert funnel is not None
    assert (funnel.centre, round(funnel.phi, 2), round(funnel.tau_squared, 2)) == (100.4, 2.0, 0.31)
    outer, inner = funnel.compute_limits(1.0), funnel.compute_limits(1.0, INNER)
    assert (round(outer.lower), round(outer.upper)) == (60, 152)
    assert outer.lower < inner.lower < 100.4 < inner.upper < outer.upper
    by_chance = Funnel("rate", funnel.centre, 1, 0.0, ()).compute_limits(1.0)
    assert (round(by_chance.lower), round(by_chance.upper)) == (72, 134)


def test_limits_by_chance_are_near_the_exact_ones():
    """At a place where 100 are expected, and at a share of 30 in a hundred of 500 cases."""
    funnel = Funnel("rate", 100 / 1e6, 1, 0.0, ())
    exact = compute_poisson_interval(100)
    assert funnel.compute_limits(1e6, INNER).lower * 1e6 == pytest.approx(exact.lower, abs=1.5)
    assert funnel.compute_limits(1e6, INNER).upper * 1e6 == pytest.approx(exact.upper, abs=1.5)
    shares = Funnel("share", 0.3, 1, 0.0, ()).compute_limits(500, INNER)
    assert shares.lower == pytest.approx(0.3 - 1.96 * math.sqrt(0.3 * 0.7 / 500), abs=2e-3)
    assert shares.upper == pytest.approx(0.3 + 1.96 * math.sqrt(0.3 * 0.7 / 500), abs=2e-3)


def test_limits_are_wide_for_small_places_and_stay_what_can_be():
    funnel = Funnel("share", 0.3, 1, 0.01, ())
    small, large = funnel.compute_limits(20), funnel.compute_limits(20_000)
    assert small.lower < large.lower and large.upper < small.upper
    assert funnel.compute_limits(1).lower == 0 and funnel.compute_limits(1).upper == 1


def test_one_place_that_differs_does_not_hide_itself():
    rate = 100 / 1e6
    places = [CountedPlace(f"{number}", 95 + number % 11, 1e6) for number in range(30)]
    funnel = fit_funnel("rate", [*places, CountedPlace("Other", 300, 1e6)])
    assert funnel is not None and funnel.centre > rate
    assert [place.name for place in funnel.judged if funnel.is_outside(place)] == ["Other"]


def test_the_variance_of_made_up_places_is_found_again():
    """Forty places whose square roots vary by a standard deviation of 1 (per root of a million) about 12."""
    chance = random.Random(7)
    found = []
    for _ in range(60):
        places = []
        for number in range(40):
            millions = 0.4 + number / 20
            rate = chance.gauss(12, 1) ** 2
            count = round(chance.gauss(rate * millions, math.sqrt(rate * millions)))
            places.append(CountedPlace(f"{number}", count, millions))
        funnel = fit_funnel("rate", places)
        assert funnel is not None
        found.append(funnel.tau_squared)
    # Drawing a tenth in at each end leaves about three quarters of a normal variance.
    assert 0.55 < sum(found) / len(found) < 0.9


def test_places_too_small_count_in_all_and_are_not_judged():
    small = CountedPlace("Small", 9, 0.03)
    funnel = fit_funnel("rate", [*TEN, small])
    assert funnel is not None and small not in funnel.judged
    assert funnel.centre == pytest.approx((1004 + 9) / 10.03)


def test_too_few_places_make_no_funnel():
    assert fit_funnel("rate", TEN[: FEWEST_PLACES - 1]) is None
    assert fit_funnel("rate", []) is None
    assert fit_funnel("share", [CountedPlace(f"{n}", 0, 50) for n in range(20)]) is None


def test_outside_is_beyond_the_outer_limits():
    funnel = fit_funnel("rate", TEN)
    assert funnel is not None
    limit = funnel.compute_limits(1.0, OUTER)
    assert not funnel.is_outside(CountedPlace("Within", limit.upper - 0.1, 1.0))
    assert funnel.is_outside(CountedPlace("Above", limit.upper + 0.1, 1.0))
    assert funnel.is_outside(CountedPlace("Below", limit.lower - 0.1, 1.0))


def test_units_that_count_events_are_those_of_kpis():
    assert {kpi.unit for kpi in load_definitions()} >= EVENT_UNITS
