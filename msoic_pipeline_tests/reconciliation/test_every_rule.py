"""Every rule of the package: on an empty warehouse, in printed SQL, and a quarter at a time as all at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import load_log, reconciliation_result
from msoic_pipeline.periods import parse_quarter, period_label, shift_months
from msoic_pipeline.reconciliation.acceptances import load_acceptances
from msoic_pipeline.reconciliation.rules import load_rules
from msoic_pipeline.reconciliation.sql import write_rule_sql
from msoic_pipeline.warehouse.sql_lines import break_query_into_lines
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import TODAY, Row, Warehouse
from msoic_pipeline_tests.reconciliation.figures import (
    ADULT,
    CHILD,
    CRIMES,
    ESSEX,
    KENT,
    REFERRALS,
    arrivals,
    boats,
    cps,
    crimes,
    force_return,
    outcomes,
    referral_total,
    referrals,
    responders,
    rule_of,
)

# A calendar year and a financial year; the last three are revised.
QUARTERS = ["2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4", "2022-Q1"]
REVISED = QUARTERS[-3:]
TERRITORIAL = [row["force_code"] for row in members.read_rows("forces.csv") if row["kind"] == "territorial force"]
AREAS = [row["cps_area_code"].replace("-", "_") for row in members.read_rows("cps_areas.csv")]


def publish_everything(warehouse: Warehouse) -> None:
    """Publish a few figures of every fact, quarter by quarter, some of them again in the quarter after."""
    for quarter in QUARTERS:
        publish_quarter(warehouse, quarter, shift_months(parse_quarter(quarter), 4), 0)
        if quarter in REVISED:
            publish_quarter(warehouse, quarter, shift_months(parse_quarter(quarter), 7), 1)
    for edition in (1, 2):
        publish_population(warehouse, edition)


def publish_quarter(warehouse: Warehouse, quarter: str, day: dt.date, revision: int) -> None:
    """Publish figures of every fact of a quarter, a little larger the later the quarter and the more often revised."""
    start = parse_quarter(quarter)
    size = QUARTERS.index(quarter) + 3 * revision
    name = f"{quarter}-{revision}"
    decided: list[Row] = [
        {"period": quarter, "stage": stage, "age_group": age, "decision": decision, "decisions": 20 + size}
        for stage in ("reasonable_grounds", "conclusive_grounds")
        for age in (ADULT, CHILD)
        for decision in ("positive", "negative")
    ]
    authorities: list[Row] = [
        {"period": quarter, "competent_authority": "SCA", "referrals": 70},
        {"period": quarter, "competent_authority": "IECA", "referrals": 30 + size - revision},
    ]
    total_of_decisions = {
        "fact": "fact_nrm_decision",
        "measure": "decisions",
        "breakdown": "reasonable_grounds",
        "value": 80 + 4 * size,
    }
    year = {"period": quarter[:4], "last_quarter": quarter}
    warehouse.publish(
        f"nrm-{name}",
        str(day),
        referrals(quarter, 60 + size, 40, overseas=10 + size),
        responders(quarter, {KENT: 50 + size, ESSEX: 20}),
        ("fact_nrm_referral", [{"period": quarter, "breakdown": "duty_to_notify", "referrals": 5}]),
        ("fact_nrm_referral_authority", authorities),
        ("fact_nrm_referral_county", [{"period": quarter, "county": "Kent", "referrals": 30 + 50 * revision}]),
        ("fact_nrm_decision", decided),
        totals=[
            referral_total(quarter, 100 + size),
            referral_total(quarter, 41, f"age_group={CHILD}"),
            referral_total(quarter, 70 + size) | {"breakdown": "first_responder/Police"},
            total_of_decisions | {"period": quarter},
            total_of_decisions | year,
        ],
    )
    by_force = dict.fromkeys(TERRITORIAL, 10 + size) | {KENT: 30}
    partnerships: list[Row] = [
        {"period": quarter, "force_code": KENT, "partnership": place, "offence_code": "106", "offences": 15}
        for place in ("North", "South")
    ]
    warehouse.publish(
        f"recorded_crime-{name}",
        str(day),
        crimes(quarter, by_force),
        crimes(quarter, {KENT: 500 - 80 * size}, "8N"),
        ("fact_recorded_crime_partnership", partnerships),
    )
    warehouse.publish(f"crime_outcomes-{name}", str(day), outcomes(quarter, by_force | {ESSEX: 90}))
    total_charged = {"fact": "fact_cps_outcome", "measure": "value", "breakdown": "modern_slavery", "period": quarter}
    measures = ("completed_prosecutions", "convictions", "non_convictions", "charged", "referrals")
    warehouse.publish(
        f"cps-{name}",
        str(day),
        *(cps(quarter, measure, **dict.fromkeys(AREAS, float(9 + size))) for measure in measures),
        totals=[total_charged | {"members": "measure=charged", "value": 9 * len(AREAS)}],
    )
    detected = arrivals(quarter, detections=100 + size, raised=10 + size, not_raised=90)
    warehouse.publish(f"irregular_migration-{name}", str(day), detected)
    days = [boats(str(start), 60 + size), boats(str(start), 90 + size, "weekly")]
    warehouse.publish(f"small_boats-{name}", str(day), ("fact_small_boat_arrival", days))
    for month in (period_label("month", shift_months(start, step)) for step in range(3)):
        returned = force_return(month, KENT, live=10 + size, opened=4, closed=3, Victim=10 + size, Suspect=9)
        adults: Row = {"breakdown": "exploitation", "exploitation_type": "Labour", "measure": "live_adult_victims"}
        of_adults = ("fact_investigation", [adults | {"period": month, "force_code": KENT, "value": 15}])
        release_id = f"force_returns-{month}-{revision}"
        warehouse.publish(release_id, str(day), returned, of_adults, reporter=KENT, reference_period=month)
        endings: list[Row] = [
            {
                "cps_case_area_code": "kent",
                "force_code": KENT,
                "offence_category": "robbery",
                "measure": measure,
                "value": value,
            }
            for measure, value in (("convictions", 40 + size), ("unsuccessful", 9))
        ]
        ended = ("fact_cps_case_outcome", [ending | {"period": month} for ending in endings])
        warehouse.publish(f"cps_case_outcomes-{month}-{revision}", str(day), ended)
        row: Row = {"period": month, "activity": "Training", "category": "Course", "geography_code": "National"}
        trained: list[Row] = [
            row | {"measure": "Sessions", "value": 2},
            row | {"measure": "People trained", "value": 30 + 50 * revision},
            row | {"measure": "Penalties issued", "value": 3},
            row | {"measure": "Civil penalties collected", "value": 20000 * size},
        ]
        warehouse.publish(f"programme_activity-{month}-{revision}", str(day), ("fact_programme_activity", trained))


def publish_population(warehouse: Warehouse, edition: int) -> None:
    """Publish the population of two years, which the second edition puts higher, and that of police force areas."""
    people: list[Row] = [
        {
            "period": f"{year}-Q2",
            "local_authority_code": authority,
            "force_code": force,
            "population": 9000 + 50 * edition,
        }
        for year in (2020, 2021)
        for authority, force in (("E07000105", KENT), ("E07000066", ESSEX))
    ]
    areas: list[Row] = [{"period": "2021-Q2", "force_code": force, "population": 9100} for force in (KENT, ESSEX)]
    total = {"fact": "fact_population", "measure": "population", "breakdown": "", "members": "", "period": "2021-Q2"}
    warehouse.publish(
        f"population-{edition}",
        f"2022-1{edition}-20",
        ("fact_population", people),
        ("fact_force_population", areas),
        totals=[total | {"value": 18000 + 100 * edition}],
    )


def rows_of_script(engine: sa.Engine, script: str) -> list[dict[str, Any]]:
    """Run a script as a person would, statement by statement with the engine's own driver, and return what it shows."""
    rows: list[dict[str, Any]] = []
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for statement in script.split(";\n"):
            cursor.execute(statement.rstrip(";"))
            if cursor.description and cursor.description[0][0] == "rule_id":
                names = [column[0] for column in cursor.description]
                rows += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        connection.rollback()
    return rows


def plain(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return rows as texts, in the order of the table's columns: a driver of SQLite's knows no days."""
    names = reconciliation_result.columns.keys()
    return sorted(
        [f"{row[name]:.12g}" if isinstance(row[name], float | int) else str(row[name]) for name in names]
        for row in rows
    )


def stored(warehouse: Warehouse) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in warehouse.results()]


def test_every_rule_runs_on_an_empty_warehouse_and_has_nothing_to_compare(warehouse: Warehouse):
    warehouse.reconcile(" ".join(QUARTERS), rules=load_rules())
    of_table = stored(warehouse)
    assert {row["status"] for row in of_table} == {"not comparable"}, "there are but figures published elsewhere"
    quarters = [parse_quarter(quarter) for quarter in QUARTERS]
    for rule_id in {row["rule_id"] for row in of_table}:
        script = write_rule_sql(rule_id, warehouse.engine.dialect, quarters, acceptances=())
        expected = [row for row in of_table if row["rule_id"] == rule_id]
        assert plain(rows_of_script(warehouse.engine, script)) == plain(expected), rule_id


@pytest.mark.slow
def test_printed_sql_comes_to_the_same_results(warehouse: Warehouse):
    publish_everything(warehouse)
    rules = load_rules()
    warehouse.reconcile(" ".join(QUARTERS), rules=rules, acceptances=load_acceptances())
    together = stored(warehouse)
    without_results = {rule.rule_id for rule in rules} - {row["rule_id"] for row in together}
    assert without_results == {"recorded_crime_forces_to_national"}, "whose figures are of earlier years"
    assert {row["status"] for row in together} == {"agrees", "within tolerance", "breaks", "not comparable"}
    quarters = [parse_quarter(quarter) for quarter in QUARTERS]
    for rule in rules:
        script = write_rule_sql(rule.rule_id, warehouse.engine.dialect, quarters, today=TODAY)
        assert "anon_" not in script, "every step has a name"
        expected = [row for row in together if row["rule_id"] == rule.rule_id]
        assert plain(rows_of_script(warehouse.engine, script)) == plain(expected), rule.rule_id


@on_sqlite
@pytest.mark.slow
def test_single_quarters_come_to_the_same_results(warehouse: Warehouse):
    """The queries differ from those of all quarters in their days alone, which hang on no engine."""
    publish_everything(warehouse)
    rules = load_rules()
    warehouse.reconcile(" ".join(QUARTERS), rules=rules, acceptances=load_acceptances())
    together = stored(warehouse)
    with warehouse.engine.begin() as connection:
        connection.execute(sa.delete(load_log).where(load_log.c.stage.startswith("reconcile")))
        connection.execute(sa.delete(reconciliation_result))
    for quarter in ("2022-Q1", "2021-Q4"):
        warehouse.reconcile(quarter, rules=rules, acceptances=load_acceptances())
    ends_of_years = {parse_quarter("2021-Q4"), parse_quarter("2022-Q1")}
    assert stored(warehouse) == [row for row in together if row["quarter_start"] in ends_of_years]


def test_what_a_rule_says_is_quoted_in_its_sql(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40))
    item = "it's 50%, (a.b AS b) SELECT x WHEN y"
    written = {"item": item, "left": REFERRALS, "right": REFERRALS | {"times": 0.5}}
    rules = rule_of(written, {"left": REFERRALS}, may_differ="5%% isn't  \n\n  a share,\u2028nor\x85 one")
    warehouse.reconcile("2021-Q4", rules=rules)
    script = write_rule_sql("one", warehouse.engine.dialect, [parse_quarter("2021-Q4")], rules=rules, today=TODAY)
    assert plain(rows_of_script(warehouse.engine, script)) == plain(stored(warehouse))
    assert {row["item"] for row in stored(warehouse)} == {item, ""}


def test_a_query_is_laid_out_by_columns_and_clauses():
    written = "SELECT a.x AS x, sum(a.y, 2) AS z, 'p, q  JOIN ' AS t FROM a JOIN b ON a.x = b.x WHERE a.y IN (1, 2)"
    assert break_query_into_lines(written).splitlines() == [
        "SELECT a.x,",
        "    sum(a.y, 2) AS z,",
        "    'p, q  JOIN ' AS t FROM a",
        "    JOIN b ON a.x = b.x",
        "WHERE a.y IN (1, 2)",
    ]


def test_a_text_in_quotes_keeps_its_lines():
    text = "'one  \n\n  two\u2028three\x85 it''s, a.x AS x\n'"
    assert break_query_into_lines(f"SELECT {text} AS t, a.x AS x \n\nFROM a") == f"SELECT {text} AS t,\n    a.x\nFROM a"


def test_there_is_no_such_rule(warehouse: Warehouse):
    with pytest.raises(LookupError, match="no rule 'two'; rules are one"):
        write_rule_sql("two", warehouse.engine.dialect, [], rules=rule_of({"left": CRIMES}))


def test_rules_are_listed_and_said_in_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", "sqlite:///nowhere.sqlite")

    def say(*words: str) -> str:
        result = CliRunner().invoke(app, ["rule", *words])
        assert result.exit_code == 0, result.output
        return result.output

    _, *lines = say().splitlines()
    assert [line.split()[0] for line in lines] == [rule.rule_id for rule in load_rules()]
    words = say("outcomes_to_recorded_crime")
    for part in ("Every recorded modern slavery crime has its outcome", "warn", "the larger of 5 and 5% of the right"):
        assert part in words
    script = say("outcomes_to_recorded_crime", "--sql", "--quarter", "2021-Q4")
    assert "WITH left_figures AS" in script and "BETWEEN '2021-10-01' AND '2021-10-01'" in script
    assert CliRunner().invoke(app, ["rule", "nothing"]).exit_code == 2
    assert CliRunner().invoke(app, ["rule", "--sql"]).exit_code == 2
