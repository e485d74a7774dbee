"""Known figures, by the day on which they were known. Both engines hold the same, so that most are asked of one."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.geography import find_geographies
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_label, periods
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.databases import on_sqlite

TODAY = "2026-03-01"


def row(engine: Engine, kpi_id: str, period: str, geography: str, as_at: str = TODAY) -> KnownValue:
    with read_transaction(engine) as connection:
        (found,) = find_known_values(
            connection, kpi_id, period, find_geographies(geography), dt.date.fromisoformat(as_at)
        )
    return found


def value(engine: Engine, kpi_id: str, period: str, geography: str, as_at: str = TODAY) -> float:
    number = row(engine, kpi_id, period, geography, as_at).value
    assert isinstance(number, float)
    return number


# Totals of the year by release: nrm_total_revisions.csv of the reference, from the Home Office's bulletins and tables.
@on_sqlite
@pytest.mark.parametrize(
    ("year", "as_at", "referrals"),
    [
        ("2019", "2021-03-18", 10616),
        ("2019", "2022-03-03", 10611),
        ("2019", "2023-05-04", 10608),
        ("2019", "2024-03-07", 10606),
        ("2020", "2021-03-18", 10613),
        ("2020", "2022-03-03", 10601),
        ("2020", "2023-05-04", 10584),
        ("2020", "2024-03-07", 10582),
        ("2021", "2022-03-03", 12727),
        ("2021", "2023-03-02", 12706),
        ("2021", "2023-05-04", 12704),
        ("2021", "2023-08-31", 12705),
        ("2021", "2023-11-30", 12701),
        ("2021", "2024-03-07", 12700),
        ("2022", "2023-03-02", 16938),
        ("2022", "2023-05-04", 16932),
        ("2022", "2024-03-07", 16921),
        ("2023", "2024-03-07", 17004),
        ("2024", "2025-03-06", 19125),
        ("2025", TODAY, 23411),
    ],
)
def test_nrm_referrals_of_a_year_as_then_known(sample: Engine, year: str, as_at: str, referrals: int):
    assert value(sample, "nrm_referrals", year, "UK", as_at) == referrals


# As published on 7 March 2024.
NRM_QUARTERS = {
    2015: (727, 760, 837, 939),
    2016: (894, 1003, 906, 1002),
    2017: (1156, 1194, 1323, 1463),
    2018: (1618, 1652, 1747, 1957),
    2019: (2153, 2308, 2802, 3343),
    2020: (2857, 2198, 2490, 3037),
    2021: (2935, 3119, 3316, 3330),
    2022: (3773, 4157, 4578, 4413),
    2023: (4738, 3993, 4131, 4142),
}


@on_sqlite
def test_nrm_referrals_by_quarter(sample: Engine):
    with read_transaction(sample) as connection:
        rows = find_known_values(connection, "nrm_referrals", as_at=dt.date(2024, 3, 7))
    found = {row.period_label: row.value for row in rows if row.period_kind == "quarter"}
    assert found == {
        f"{year}-Q{number}": referrals
        for year, quarters in NRM_QUARTERS.items()
        for number, referrals in enumerate(quarters, start=1)
    }


@on_sqlite
def test_a_year_in_progress_is_incomplete(sample: Engine):
    known = row(sample, "nrm_referrals", "2021", "UK", "2021-08-05")
    assert (known.status, known.parts_received, known.parts_expected) == ("incomplete", 2, 4)
    whole = row(sample, "nrm_referrals", "2021", "UK", "2022-03-03")
    assert (whole.status, whole.parts_received, whole.as_of) == ("complete", 4, dt.date(2022, 3, 3))


@on_sqlite
def test_before_the_first_release_nothing_is_known(sample: Engine):
    with read_transaction(sample) as connection:
        assert find_known_values(connection, "nrm_referrals", "2021-Q4", as_at=dt.date(2022, 3, 2)) == []


@on_sqlite
def test_nrm_decisions_and_reports(sample: Engine):
    assert value(sample, "nrm_reasonable_grounds_decisions", "2021", "UK", "2024-03-07") == 12499
    assert value(sample, "nrm_reasonable_grounds_positive_rate", "2023", "UK", "2024-03-07") == 8319 / 15247
    assert value(sample, "nrm_conclusive_grounds_positive_rate", "2023", "UK", "2024-03-07") == 6528 / 9825
    assert value(sample, "duty_to_notify_reports", "2022", "UK", "2024-03-07") == 4580


@on_sqlite
def test_parts_of_the_referrals_add_up(sample: Engine):
    whole = value(sample, "nrm_referrals", "2022", "UK")
    ages = ("adults", "children", "age_unknown")
    places = ("uk", "overseas", "uk_and_overseas", "location_unknown")
    for parts in (ages, places):
        assert sum(value(sample, f"nrm_referrals_{part}", "2022", "UK") for part in parts) == whole
    assert (
        value(sample, "nrm_child_share", "2022", "UK") == value(sample, "nrm_referrals_children", "2022", "UK") / whole
    )


@on_sqlite
def test_referrals_by_competent_authority_and_county(sample: Engine):
    """As first published: the bulletins of the first and the last quarter of 2023."""
    for quarter, as_at, sca, ieca in (("2023-Q1", "2023-05-11", 3768, 978), ("2023-Q4", "2024-03-07", 3317, 825)):
        assert value(sample, "nrm_sca_referrals", quarter, "UK", as_at) == sca
        assert value(sample, "nrm_ieca_referrals", quarter, "UK", as_at) == ieca
    assert row(sample, "nrm_ieca_referrals", "2021", "UK").status == "incomplete"  # of one quarter alone
    with read_transaction(sample) as connection:
        counties = find_known_values(connection, "nrm_referrals_of_known_county", "2025-Q4", find_geographies("county"))
    assert len(counties) == 74 and "Cumberland" not in {each.geography_code for each in counties}
    assert sum(each.value or 0 for each in counties) == value(sample, "nrm_referrals_of_known_county", "2025-Q4", "UK")


@on_sqlite
def test_police_referrals(sample: Engine):
    with read_transaction(sample) as connection:
        tables: dict[str, int] = dict(
            connection.execute(
                sa.text(
                    "SELECT first_responder_type, sum(referrals) FROM current_fact_nrm_referral "
                    "WHERE breakdown = 'first_responder' GROUP BY first_responder_type"
                )
            ).all()
        )
        forces = find_known_values(connection, "nrm_police_referrals", "2021-Q4", find_geographies("force"))
        regions = find_known_values(connection, "nrm_police_referrals", "2021-Q4", find_geographies("rocu_region"))
    share = row(sample, "nrm_police_share", "2021-Q4", "UK")
    assert (share.numerator, share.denominator) == (tables["Police"], sum(tables.values()))
    assert len(forces) == 44 and len(regions) == 10  # every territorial force and the British Transport Police
    by_force = sum(force.value or 0 for force in forces)
    assert tables["Police"] * 0.9 < by_force < tables["Police"]  # the rest: regional units, Scotland, Northern Ireland
    assert row(sample, "nrm_police_share", "2021", "UK").status == "incomplete"


@on_sqlite
def test_recorded_modern_slavery_crimes(sample: Engine):
    kpi_id = "recorded_modern_slavery_crimes"
    assert value(sample, kpi_id, "2017/18", "E&W", "2018-07-19") == 3393
    assert value(sample, kpi_id, "2017/18", "E&W") == 3412
    first = {f"2017/18 Q{number}": crimes for number, crimes in enumerate((610, 726, 964, 1093), start=1)}
    assert {q: value(sample, kpi_id, q, "E&W", "2018-07-19") for q in first} == first
    assert value(sample, kpi_id, "2015/16", "E&W") == 884
    assert value(sample, kpi_id, "2016/17", "E&W") == 2255
    assert value(sample, kpi_id, "2018/19", "E&W") == 5144


@on_sqlite
def test_a_force_that_gave_no_figures_makes_its_year_incomplete(sample: Engine):
    kpi_id, force = "recorded_modern_slavery_crimes", "Greater Manchester"
    nation, year = row(sample, kpi_id, "2019/20", "E&W"), row(sample, kpi_id, "2019/20", force)
    assert (nation.status, nation.parts_received, nation.parts_expected) == ("incomplete", 169, 172)
    assert (year.status, year.parts_received, year.parts_expected) == ("incomplete", 1, 4)
    with read_transaction(sample) as connection:
        assert find_known_values(connection, kpi_id, "2019/20 Q2", find_geographies(force)) == []
    assert row(sample, kpi_id, "2019/20 Q2", "North West").parts_received == 5


# The annual report for 2021-22, and for prosecutions a Parliamentary answer.
@on_sqlite
def test_cps_changes(sample: Engine):
    def change(kpi_id: str, before: str, after: str) -> float:
        return round(value(sample, kpi_id, after, "E&W") / value(sample, kpi_id, before, "E&W") - 1, 2)

    assert change("cps_average_charged_per_quarter", "2020/21", "2021/22") == 0.70
    assert change("cps_charged", "2020/21", "2021/22") == 0.70
    assert change("cps_convictions", "2020/21", "2021/22") == 0.53
    assert change("cps_charged", "2020/21 Q1", "2021/22 Q4") == 0.97
    assert change("cps_convictions", "2020/21 Q1", "2021/22 Q4") == 0.78
    prosecutions = {"2019": 349, "2020": 267, "2021": 466, "2022": 405, "2023": 410}
    convictions = {"2019": 251, "2020": 197, "2021": 332, "2022": 282, "2023": 311}
    for year, number in prosecutions.items():
        assert value(sample, "cps_completed_prosecutions", year, "E&W") == number
        assert value(sample, "cps_conviction_rate", year, "E&W") == convictions[year] / number


@on_sqlite
def test_cps_areas_add_up(sample: Engine):
    with read_transaction(sample) as connection:
        areas = find_known_values(connection, "cps_charged", "2021/22", find_geographies("cps_area"))
    assert len(areas) == 14
    assert sum(area.value or 0 for area in areas) == value(sample, "cps_charged", "2021/22", "E&W")
    assert {(area.parts_expected, area.status) for area in areas} == {(4, "complete")}


@on_sqlite
def test_an_average_is_over_the_quarters_reported(sample: Engine):
    known = row(sample, "cps_average_charged_per_quarter", "2021/22", "E&W", "2022-01-20")
    assert (known.denominator, known.status) == (2, "incomplete")
    assert row(sample, "cps_average_charged_per_quarter", "2021/22", "E&W").denominator == 4


@on_sqlite
def test_a_missing_return_is_missing(sample: Engine):
    """Wiltshire made none for September 2021."""
    with read_transaction(sample) as connection:
        assert find_known_values(connection, "live_investigations", "2021-09", find_geographies("Wiltshire")) == []
        received: int = connection.execute(
            sa.text(
                "SELECT sum(value) FROM current_fact_investigation WHERE measure = 'live' "
                "AND breakdown = 'exploitation' AND month_start = '2021-09-01'"
            )
        ).scalar_one()
    september = row(sample, "live_investigations", "2021-09", "E&W")
    assert (september.value, september.status) == (received, "incomplete")
    assert (september.parts_received, september.parts_expected) == (42, 43)
    # At the end of the quarter its last return counts, and the quarter is incomplete for that.
    august = value(sample, "live_investigations", "2021-08", "Wiltshire")
    quarter = row(sample, "live_investigations", "2021-Q3", "Wiltshire")
    assert (quarter.value, quarter.status, quarter.parts_received) == (august, "incomplete", 0)
    assert value(sample, "live_investigations", "2021-Q3", "E&W") == received + august
    opened = row(sample, "investigations_opened", "2021-Q3", "Wiltshire")
    assert (opened.status, opened.parts_received, opened.parts_expected) == ("incomplete", 2, 3)
    assert row(sample, "investigations_opened", "2021-Q3", "South East").status == "complete"


@on_sqlite
def test_shares_of_investigations(sample: Engine):
    with read_transaction(sample) as connection:
        criminal, county_lines, live = connection.execute(
            sa.text(
                "SELECT sum(CASE WHEN exploitation_type LIKE '%Criminal%' THEN value END), "
                "sum(CASE WHEN county_lines = 'Yes' THEN value END), sum(value) FROM current_fact_investigation "
                "WHERE measure = 'live' AND breakdown = 'exploitation' AND month_start = '2021-08-01'"
            )
        ).one()
        nationality: dict[str, int] = dict(
            connection.execute(
                sa.text(
                    "SELECT CASE WHEN nationality IN ('UK', 'Unknown') THEN nationality ELSE 'other' END AS n, "
                    "sum(value) FROM current_fact_investigation WHERE breakdown = 'nationality' "
                    "AND role = 'Victim' AND month_start = '2021-08-01' GROUP BY 1"
                )
            ).all()
        )
    assert value(sample, "live_investigations_criminal_share", "2021-08", "E&W") == criminal / live
    assert value(sample, "live_investigations_county_lines_share", "2021-08", "E&W") == county_lines / live
    known = nationality["UK"] + nationality["other"]
    assert value(sample, "victim_british_share", "2021-08", "E&W") == nationality["UK"] / known
    unknown_share = value(sample, "victim_nationality_unknown_share", "2021-08", "E&W")
    assert unknown_share == nationality["Unknown"] / sum(nationality.values())


@pytest.mark.parametrize(
    ("kpi_id", "query"),
    [
        (
            "nrm_referrals_children",
            "SELECT quarter_start, sum(referrals) FROM vintage_fact_nrm_referral WHERE breakdown = 'age_location' "
            "AND age_group = 'Child (17 or under)'",
        ),
        (
            "cps_convictions",
            "SELECT quarter_start, sum(value) FROM vintage_fact_cps_outcome WHERE case_type = 'modern_slavery' "
            "AND measure = 'convictions'",
        ),
    ],
)
def test_every_day_agrees_with_the_vintages(sample: Engine, kpi_id: str, query: str):
    with read_transaction(sample) as connection:
        days = sorted(set(connection.scalars(sa.select(kpi_value.c.as_of).where(kpi_value.c.kpi_id == kpi_id))))
        for day in (d + dt.timedelta(days=shift) for d in days for shift in (-1, 0)):
            known = find_known_values(connection, kpi_id, geographies=find_geographies("national"), as_at=day)
            found = {row.period_label: row.value for row in known if row.period_kind == "quarter"}
            facts = connection.execute(
                sa.text(
                    f"{query} AND published_on <= :day AND (superseded_on IS NULL OR superseded_on > :day) "
                    "GROUP BY quarter_start"
                )
                .bindparams(sa.bindparam("day", type_=sa.Date()))
                .columns(sa.Column("quarter_start", sa.Date()), sa.Column("value", sa.Float())),
                {"day": day},
            )
            assert found == {period_label("quarter", start): figure for start, figure in facts}


@on_sqlite
def test_each_row_says_something_new(sample: Engine):
    told = ("numerator", "denominator", "value", "status", "parts_received", "parts_expected")
    with read_transaction(sample) as connection:
        rows = connection.execute(sa.select(kpi_value).order_by(*kpi_value.primary_key.columns)).mappings().all()
    before: dict[str, object] = {}
    for current in rows:
        its = {name: current[name] for name in ("kpi_id", "period_kind", "period_start", "geography_code")}
        says = its | {name: current[name] for name in told}
        assert says != before, its
        before = says
        assert current["parts_received"] <= current["parts_expected"], its
        complete = current["parts_received"] == current["parts_expected"]
        assert current["status"] == (
            "not computable" if current["value"] is None else "complete" if complete else "incomplete"
        )


def test_sql_for_readers_says_the_same(sample: Engine):
    page = (REPOSITORY / "docs" / "bi.md").read_text(encoding="utf-8")
    query = page.partition("## As at a day")[2].partition("```sql")[2].partition(";")[0]
    day = dt.date(2022, 3, 31)
    assert str(day) in query
    columns = [column.name for column in kpi_value.columns]
    with read_transaction(sample) as connection:
        ours = {tuple(getattr(known, name) for name in columns) for known in find_known_values(connection, as_at=day)}
        theirs = {tuple(row) for row in connection.execute(sa.text(query).columns(*kpi_value.columns))}
    assert ours == theirs and len(ours) > 1000


def test_both_engines_hold_the_same(sample_sqlite: Engine, sample_postgresql: Engine):
    held = []
    for engine in (sample_sqlite, sample_postgresql):
        with read_transaction(engine) as connection:
            held.append(set(map(tuple, connection.execute(sa.select(kpi_value)))))
    assert held[0] == held[1] and len(held[0]) > 10000


@on_sqlite
def test_labels_of_periods(sample: Engine):
    with read_transaction(sample) as connection:
        labels = connection.execute(
            sa.select(kpi_value.c.period_kind, kpi_value.c.period_start, kpi_value.c.period_label).distinct()
        ).all()
    assert all(
        label == period_label(kind, start) and start in set(periods(kind, start, start))
        for kind, start, label in labels
    )
