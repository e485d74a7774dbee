"""For how long figures stood: until a later release covered the same ground."""

from __future__ import annotations

import datetime as dt

from msoic_pipeline.ingest.manifest import StagedVintage
from msoic_pipeline.warehouse.vintages import RankedVintage, date_vintages

MAY, AUGUST = dt.date(2022, 5, 5), dt.date(2022, 8, 4)


def _ranked(
    release: str, published_on: dt.date, edition: int, place_in_order: int, breakdown: str = "age_location"
) -> RankedVintage:
    quarter = dt.date(2022, 1, 1)
    staged = StagedVintage("fact_nrm_referral", breakdown, quarter, quarter, "", release, published_on, rows=9)
    return RankedVintage(staged, edition, place_in_order)


def _superseded_on(*ranked: RankedVintage) -> dict[str, dt.date | None]:
    return {vintage.release_id: vintage.superseded_on for vintage in date_vintages(ranked)}


def test_figures_stand_until_the_next_release_about_the_same_ground():
    first, second, third = _ranked("a", MAY, 1, 0), _ranked("b", AUGUST, 1, 1), _ranked("c", AUGUST, 2, 2)
    assert _superseded_on(third, first, second) == {"a": AUGUST, "b": AUGUST, "c": None}


def test_of_two_that_say_the_same_of_themselves_the_one_that_came_in_later_counts():
    assert _superseded_on(_ranked("a", MAY, 1, 0), _ranked("b", MAY, 1, 1)) == {"a": MAY, "b": None}
    held = _ranked("held", MAY, 1, -1)
    assert _superseded_on(_ranked("a", MAY, 1, 0), held) == {"held": MAY, "a": None}


def test_another_breakdown_is_other_ground():
    other = _ranked("b", AUGUST, 1, 1, breakdown="first_responder")
    assert _superseded_on(_ranked("a", MAY, 1, 0), other) == {"a": None, "b": None}
