"""Rows come out of a sheet with their cells; what cannot be read is rejected at its place, and nothing goes missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.workbooks import tidy as tidying
from msoic_pipeline.workbooks.body import CellReplacement
from msoic_pipeline.workbooks.counts import Counts, check_conserved
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import match_sheet
from msoic_pipeline.workbooks.source import Source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet
from msoic_pipeline_tests.workbooks.test_matching import BASE, HEADER, LONG, OPEN, QUARTER, ROW

PUBLISHED = dt.date(2022, 8, 4)
Grid = list[list[Any]]
SPARSE: dict[str, Any] = OPEN | {
    "columns": [
        {"to": "first_responder", "header": ["Responder"], "totals": ["Total"]},
        {"to": "age_group", "header": ["Age"], "members": {"Adult": [], "Child": []}, "totals": ["Total"]},
    ],
    "value": {"to": "referrals", "header": []},
    "sparse": ["first_responder", "age_group"],
    "period": {"release": "quarter"},
}


def _tidy(
    grid: Grid,
    layout: dict[str, Any] = LONG,
    replacements: tuple[CellReplacement, ...] = (),
    reference_period: str = "2022-Q2",
    **source: Any,
) -> Tidy:
    table = {"table": "crime", "fact": "fact_recorded_crime", "layouts": [layout]}
    described = Source.model_validate(BASE | {"tables": [table], "unavailable": ["-", "[x]", "N/A"]} | source)
    sheet = Sheet("Data", grid)
    match = match_sheet(sheet, described.tables[0], described.tables[0].layouts[0], QUARTER)
    assert match.fits
    return tidy_sheet(sheet, match, described, FileToTidy("file.ods", PUBLISHED, reference_period, replacements))


def _refused(rule: str, grid: Grid, *, layout: dict[str, Any] = LONG, **rest: Any) -> SourceFileError:
    with pytest.raises(SourceFileError) as caught:
        _tidy(grid, layout, **rest)
    assert (caught.value.rule, caught.value.sheet) == (rule, "Data")
    return caught.value


def _places(tidy: Tidy) -> list[tuple[str, str]]:
    return [(reject.cell, reject.rule) for reject in tidy.rejects]


def test_a_row_has_its_members_its_period_and_its_cell():
    tidy = _tidy([["Title"], HEADER, ROW])
    assert {name: values.tolist() for name, values in tidy.rows.items()} == {
        "force_code": ["E23000032"],
        "offences": [5],
        "cell": ["C3"],
        "quarter_start": [dt.date(2021, 1, 1)],
        "period_kind": ["quarter"],
        "sheet": ["Data"],
    }


@pytest.mark.parametrize(
    ("row", "cell", "rule", "words"),
    [
        (["2021 Q1", "Narnia", 5], "B2", "unreadable_label", "a known force"),
        (["2021 Q1", "", 5], "B2", "unreadable_label", "not an empty cell"),
        (["2021 Q7", "Kent", 5], "A2", "unreadable_label", "expected a quarter such as 2021-Q4"),
        (["2021 Q1", "Kent", "a few"], "C2", "unreadable_figure", "expected a whole number; found 'a few'"),
        (["2021 Q1", "Kent", 5.5], "C2", "unreadable_figure", "a whole number"),
        (["2021 Q1", "Kent", "[note 1]"], "C2", "unreadable_figure", "a whole number"),
        (["2022 Q4", "Kent", 5], "A2", "future_period", "04 August 2022; found '2022 Q4'"),
    ],
)
def test_what_cannot_be_read_is_rejected_at_its_place(row: list[Any], cell: str, rule: str, words: str):
    tidy = _tidy([HEADER, row, ["2021 Q2", "Kent", 7]])
    assert _places(tidy) == [(cell, rule)]
    assert words in tidy.rejects[0].detail
    assert tidy.rows["offences"].tolist() == [7], "the other rows are read"
    assert (tidy.counts.loaded, tidy.counts.rejected) == (1, 1)


def test_nothing_of_a_sensitive_sheet_is_told():
    tidy = _tidy([HEADER, ["2021 Q1", "Mr Nemo", 5], ["2021 Q1", "Kent", "Mr Nemo"]], sensitive=True)
    assert len(tidy.rejects) == 2
    assert "Nemo" not in str(tidy.rejects)


@pytest.mark.parametrize("mark", ["-", "–", "[x]", " [X]", "n/a"])
def test_a_figure_that_is_not_available_is_missing_and_not_zero(mark: str):
    tidy = _tidy([HEADER, ["2021 Q1", "Kent", mark], ["2021 Q2", "Kent", 0], ["2021 Q3", "Kent", ""]])
    assert tidy.rows["offences"].tolist() == [0]
    assert (tidy.counts.unavailable, tidy.counts.blank, tidy.rejects) == (1, 1, [])
    assert tidy.unavailable["cell"].tolist() == ["C2"], "nor a blank one"


def test_rows_below_the_last_figure_are_notes_and_others_are_not():
    note = ["Note: provisional", "", ""]
    tidy = _tidy([HEADER, ROW, [], note, note])
    assert (tidy.counts.note_rows, tidy.counts.blank_rows, tidy.rejects) == (2, 1, [])
    tidy = _tidy([HEADER, note, ROW])
    assert ("A2", "unreadable_label") in _places(tidy)


def test_nothing_is_read_below_the_end_of_the_table_and_no_figures_may_stand_there():
    end = ["End of table", "", ""]
    tidy = _tidy([HEADER, ROW, end, ["Some words", "", ""], []])
    assert (tidy.counts.note_rows, tidy.counts.blank_rows) == (2, 1)
    assert _refused("figures_below_end", [HEADER, ROW, end, ROW]).cell == "C4"


@pytest.mark.parametrize("figure", [7, "1,234", "-00"])
def test_figures_outside_the_columns_and_rows_of_the_table(figure: Any):
    assert _refused("headless_figures", [[*HEADER, ""], ROW, [*ROW, figure]]).cell == "D3"
    assert _refused("figures_above_header", [["", "", figure], HEADER, ROW]).cell == "C1"
    assert _tidy([[*HEADER, ""], [*ROW, "words"]]).rows["offences"].tolist() == [5]


def test_a_cell_is_replaced_only_where_the_known_fault_stands():
    replacement = CellReplacement("wrong-year", "Data", "A2", "2020 Q1", "2021 Q1")
    tidy = _tidy([HEADER, ["2020 Q1", "Kent", 5]], replacements=(replacement,))
    assert tidy.rows["quarter_start"].tolist() == [dt.date(2021, 1, 1)]
    for grid in ([HEADER, ROW], [[], HEADER, ["2020 Q1", "Kent", 5]], [HEADER]):
        error = _refused("fault_not_found", grid, replacements=(replacement,))
        assert error.cell == "A2" and "wrong-year" in error.expected
    error = _refused("fault_not_found", [HEADER, ROW], replacements=(replacement,), sensitive=True)
    assert "2021" not in str(error) and "2020" not in str(error) and "wrong-year" in str(error)


def test_sparse_labels_repeat_the_one_above_or_stand_for_the_total():
    tidy = _tidy(
        [
            ["Responder", "Age", "Albanian", "Total"],
            ["Kent", "", 3, 3],
            ["", "Adult", 2, 2],
            ["", "Child", 1, 1],
            ["Surrey", "", 4, 4],
            ["", "Adult", 4, 4],
            ["Total", "", 7, 7],
        ],
        SPARSE,
    )
    rows = [tidy.rows[name].tolist() for name in ("first_responder", "age_group", "referrals", "cell")]
    assert list(zip(*rows, strict=True)) == [
        ("Kent", "Adult", 2, "C3"), ("Kent", "Child", 1, "C4"), ("Surrey", "Adult", 4, "C6"),
    ]  # fmt: skip
    assert (tidy.counts.loaded, tidy.counts.totals) == (3, 9)


def test_a_heading_without_figures_still_begins_its_group():
    grid: Grid = [
        ["Responder", "Age", "Albanian", "Total"],
        ["Kent", "Adult", 2, 2],
        ["Surrey", "", "", ""],
        ["", "Adult", 4, 4],
    ]
    tidy = _tidy(grid, SPARSE)
    assert tidy.rows["first_responder"].tolist() == ["Kent", "Surrey"]


def test_an_unreadable_label_spoils_the_rows_that_repeat_it():
    grid: Grid = [["Responder", "Age", "Albanian", "Total"], ["Kent", "Elderly", 2, 2], ["Surrey", "Adult", 4, 4]]
    tidy = _tidy(grid, SPARSE)
    assert tidy.rows["first_responder"].tolist() == ["Surrey"]
    assert _places(tidy) == [("B2", "unreadable_label")]


def test_a_table_about_the_release_itself_needs_a_period_of_its_kind():
    grid: Grid = [["Responder", "Age", "Albanian", "Total"], ["Kent", "Adult", 2, 2]]
    assert _tidy(grid, SPARSE).rows["quarter_start"].tolist() == [dt.date(2022, 4, 1)]
    error = _refused("wrong_reference_period", grid, layout=SPARSE, reference_period="2022")
    assert "a calendar year" in error.found


@pytest.mark.parametrize("reference_period", ["2021-Q2", "2021-05", "2021/22"])
def test_rows_of_another_period_than_the_release_s_own(reference_period: str):
    grid: Grid = [["Month", "Value"], ["2021-03-01", 1], ["2021-05-01", 2], ["2022-04-01", 3]]
    monthly = LONG | {
        "columns": [{"to": "month", "header": ["Month"], "parse": "month"}],
        "measures": [{"to": "value", "header": ["Value"]}],
        "period": {"month": "month"},
    }
    assert _tidy(grid, monthly, reference_period=reference_period).rejects == []
    tidy = _tidy(grid, monthly | {"own_period": True}, reference_period=reference_period)
    assert _places(tidy) == [("A2", "other_period"), ("A4", "other_period")]
    assert f"within {reference_period}" in tidy.rejects[0].detail
    assert (tidy.rows["value"].tolist(), tidy.counts.rejected) == ([2], 2)


RATES: dict[str, Any] = {"rates": {"rate": {"part": "good", "whole": "all", "decimals": 2}}}
MEASURES_DOWN: dict[str, Any] = {
    **LONG,
    **RATES,
    "columns": [
        {"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"},
        {"to": "measure", "header": ["Measure"], "members": {"all": [], "good": [], "rate": []}},
    ],
    "measures": [{"to": "value", "header": ["Value"]}],
}
MEASURES_ACROSS: dict[str, Any] = {
    **OPEN,
    **RATES,
    "columns": [{"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"}],
    "tiers": [{"to": "measure", "members": {"all": [], "good": [], "rate": []}}],
    "value": {"to": "value", "header": []},
    "period": {"quarter": "quarter_start"},
}


@pytest.mark.parametrize(
    ("layout", "grid", "cell"),
    [
        (
            MEASURES_DOWN,
            [
                ["Quarter", "Measure", "Value"],
                ["2021 Q1", "all", 3],
                ["2021 Q1", "good", 2],
                ["2021 Q1", "rate", "67%"],
            ],
            "C4",
        ),
        (MEASURES_ACROSS, [["Quarter", "All", "Good", "Rate"], ["2021 Q1", 3, 2, "67%"]], "D2"),
    ],
    ids=["down", "across"],
)
def test_a_rate_stands_apart_and_a_count_is_still_a_whole_number(layout: dict[str, Any], grid: Grid, cell: str):
    tidy = _tidy(grid, layout)
    assert (tidy.rows["value"].tolist(), tidy.rates["value"].tolist()) == ([3, 2], [0.67])
    assert (tidy.counts.loaded, tidy.counts.rates, tidy.rates["cell"].tolist()) == (2, 1, [cell])
    grid = [[0.5 if value == 3 else value for value in row] for row in grid]
    assert [reject.rule for reject in _tidy(grid, layout).rejects] == ["unreadable_figure"]


TWO_COLUMNS: dict[str, Any] = OPEN | {
    "columns": [
        {
            "to": "place",
            "header": [""],
            "parse": "force",
            "also": {"region": "force.rocu_region"},
            "totals": ["National"],
            "ignore_rows": "^Region ",
        }
    ],
    "tiers": [
        {
            "to": "category / measure",
            "members": {
                "theft / all": ["Number of Theft"],
                "theft / rate": ["Theft, per cent"],
                "fraud / all": ["Number of Fraud"],
            },
        }
    ],
    "value": {"to": "value", "header": []},
    "rates": {"rate": {"part": "all", "whole": "all", "decimals": 2}},
    "period": {"release": "quarter"},
}
ACROSS: Grid = [
    ["", "Number of Theft", "Theft, per cent", "Number of Fraud"],
    ["National", 12, "-", 7],
    ["Region South", 12, "-", 7],
    ["Kent", 5, "42%", 3],
    ["Essex", 7, "58%", 4],
]


def test_one_header_may_name_a_member_of_two_columns():
    tidy = _tidy(ACROSS, TWO_COLUMNS)
    read = zip(*(tidy.rows[name].tolist() for name in ("place", "category", "measure", "value", "cell")), strict=True)
    assert sorted(read) == [
        ("E23000028", "fraud", "all", 4, "D5"), ("E23000028", "theft", "all", 7, "B5"),
        ("E23000032", "fraud", "all", 3, "D4"), ("E23000032", "theft", "all", 5, "B4"),
    ]  # fmt: skip
    assert tidy.rates["category"].tolist() == ["theft"] * 2
    assert tidy.totals["value"].tolist() == [12, 7]


def test_a_column_of_a_members_row_is_read_from_the_same_cell():
    tidy = _tidy(ACROSS, TWO_COLUMNS)
    assert set(zip(tidy.rows["place"], tidy.rows["region"], strict=True)) == {
        ("E23000028", "Eastern"),
        ("E23000032", "Eastern"),
    }


def test_rows_that_a_layout_ignores_are_neither_figures_nor_lost():
    tidy = _tidy(ACROSS, TWO_COLUMNS)
    assert (tidy.counts.rows, tidy.counts.data_rows, tidy.counts.note_rows) == (4, 3, 1)
    assert (tidy.counts.figures, tidy.counts.unavailable, tidy.rejects) == (9, 1, [])


def test_a_table_whose_first_header_is_blank_needs_the_other_headers():
    other = [["", "Number of Theft", "Number of Fraud"], *ACROSS[1:]]
    with pytest.raises(AssertionError, match="theft / rate"):
        _tidy(other, TWO_COLUMNS)


def test_an_annual_total_stands_with_the_last_quarter_so_far():
    calendar = LONG | {
        "columns": [
            {"to": "year", "header": ["Year"], "parse": "calendar_year"},
            {"to": "quarter", "header": ["Quarter"], "parse": "quarter_number", "totals": ["Total"]},
        ],
        "sparse": ["year", "quarter"],
        "period": {"calendar": ["year", "quarter"]},
    }
    grid: Grid = [
        ["Year", "Quarter", "Number of Offences"],
        [2021, "", 9], ["", "Q1", 4], ["", "Q4", 5],
        [2022, "", 3], ["", "Q1", 1], ["", "Q2", 2],
    ]  # fmt: skip
    tidy = _tidy(grid, calendar)
    assert tidy.totals["quarter_start"].tolist() == [dt.date(2021, 10, 1), dt.date(2022, 4, 1)]
    assert tidy.totals["period_kind"].tolist() == ["calendar_year"] * 2
    assert tidy.rows["offences"].tolist() == [4, 5, 1, 2]


cells = st.sampled_from(
    [5, 0, "1,234", "-00", "", " ", "-", "[x]", "ten", 5.5, None, True, "End of table", "Kent", "2021 Q1"]
)


@given(st.lists(st.tuples(cells, cells, cells), max_size=12), st.integers(0, 3))
def test_whatever_stands_in_a_sheet_every_row_and_figure_is_accounted_for(rows: list[tuple[Any, ...]], left: int):
    grid: Grid = [[""] * left + list(row) for row in [HEADER, *rows]]
    try:
        tidy = _tidy(grid)
    except SourceFileError as error:
        assert error.rule == "figures_below_end"
        return
    counts = tidy.counts
    filled = sum(1 for row in grid[1:] if row[left + 2] not in ("", " ", None))
    below = next((n for n, row in enumerate(grid) if row[left] == "End of table"), len(grid))
    assert counts.figures == sum(1 for row in grid[1:below] if row[left + 2] not in ("", " ", None)) <= filled
    assert counts.figures == counts.loaded + counts.totals + counts.unavailable + counts.rejected
    assert counts.rows == len(rows) == counts.data_rows + counts.blank_rows + counts.note_rows
    assert len(tidy.rows["cell"]) == counts.loaded
    for cell, figure in zip(tidy.rows["cell"], tidy.rows["offences"], strict=True):
        raw = grid[int(cell[1:]) - 1][left + 2]
        assert figure == float(str(raw).replace(",", ""))


def test_the_pipeline_itself_refuses_to_lose_a_figure(monkeypatch: pytest.MonkeyPatch):
    join = tidying._join_figures

    def lossy(*arguments: Any) -> tidying._TidyRows:
        rows = join(*arguments)
        columns = {name: values[1:] for name, values in rows.columns.items()}
        return tidying._TidyRows(columns, rows.is_total[1:], rows.number_of_figures[1:], rows.data_rows[1:])

    monkeypatch.setattr(tidying, "_join_figures", lossy)
    error = _refused("not_conserved", [HEADER, ROW, ["2021 Q2", "Kent", 7]])
    assert "2 figures" in error.expected and "fault of the pipeline" in error.remedy


def test_counts_that_do_not_add_up():
    good = Counts(rows=2, data_rows=1, note_rows=1, figures=4, loaded=1, totals=1, rates=1, unavailable=1)
    check_conserved(good, "file.ods")
    for name, number in asdict(replace(good, blank=0)).items():
        if number:
            with pytest.raises(SourceFileError, match="accounted for"):
                check_conserved(good + Counts(**{name: 1}), "file.ods")
