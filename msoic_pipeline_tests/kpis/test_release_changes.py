"""What a release changed, against published revisions and figures worked out by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.changes import Change, name_change
from msoic_pipeline.kpis.held_values import HeldValue, find_value_on
from msoic_pipeline.kpis.publication_days import read_published_files
from msoic_pipeline.kpis.usual_revisions import FEWEST_REVISIONS, OLDEST_AGE, describe_usual
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.handmade import Row, Warehouse

# NRM referrals of 2021 as the Home Office published them in releases that follow each other.
PUBLISHED_2021 = (12_727, 12_706, 12_704, 12_705, 12_701, 12_700)
DAYS = ("2022-03-03", "2023-03-02", "2023-05-04", "2023-08-10", "2023-11-09", "2024-03-07")
QUARTERS_2021 = ("2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4")


def referrals(by_quarter: dict[str, float]) -> tuple[str, Sequence[Row]]:
    rows = [{"period": quarter, "breakdown": "age_location", "referrals": n} for quarter, n in by_quarter.items()]
    return "fact_nrm_referral", rows


def publish_year(warehouse: Warehouse, day: str, total: int) -> None:
    first = dict.fromkeys(QUARTERS_2021[:3], 3000.0)
    warehouse.publish(f"nrm-{day}", day, referrals(first | {"2021-Q4": total - 9_000.0}))


def changes_on(warehouse: Warehouse, day: str, kpi_id: str = "nrm_referrals") -> dict[str, Change]:
    with read_transaction(warehouse.engine) as connection:
        found = ChangeFinder(connection).find_changes(dt.date.fromisoformat(day))
    return {change.series.period_label: change for change in found if change.kpi.kpi_id == kpi_id}


def compute(warehouse: Warehouse, *quarters: str) -> None:
    kpi_ids = ("nrm_referrals", "nrm_referrals_children", "live_investigations")
    warehouse.compute([parse_quarter(quarter) for quarter in quarters], *kpi_ids)


def test_the_published_revisions_of_2021_are_found(warehouse: Warehouse):
    warehouse.publish("nrm-old", "2021-02-01", referrals({"2020-Q4": 2_500}))
    for day, total in zip(DAYS, PUBLISHED_2021, strict=True):
        publish_year(warehouse, day, total)
    compute(warehouse, *QUARTERS_2021)
    first = changes_on(warehouse, DAYS[0])["2021"]
    assert (first.kind, first.after and first.after.value, first.before) == ("new", 12_727, None)
    told = [changes_on(warehouse, day)["2021"] for day in DAYS[1:]]
    assert [change.difference for change in told] == [-21, -2, 1, -4, -1]
    assert [round((change.relative or 0) * 100, 3) for change in told] == [0.165, 0.016, 0.008, 0.031, 0.008]
    assert {change.kind for change in told} == {"revised"}
    assert [change.usual and (change.usual.age, change.usual.revisions) for change in told] == [
        (age, 0) for age in range(1, 6)
    ]
    assert all(change.is_more_than_usual is None for change in told), "nothing is usual yet"
    # The first three quarters were left as they were: that is no change.
    assert set(changes_on(warehouse, DAYS[1])) == {"2021", "2021-Q4", "2021/22"}


def test_a_release_that_leaves_a_figure_alone_makes_it_older(warehouse: Warehouse):
    warehouse.publish("nrm-old", "2021-02-01", referrals({"2020-Q4": 2_500}))
    for day, value in (("2022-03-03", 100), ("2022-05-05", 100), ("2022-08-04", 90)):
        warehouse.publish(f"nrm-{day}", day, referrals({"2021-Q1": value}))
    compute(warehouse, "2021-Q1")
    change = changes_on(warehouse, "2022-08-04")["2021-Q1"]
    assert change.usual and change.usual.age == 2


def test_a_figure_of_the_oldest_release_held_has_no_known_age(warehouse: Warehouse):
    days = [f"20{year}-05-05" for year in range(22, 22 + OLDEST_AGE + 1)]
    for number, day in enumerate(days):
        warehouse.publish(f"nrm-{day}", day, referrals({"2021-Q1": 100.0 + number}))
    compute(warehouse, "2021-Q1")
    assert changes_on(warehouse, days[1])["2021-Q1"].usual is None
    last = changes_on(warehouse, days[-1])["2021-Q1"].usual
    assert last and last.age == OLDEST_AGE, "older than all that are told apart, whenever it was first published"


def test_a_revision_is_judged_by_those_of_other_periods_published_before(warehouse: Warehouse):
    """Eight quarters are revised at age 1 by 0, 0, 1, 1, 2, 2, 3 and 5 per thousand; then three more at one time."""
    warehouse.publish("nrm-old", "2015-02-01", referrals({"2015-Q1": 1_000}))
    earlier = dict(zip((f"20{y}-Q{q}" for y in (16, 17) for q in range(1, 5)), (0, 0, 1, 1, 2, 2, 3, 5), strict=True))
    judged = {"2018-Q1": 3.0, "2018-Q2": 4.0, "2018-Q3": 0.0}
    both = earlier | judged
    warehouse.publish("nrm-a", "2019-01-01", referrals(dict.fromkeys(both, 1_000.0)))
    warehouse.publish("nrm-b", "2019-04-01", referrals({name: 1_000.0 + by for name, by in earlier.items()}))
    warehouse.publish("nrm-c", "2019-07-01", referrals({name: 1_000.0 + by for name, by in judged.items()}))
    compute(warehouse, *both)
    found = changes_on(warehouse, "2019-07-01")
    assert set(found) & set(both) == {"2018-Q1", "2018-Q2"}
    usual = found["2018-Q1"].usual
    assert usual and (usual.age, usual.revisions) == (1, 8)
    assert usual.median == pytest.approx(0.0015) and usual.ninetieth == pytest.approx(0.0036)
    assert (found["2018-Q1"].is_more_than_usual, found["2018-Q2"].is_more_than_usual) == (False, True)
    # Of the quarters that were revised before, no revision came before theirs.
    first = changes_on(warehouse, "2019-04-01")["2017-Q4"].usual
    assert first and first.revisions == 0


def test_what_is_usual_is_the_worked_example():
    eight = [0, 0, 0.0005, 0.0005, 0.001, 0.001, 0.0015, 0.0025]
    usual = describe_usual(1, eight)
    assert usual.median == pytest.approx(0.00075) and usual.ninetieth == pytest.approx(0.0018)
    too_few = describe_usual(1, eight[1:])
    assert (too_few.revisions, too_few.median, too_few.ninetieth) == (FEWEST_REVISIONS - 1, None, None)


def test_a_year_that_gets_its_last_quarter_is_completed_not_revised(warehouse: Warehouse):
    warehouse.publish("nrm-a", "2021-12-01", referrals(dict.fromkeys(QUARTERS_2021[:3], 3000)))
    publish_year(warehouse, "2022-03-03", 12_727)
    compute(warehouse, *QUARTERS_2021)
    change = changes_on(warehouse, "2022-03-03")["2021"]
    assert (change.kind, change.difference, change.usual) == ("completed", 3_727, None)


def test_what_a_release_leaves_out_is_withdrawn(warehouse: Warehouse):
    its = {"period": "2021-Q1", "breakdown": "age_location", "referrals": 3_000}
    both = [its | {"age_group": age_group} for age_group in ("Adult (18 or over)", "Child (17 or under)")]
    warehouse.publish("nrm-a", "2021-05-01", ("fact_nrm_referral", both))
    warehouse.publish("nrm-b", "2021-08-01", ("fact_nrm_referral", both[:1]))
    compute(warehouse, "2021-Q1")
    change = changes_on(warehouse, "2021-08-01", "nrm_referrals_children")["2021-Q1"]
    assert (change.kind, change.before and change.before.value, change.difference) == ("withdrawn", 3_000, None)


def test_of_returns_it_is_told_that_figures_moved_and_not_from_what_to_what(warehouse: Warehouse):
    def returned(day: str, force: str, value: float) -> None:
        its = {"period": "2021-01", "force_code": force, "breakdown": "exploitation", "measure": "live", "value": value}
        warehouse.publish(
            f"force_returns-{force}-{day}",
            day,
            ("fact_investigation", [its]),
            reporter=force,
            reference_period="2021-01",
        )

    for force, value in (("E23000032", 5), ("E23000028", 6), ("E23000031", 7), ("E23000033", 8), ("E23000024", 9)):
        returned("2021-02-10", force, value)
    returned("2021-02-11", "E23000025", 4_321)
    compute(warehouse, "2021-Q1")
    found = changes_on(warehouse, "2021-02-11", "live_investigations")
    assert found and all(change.is_withheld for change in found.values())
    for change in found.values():
        assert (change.before, change.after, change.difference, change.relative) == (None, None, None, None)
        assert (change.usual, change.is_more_than_usual) == (None, None)
    assert "4321" not in repr(list(found.values()))


def test_only_what_had_been_published_counts(warehouse: Warehouse):
    warehouse.publish("nrm-a", "2021-05-01", referrals({"2021-Q1": 3_000}))
    warehouse.publish("nrm-b", "2021-08-01", referrals({"2021-Q1": 3_100}))
    compute(warehouse, "2021-Q1")
    with read_transaction(warehouse.engine) as connection:
        early = dt.date(2021, 6, 1)
        assert ChangeFinder(connection, early).list_days() == [dt.date(2021, 5, 1)]
        assert [file.release_id for file in read_published_files(connection, as_at=early)] == ["nrm-a"]


def held(value: float | None, reports: int = 1, *, complete: bool = True) -> HeldValue:
    return HeldValue(dt.date(2021, 1, 1), value, complete and value is not None, reports)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, held(1), "new"),
        (held(None), held(1), "new"),
        (None, None, None),
        (None, held(None), None),
        (held(1), held(1), None),
        (held(1), held(2), "revised"),
        (held(1, 2, complete=False), held(2, 2, complete=False), "revised"),
        (held(1, 2, complete=False), held(2, 3, complete=False), "of other reports"),
        (held(1, 2, complete=False), held(1, 3, complete=False), None),
        (held(1, 3), held(1, 2, complete=False), "of other reports"),
        (held(1, 2, complete=False), held(1, 3), "completed"),
        (held(1), held(None), "withdrawn"),
        (held(1), None, "withdrawn"),
    ],
)
def test_each_change_has_its_kind(before: HeldValue | None, after: HeldValue | None, kind: str | None):
    assert name_change(before, after) == kind


def test_an_incomplete_stock_may_be_another_month_s():
    before, after = held(1, 0, complete=False), held(2, 0, complete=False)
    assert name_change(before, after, is_stock=True) == "of other reports"


def test_a_value_is_known_from_its_day_on():
    values = [HeldValue(dt.date(2021, 5, 1), 1, True, 1), HeldValue(dt.date(2021, 8, 1), 2, True, 1)]
    assert find_value_on(values, dt.date(2021, 4, 30)) is None
    assert find_value_on(values, dt.date(2021, 7, 31)) == values[0]
    assert find_value_on(values, dt.date(2021, 8, 1)) == values[1]
