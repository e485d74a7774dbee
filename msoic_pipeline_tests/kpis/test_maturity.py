"""Chain ladder against the published worked example, and what must hold of any triangle."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.kpis import definition_rows
from msoic_pipeline.kpis.chain_ladder import NoGrowthFactorError, estimate_chain_ladder
from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.maturity import (
    MaturingFigure,
    MaturityEstimate,
    TriangleCell,
    estimate_figure,
    leave_out_ages_with_nothing_left,
    list_triangle_cells,
)
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import parse_period
from msoic_pipeline_tests.handmade import Warehouse, warehouse

__all__ = ["warehouse"]  # a fixture

# Incremental claims of G. Taylor and F. Ashe (1983), the example of Mack's paper.
TAYLOR_ASHE = [
    [357848, 766940, 610542, 482940, 527326, 574398, 146342, 139950, 227229, 67948],
    [352118, 884021, 933894, 1183289, 445745, 320996, 527804, 266172, 425046],
    [290507, 1001799, 926219, 1016654, 750816, 146923, 495992, 280405],
    [310608, 1108250, 776189, 1562400, 272482, 352053, 206286],
    [443160, 693190, 991983, 769488, 504851, 470639],
    [396132, 937085, 847498, 805037, 705960],
    [440832, 847631, 1131398, 1063269],
    [359480, 1061648, 1443370],
    [376686, 986608],
    [344014],
]


def _cumulative(rows: list[list[int]]) -> np.ndarray:
    triangle = np.full((len(rows), len(rows[0])), np.nan)
    for number, row in enumerate(rows):
        triangle[number, : len(row)] = np.cumsum(row)
    return triangle


def test_a_kpi_that_matures_can_be_removed_or_renamed(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch):
    (maturing, *others) = sorted(load_definitions(), key=lambda kpi: kpi.matures is None)
    key = {"kpi_id": maturing.kpi_id, "measure": "value", "period_kind": "quarter", "period_start": dt.date(2021, 1, 1)}
    figure = key | {"age": 1, "observed": 5.0}
    estimate = {"estimate": 6.0, "standard_error": None, "ultimate_age": 2, "method": "chain ladder"}
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        connection.execute(sa.insert(revision_triangle), [figure | {"as_of": dt.date(2022, 1, 1)}])
        connection.execute(sa.insert(maturity_estimate), [figure | estimate])
    renamed = maturing.model_copy(update={"kpi_id": "renamed"})
    monkeypatch.setattr(definition_rows, "load_definitions", lambda: (renamed, *others))
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        for table in (kpi_definition, revision_triangle, maturity_estimate):
            assert maturing.kpi_id not in set(connection.scalars(sa.select(table.c.kpi_id))), table.name


def _cells(by_age: dict[int, float], quarter: dt.date) -> list[TriangleCell]:
    published = {age: dt.date(quarter.year + age + 1, 1, 1) for age in by_age}
    return [
        TriangleCell(FIGURE.kpi_id, FIGURE.measure, "quarter", quarter, age, published[age], observed)
        for age, observed in by_age.items()
    ]


FIGURE = MaturingFigure("modern_slavery_not_yet_assigned", "value")


def test_of_a_figure_that_shrinks_to_nothing_the_last_ages_are_left_out():
    """From 100 to 25 is a factor of 0.25, and what was 40 comes to 10; from 0 to 0 there is none."""
    oldest, older, younger = (dt.date(year, 1, 1) for year in (2018, 2019, 2020))
    cells = _cells({2: 0, 3: 0}, oldest) + _cells({0: 100, 1: 25}, older) + _cells({0: 40}, younger)
    cells += _cells({1: 8, 2: 2}, dt.date(2018, 4, 1))
    kept = leave_out_ages_with_nothing_left(cells)
    assert max(cell.age for cell in kept) == 2 and [cell for cell in cells if cell.age < 3] == kept
    estimates = {estimate.period_start: estimate for estimate in estimate_figure(FIGURE, cells)}
    assert (estimates[younger].observed, estimates[younger].estimate) == (40, 40 * 0.25 * 0.25)
    assert (estimates[oldest].estimate, estimates[oldest].ultimate_age) == (0, 2)


def test_a_figure_of_which_there_never_was_any_stays_nothing():
    cells = _cells({0: 0, 1: 0}, dt.date(2019, 1, 1)) + _cells({0: 0}, dt.date(2020, 1, 1))
    assert [estimate.estimate for estimate in estimate_figure(FIGURE, cells)] == [0, 0]


def test_of_a_figure_that_begins_with_nothing_the_first_ages_are_left_out():
    """From 4 to 6 is a factor of 1.5, and what was 5 comes to 7.5; from 0 to 4 there is none."""
    older, younger, youngest = (dt.date(year, 1, 1) for year in (2018, 2019, 2020))
    cells = _cells({0: 0, 1: 4, 2: 6}, older) + _cells({0: 0, 1: 5}, younger) + _cells({0: 0}, youngest)
    estimates = {estimate.period_start: estimate for estimate in estimate_figure(FIGURE, cells)}
    assert (estimates[younger].age, estimates[younger].observed, estimates[younger].estimate) == (1, 5, 7.5)
    assert (estimates[older].age, estimates[older].estimate, estimates[older].ultimate_age) == (2, 6, 2)
    assert youngest not in estimates, "zero times a factor tells nothing"


def test_a_figure_first_published_at_a_later_age_is_estimated_from_there():
    cells = _cells({1: 4, 2: 6}, dt.date(2018, 1, 1)) + _cells({1: 5}, dt.date(2019, 1, 1))
    assert [(each.age, each.estimate) for each in estimate_figure(FIGURE, cells)] == [(2, 6), (1, 7.5)]


def test_a_figure_that_there_is_nothing_to_go_by_has_no_estimate():
    cells = _cells({0: 4}, dt.date(2018, 1, 1)) + _cells({1: 5}, dt.date(2019, 1, 1))
    assert estimate_figure(FIGURE, cells) == []


def test_of_a_figure_of_one_age_there_is_no_estimate():
    """From the first release alone nothing is told of growth: what was observed is no estimate of what it comes to."""
    cells = _cells({0: 4}, dt.date(2018, 1, 1)) + _cells({0: 5}, dt.date(2019, 1, 1))
    assert estimate_figure(FIGURE, cells) == []
    assert estimate_figure(FIGURE, _cells({0: 0}, dt.date(2018, 1, 1)) + _cells({0: 0}, dt.date(2019, 1, 1))) == []
    of_nothing = _cells({0: 0, 1: 0}, dt.date(2018, 1, 1))
    assert estimate_figure(FIGURE, of_nothing + _cells({0: 5}, dt.date(2019, 1, 1))) == [], "0 to 0 says nothing of 5"


def test_a_figure_is_a_year_older_on_the_anniversary_of_its_last_day(warehouse: Warehouse):
    figure = MaturingFigure("nrm_reasonable_grounds_decisions", "value")
    published = [("2020-Q3", "2020-10-01", 100), ("2020-Q3", "2021-09-29", 110), ("2020-Q3", "2021-09-30", 120)]
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        for label, as_of, value in published:
            _publish_value(connection, figure, label, as_of, value)
        cells = list_triangle_cells(connection, figure)
    assert {cell.age: cell.observed for cell in cells} == {0: 110, 1: 120}


def _publish_value(
    connection: sa.Connection, figure: MaturingFigure, label: str, as_of: str, value: float, status: str = "complete"
) -> None:
    kind, start = parse_period(label)
    row = {"kpi_id": figure.kpi_id, "period_kind": kind, "period_start": start, "period_label": label}
    row |= {"geography_kind": "national", "geography_code": "UK", "as_of": dt.date.fromisoformat(as_of)}
    row |= {"value": value, "unit": "decisions", "status": status}
    connection.execute(sa.insert(kpi_value).values(row | {"parts_expected": 1, "parts_received": 1}))


def test_an_error_is_not_extrapolated_from_a_variance_that_is_not_known():
    """One period alone was observed from age 0 to 1, so that from 1 to 2 alone it is known how much periods vary."""
    unknown = np.nan
    rows = [[unknown, 100, 150, 180], [unknown, 100, 170, unknown], [120, 130, unknown, unknown]]
    result = estimate_chain_ladder(np.array(rows))
    assert result.standard_error[0] == 0
    assert np.isnan(result.standard_error[1:]).all()


def test_a_figure_that_comes_to_nothing_has_no_error():
    result = estimate_chain_ladder(np.array([[4.0, 2.0, 0.0], [6.0, 3.0, np.nan], [8.0, np.nan, np.nan]]))
    assert list(result.factors) == [0.5, 0] and list(result.ultimate) == [0, 0, 0]
    assert list(result.standard_error) == [0, 0, 0]


def test_the_taylor_ashe_example():
    result = estimate_chain_ladder(_cumulative(TAYLOR_ASHE))
    reserves = result.ultimate - np.array([np.cumsum(row)[-1] for row in TAYLOR_ASHE])
    # Table 3 of Mack (1993): reserves and standard errors in thousands.
    assert [round(reserve / 1000) for reserve in reserves[1:]] == [95, 470, 710, 985, 1419, 2178, 3920, 4279, 4626]
    errors = [round(error / 1000) for error in result.standard_error[1:]]
    assert errors == [76, 122, 134, 261, 411, 558, 875, 971, 1363]


def test_the_example_of_the_docstring():
    result = estimate_chain_ladder(np.array([[100, 150, 180], [100, 170, np.nan], [120, np.nan, np.nan]]))
    assert result.factors == pytest.approx([1.6, 1.2])
    assert result.ultimate == pytest.approx([180, 204, 230.4])
    assert result.standard_error[0] == 0 and np.isnan(result.standard_error[1:]).all()


def test_a_figure_stands_until_it_is_revised(warehouse: Warehouse):
    figure = MaturingFigure("nrm_reasonable_grounds_decisions", "value")
    published = [("2019-Q1", "2019-07-11", 100), ("2019-Q1", "2020-07-09", 120), ("2022-Q1", "2022-07-07", 5)]
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        for label, as_of, value in published:
            _publish_value(connection, figure, label, as_of, value)
        cells = list_triangle_cells(connection, figure)
    of_2019 = {cell.age: cell.observed for cell in cells if cell.period_start == dt.date(2019, 1, 1)}
    assert of_2019 == {0: 100, 1: 120, 2: 120, 3: 120}


def test_what_is_not_whole_is_at_no_age(warehouse: Warehouse):
    figure = MaturingFigure("nrm_reasonable_grounds_decisions", "value")
    published = [
        ("2019-Q1", "2019-03-01", 60, "complete"),  # before the quarter is over
        ("2019-Q1", "2019-07-11", 100, "complete"),
        ("2019-Q1", "2020-07-09", 70, "incomplete"),  # of fewer reports
        ("2019-Q1", "2021-07-08", 120, "complete"),
        ("2021-Q2", "2021-05-01", 5, "complete"),
    ]
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        for label, as_of, value, status in published:
            _publish_value(connection, figure, label, as_of, value, status)
        cells = list_triangle_cells(connection, figure)
    assert {(cell.period_start, cell.age): cell.observed for cell in cells} == {
        (dt.date(2019, 1, 1), 0): 100,
        (dt.date(2019, 1, 1), 1): 100,
        (dt.date(2019, 1, 1), 2): 120,
    }


def test_rows_have_the_columns_of_their_tables():
    for record, table in ((TriangleCell, revision_triangle), (MaturityEstimate, maturity_estimate)):
        assert [field.name for field in dataclasses.fields(record)] == table.columns.keys()


@given(st.lists(st.integers(1, 10_000), min_size=3, max_size=8), st.lists(st.floats(1.0, 2.0), min_size=2, max_size=5))
def test_figures_that_grow_by_fixed_factors_are_estimated_exactly(first: list[int], growth: list[float]):
    ages = min(len(growth), len(first) - 1) + 1
    full = np.array([[start * np.prod(growth[:age]) for age in range(ages)] for start in first])
    seen = full.copy()
    for row in range(1, len(first)):
        seen[row, max(1, ages - row) :] = np.nan
    result = estimate_chain_ladder(seen)
    assert np.allclose(result.ultimate, full[:, -1])
    assert np.allclose(np.nan_to_num(result.standard_error), 0, atol=1e-3 * full.max())


def test_an_age_that_nothing_reached_is_an_error():
    with pytest.raises(NoGrowthFactorError, match="age 1 was observed at the age 2"):
        estimate_chain_ladder(np.array([[1.0, 2.0, np.nan], [1.0, np.nan, np.nan], [np.nan, np.nan, 3.0]]))
