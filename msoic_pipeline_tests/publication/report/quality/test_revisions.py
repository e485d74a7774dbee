"""Revisions are those of whole values of the nation, and tell no return."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.publication.report.quality.revisions import (
    Revision,
    count_revisions,
    list_revisions,
    make_revisions,
)
from msoic_pipeline_tests.handmade import Warehouse


def value(kpi_id: str, as_of: str, number: float | None, quarter: int = 1, **more: object) -> dict[str, object]:
    start = dt.date(2021, 3 * quarter - 2, 1)
    return {
        "kpi_id": kpi_id,
        "period_kind": "quarter",
        "period_start": start,
        "geography_kind": "national",
        "geography_code": "UK",
        "as_of": dt.date.fromisoformat(as_of),
        "period_label": f"2021-Q{quarter}",
        "numerator": number,
        "denominator": None,
        "value": number,
        "unit": "referrals",
        "status": "complete",
        "parts_expected": 1,
        "parts_received": 1,
    } | more


VALUES = [
    # Incomplete at first, then 2,500, then 2,600: a revision of +4.0%.
    value("nrm_referrals", "2021-04-10", 900, status="incomplete"),
    value("nrm_referrals", "2021-05-06", 2500),
    value("nrm_referrals", "2021-08-05", 2600),
    # Down and back up: revised twice, and where it was.
    value("nrm_referrals", "2021-08-05", 3000, 2),
    value("nrm_referrals", "2021-11-04", 2900, 2),
    value("nrm_referrals", "2022-03-03", 3000, 2),
    # Never revised.
    value("nrm_referrals", "2021-11-04", 3100, 3),
    # From nothing: it has no relative revision.
    value("nrm_referrals_location_unknown", "2021-05-06", 0),
    value("nrm_referrals_location_unknown", "2021-08-05", 5),
    # Of a force, and of returns: left out.
    value("nrm_police_referrals", "2021-05-06", 10, geography_kind="force", geography_code="E23000032"),
    value("live_investigations", "2021-05-06", 4321.0),
    value("live_investigations", "2021-06-06", 4377.0),
]


@pytest.fixture
def revised(warehouse: Warehouse) -> Warehouse:
    """A warehouse with values of a few KPIs."""
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        connection.execute(sa.insert(kpi_value), VALUES)
    return warehouse


def read(warehouse: Warehouse, as_at: str = "") -> list[Revision]:
    with warehouse.engine.connect() as connection:
        return list_revisions(connection, dt.date.fromisoformat(as_at) if as_at else None)


def test_revisions_are_relative_to_the_first_whole_value(revised: Warehouse):
    found = {(each.kpi.kpi_id, each.period_label): each for each in read(revised)}
    assert set(found) == {
        ("nrm_referrals", "2021-Q1"),
        ("nrm_referrals", "2021-Q2"),
        ("nrm_referrals", "2021-Q3"),
        ("nrm_referrals_location_unknown", "2021-Q1"),
    }
    first = found["nrm_referrals", "2021-Q1"]
    assert (first.first_value, first.latest_value) == (2500, 2600)
    assert first.relative == pytest.approx(0.04)
    back = found["nrm_referrals", "2021-Q2"]
    assert (back.times_revised, back.relative, back.is_revised) == (2, 0, True)
    assert not found["nrm_referrals", "2021-Q3"].is_revised
    assert found["nrm_referrals_location_unknown", "2021-Q1"].relative is None


def test_they_are_counted_and_the_largest_are_named(revised: Warehouse):
    revisions = read(revised)
    count = count_revisions(revisions)
    assert (count.values, count.revised, count.up, count.down) == (4, 3, 2, 0)
    assert count.median_size == pytest.approx(0.02)
    assert count.largest == pytest.approx(0.04)
    shown = make_revisions(revisions)
    assert shown.sentences[0] == (
        "3 of 4 values revised since first complete: 2 up, 0 down; the median revision is 2.0%, the largest +4.0%."
    )
    assert "1 revised value was zero first" in shown.sentences[1]
    assert shown.largest.rows[0] == (
        "NRM referrals", "2021-Q1", "2,500", "6 May 2021", "2,600", "5 August 2021", "+4.0%",
    )  # fmt: skip
    of_referrals = next(row for row in shown.by_kpi.rows if row[0] == "NRM referrals")
    assert of_referrals[1:] == ("3", "2", "1", "0", "2.0%", "+4.0%")


def test_several_that_were_zero_first_are_told_of_in_the_plural(revised: Warehouse):
    revisions = read(revised)
    (from_nothing,) = (each for each in revisions if each.relative is None)
    sentences = make_revisions([*revisions, from_nothing, from_nothing]).sentences
    assert "3 revised values were zero first, and have no relative revision." in sentences


def test_they_are_as_known_on_the_day(revised: Warehouse):
    known = read(revised, "2021-08-05")
    assert {(each.kpi.kpi_id, each.period_label): each.times_revised for each in known} == {
        ("nrm_referrals", "2021-Q1"): 1,
        ("nrm_referrals", "2021-Q2"): 0,
        ("nrm_referrals_location_unknown", "2021-Q1"): 1,
    }
    assert read(revised, "2021-04-10") == []


def test_a_late_return_is_not_told(revised: Warehouse):
    shown = repr(make_revisions(read(revised)))
    assert "4,321" not in shown and "4,377" not in shown and "Live investigations" not in shown
    assert "on sensitive returns" in shown
