from __future__ import annotations

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.kpis import definition_rows, definitions
from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import load_definitions, parse_definitions
from msoic_pipeline.model.kpi import kpi_definition, kpi_value

GOOD = {
    "kpi_id": "crimes",
    "title": "Crimes",
    "description": "Crimes recorded.",
    "unit": "offences",
    "direction": "neutral",
    "nation": "E&W",
    "numerator": {"fact": "fact_recorded_crime", "where": {"offence_code": "106"}},
}


def parse(**changes: object) -> definitions.Kpi:
    (kpi,) = parse_definitions(yaml.safe_dump({"kpis": [GOOD | changes]}))
    return kpi


def test_all_definitions_say_what_they_are():
    for kpi in load_definitions():
        assert kpi.title and kpi.description.endswith(".") and kpi.caveat.endswith("."), kpi.kpi_id
        row = kpi.row()
        assert {*row, "is_synthetic"} == {column.name for column in kpi_definition.columns}
        assert kpi.numerator.fact in row["numerator"]
        assert bool(row["denominator"]) == (kpi.unit == "share" or kpi.denominator == "periods reported"), kpi.kpi_id


def test_a_definition_in_words():
    share = next(kpi for kpi in load_definitions() if kpi.kpi_id == "victim_british_share")
    assert share.row()["numerator"] == (
        "at the last month that each reporter has in the period, value of fact_investigation where breakdown is "
        "nationality and measure is live and role is Victim and nationality is UK; what a release or return does not "
        "list is zero"
    )
    assert "nationality is not Unknown" in share.row()["denominator"]


def test_periods_follow_the_fact():
    assert parse().computed_kinds == ("quarter", "calendar_year", "financial_year")
    monthly = {"fact": "fact_programme_activity", "where": {"activity": "Briefings", "measure": "Briefings"}}
    assert parse(numerator=monthly).computed_kinds == ("month", "quarter", "calendar_year", "financial_year")
    assert parse(period_kinds=["calendar_year"]).computed_kinds == ("calendar_year",)


NRM = {"fact": "fact_nrm_referral", "where": {"breakdown": "age_location"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"numerator": {"fact": "fact_crime"}}, "unknown fact 'fact_crime': expected one of fact_nrm_referral"),
        (
            {"numerator": {"fact": "fact_recorded_crime", "measure": "crimes"}},
            "no measure 'crimes': expected one of offences",
        ),
        ({"numerator": {"fact": "fact_crime_outcome"}}, "expected one of outcomes_recorded, outcomes_closed"),
        (
            {"numerator": {"fact": "fact_recorded_crime", "where": {"offence": "106"}}},
            "fact_recorded_crime has no column 'offence': expected one of quarter_start",
        ),
        (
            {"numerator": {"fact": "fact_recorded_crime", "where": {"dim_outcome.name": "Charged"}}},
            "does not refer to 'dim_outcome': expected one of dim_quarter, dim_force, dim_offence",
        ),
        (
            {"numerator": {"fact": "fact_recorded_crime", "where": {"dim_force.sort": "x"}}},
            "dim_force has no column 'sort'",
        ),
        (
            {"numerator": {"fact": "fact_recorded_crime", "where": {"offence_code": 106}}},
            "where.offence_code: expected a text in quotes, true or false, a list of them, or {not: …}; found 106",
        ),
        (
            {"numerator": {"fact": "fact_recorded_crime", "where": {"offence_code": True}}},
            "offence_code is a text in quotes; found True",
        ),
        (
            {"numerator": {"fact": "fact_nrm_referral", "where": {"breakdown": "age"}}},
            "breakdown has no member 'age': expected one of age_location, first_responder, duty_to_notify",
        ),
        (
            {"numerator": {"fact": "fact_nrm_referral"}},
            "several breakdowns of the same cases: fix one of them by 'breakdown' in where",
        ),
        (
            {"numerator": {"fact": "fact_nrm_referral", "where": {"breakdown": {"not": "first_responder"}}}},
            "fix one of them by 'breakdown' in where",
        ),
        ({"divisions": ["cps_area"]}, "fact_recorded_crime can be divided by force, rocu_region below the nation"),
        ({"period_kinds": ["month"]}, "fact_recorded_crime is quarterly: there can be no figure of a month"),
        ({"denominator": NRM}, "must be of the same months or quarters and the same reporters"),
        (
            {"denominator": "periods reported"},
            "an average over periods is a sum over time, for periods longer than a quarter",
        ),
        ({"direction": "up"}, "direction: Input should be 'good', 'bad' or 'neutral'"),
        ({"nation": "GB"}, "nation: Input should be 'UK' or 'E&W'"),
        ({"grain": "month"}, "grain: Extra inputs are not permitted"),
        ({"title": None}, "title: Input should be a valid string"),
    ],
)
def test_a_wrong_definition_is_explained(changes: dict[str, object], expected: str):
    with pytest.raises(DeclarationError) as refusal:
        parse(**changes)
    words = str(refusal.value)
    assert words.startswith("msoic_pipeline/kpis/definitions.yaml is to be mended:\ncrimes: ")
    assert expected in words
    assert "periods reported']" not in words


def test_all_wrong_definitions_are_named_at_once():
    wrong = [GOOD, GOOD, GOOD | {"kpi_id": "a", "unit": 1}, GOOD | {"kpi_id": "B"}]
    with pytest.raises(DeclarationError) as refusal:
        parse_definitions(yaml.safe_dump({"kpis": wrong}))
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()[1:]] == ["a", "B", "crimes"]


@pytest.mark.parametrize("text", ["kpis: [", "measures: []", ""])
def test_a_file_that_is_no_list_of_kpis_is_explained(text: str):
    with pytest.raises(DeclarationError, match="is to be mended"):
        parse_definitions(text)


def test_the_table_follows_the_file(cps_warehouse: Engine, monkeypatch: pytest.MonkeyPatch):
    kept = tuple(kpi for kpi in load_definitions() if kpi.kpi_id != "cps_charged")
    changed = (kept[0].model_copy(update={"title": "Another"}), *kept[1:])
    monkeypatch.setattr(definition_rows, "load_definitions", lambda: changed)
    with cps_warehouse.begin() as connection:
        write_definitions(connection)
        titles = dict(connection.execute(sa.select(kpi_definition.c.kpi_id, kpi_definition.c.title)).all())
        valued = set(connection.scalars(sa.select(kpi_value.c.kpi_id)))
    assert titles == {kpi.kpi_id: kpi.title for kpi in changed}
    assert "cps_charge_rate" in valued and "cps_charged" not in valued


def test_what_matures_is_declared():
    assert {(kpi.kpi_id, kpi.matures) for kpi in load_definitions() if kpi.matures} == {
        ("modern_slavery_charge_outcome_rate", "numerator"),
        ("modern_slavery_charged", "value"),
        ("modern_slavery_victim_supports", "value"),
        ("modern_slavery_victim_does_not_support", "value"),
        ("modern_slavery_no_suspect", "value"),
        ("modern_slavery_other_outcome", "value"),
        ("modern_slavery_not_yet_assigned", "value"),
        ("nrm_reasonable_grounds_decisions", "value"),
        ("nrm_conclusive_grounds_decisions", "value"),
    }
