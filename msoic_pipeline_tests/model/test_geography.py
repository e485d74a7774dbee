"""How facts write places, and which geographies they belong to."""

from __future__ import annotations

import pytest

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.geography import GeographyKey, find_place_scheme, select_forces_of


@pytest.mark.parametrize(
    ("fact", "scheme"),
    [
        ("fact_recorded_crime", "force code"),
        ("fact_programme_activity", "name"),
        ("fact_nrm_referral_county", "county"),
        ("fact_small_boat_arrival", None),
    ],
)
def test_a_fact_writes_places_in_one_scheme_and_without_places_in_none(fact: str, scheme: str | None):
    assert find_place_scheme(metadata.tables[fact]) == scheme


@pytest.mark.parametrize("geography", [GeographyKey("county", "Kent"), GeographyKey("cps_area", "CPS_SE")])
def test_forces_are_those_of_a_force_or_a_region(geography: GeographyKey):
    with pytest.raises(LookupError, match=rf"expected a force or a region; found '{geography.written}'"):
        select_forces_of(geography)
