"""Which sheet holds which table, by text alone; what differs is told beside what was expected, with its remedy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.explain import explain
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.matching import match_workbook
from msoic_pipeline.workbooks.source import Source, parse_source, read_layout_text
from msoic_pipeline_tests.sample import Grids, GridWorkbook
from sample_data.writers import write_xlsx

QUARTER = dt.date(2022, 4, 1)
BASE: dict[str, Any] = {
    "source": "nrm",
    "title": "Statistics",
    "publisher": "An office",
    "frequency": "quarterly",
    "lag_days": 60,
    "recognise": ["statistics"],
    "reporters": {"dimension": "publisher", "since": dt.date(2015, 1, 1)},
}
LONG: dict[str, Any] = {
    "layout": "long",
    "sheet": {"name": "^Data"},
    "columns": [
        {"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"},
        {"to": "force_code", "header": ["Force Name", "Police Force"], "parse": "force"},
    ],
    "measures": [{"to": "offences", "header": ["Number of Offences", "Offence Count"]}],
    "ignore": ["Notes"],
    "period": {"quarter": "quarter_start"},
}
HEADER: list[Any] = ["Quarter", "Force Name", "Number of Offences"]
ROW: list[Any] = ["2021 Q1", "Kent", 5]


def _source(*layouts: dict[str, Any], sensitive: bool = False, **table: Any) -> Source:
    described = {"table": "crime", "fact": "fact_recorded_crime", "layouts": layouts or (LONG,)} | table
    return Source.model_validate(BASE | {"tables": [described], "sensitive": sensitive})


@pytest.mark.parametrize(
    ("column", "misspelt"),
    [
        ({"to": "force_cod", "header": ["Force"], "parse": "force"}, "force_cod"),
        (
            {"to": "force_code", "header": ["Force"], "parse": "force", "also": {"regoin": "force.rocu_region"}},
            "regoin",
        ),
    ],
)
def test_a_label_that_nothing_asks_for_is_named(column: dict[str, Any], misspelt: str):
    (table,) = _source(LONG | {"columns": [LONG["columns"][0], column]}).tables
    assert table.list_unused_columns() == [f"layout 'long': {misspelt}"]


def test_a_column_of_a_tier_that_nothing_asks_for_is_named():
    layout = {name: said for name, said in LONG.items() if name != "measures"}
    layout |= {
        "tiers": [{"to": "offence_cod", "members": {"106": ["Slavery"]}}],
        "value": {"to": "offences", "header": []},
    }
    (table,) = _source(layout, constants={"kind": "all"}).tables
    assert table.list_unused_columns() == ["constants: kind", "layout 'long': offence_cod"]


def test_a_layout_file_with_a_column_that_nothing_asks_for_is_refused():
    text = read_layout_text("programme_activity")
    assert text.count("to: geography_code") == 1
    misspelt = text.replace("to: geography_code", "to: geograhpy_code")
    with pytest.raises(DeclarationError, match=r"layouts\.yaml .* activity: fact_programme_activity .*: geograhpy"):
        parse_source(misspelt, "layouts.yaml")


def test_a_column_that_is_not_stored_is_no_column_of_the_fact():
    year = {"to": "year", "header": ["Year"], "parse": "calendar_year", "stored": False}
    source = _source(LONG | {"columns": [*LONG["columns"], year]})
    assert source.tables[0].layouts[0].stored_columns == {"force_code", "offences"}


@pytest.mark.parametrize(
    ("field", "parse", "words"),
    [
        ("reference_period", "period", "reference_period is parsed as month or quarter, not as period"),
        ("reference_period", "financial_year", "reference_period is parsed as month or quarter, not as financial_year"),
        ("published_on", "text", "published_on is parsed as date, not as text"),
    ],
)
def test_a_stamp_that_is_read_as_something_else_is_refused(field: str, parse: str, words: str):
    with pytest.raises(ValidationError, match=words):
        Source.model_validate(BASE | {"tables": [], "stamps": {field: {"label": "About", "parse": parse}}})


def test_a_column_of_listed_members_has_no_parser_beside_them():
    column = {"to": "force_code", "header": ["Force"], "parse": "force", "members": {"Kent": []}}
    with pytest.raises(ValidationError, match="column 'force_code': give members or parse, not both"):
        _source(LONG | {"columns": [LONG["columns"][0], column]})


def test_columns_are_left_out_by_a_pattern_of_their_headers():
    source = _source(LONG | {"ignore_columns": r"^\d{4} per head$"})
    (match,) = _match(source, {"Data": [[*HEADER, "2021 per head [note 1]", "2022 PER HEAD"], ROW]})
    assert match.ignored == {3, 4}
    error = _refused(source, {"Data": [[*HEADER, "2021 per head and day"], ROW]}, "changed_layout")
    assert "2021 per head and day" in error.found


def _match(source: Source, grids: Grids, quarter: dt.date = QUARTER) -> list[Match]:
    return match_workbook(source, GridWorkbook(Path("file.ods"), grids), quarter)


def _refused(source: Source, grids: Grids, rule: str) -> SourceFileError:
    with pytest.raises(SourceFileError) as caught:
        _match(source, grids)
    error = caught.value
    assert (error.rule, error.file) == (rule, "file.ods")
    assert error.expected and error.found and error.remedy
    return error


@pytest.mark.parametrize("above", [[], [["A title"]], [["A title"], [], ["Source: an office"], ["Quarter 1 to 4"]]])
@pytest.mark.parametrize("left", [0, 2])
def test_a_header_is_found_wherever_it_stands(above: list[list[str]], left: int):
    grid = [[""] * left + row for row in [*above, HEADER, ROW]]
    (match,) = _match(_source(), {"Data 1": grid})
    assert (match.header_row, match.first_body_row) == (len(above), len(above) + 1)
    assert match.labels == {"quarter_start": left, "force_code": left + 1}
    assert list(match.figures) == [left + 2]


@pytest.mark.parametrize("header", [HEADER[::-1], ["Offence Count", "Quarter", "POLICE  FORCE [note 2]"]])
def test_order_variants_and_footnotes_do_not_matter(header: list[str]):
    (match,) = _match(_source(), {"Data": [header, ROW]})
    assert set(match.labels) == {"quarter_start", "force_code"}


def test_a_renamed_header_is_shown_beside_what_was_expected_with_the_line_that_would_mend_it():
    error = _refused(_source(), {"Data": [["Quarter", "Name of force", "Number of Offences"], ROW]}, "changed_layout")
    assert (error.sheet, error.cell) == ("Data", "B1")
    assert "'Name of force' in B1 where header 'Force Name' or 'Police Force' was expected" in error.found
    assert (
        "sources/nrm/layouts.yaml, table 'crime': under `to: force_code` add to header: [Name of force]" in error.remedy
    )


def test_a_missing_header():
    error = _refused(_source(), {"Data": [["Quarter", "Number of Offences"], ROW]}, "changed_layout")
    assert "no header 'Force Name' or 'Police Force'" in error.found
    assert error.sheet == "Data"


def test_an_unknown_header():
    error = _refused(_source(), {"Data": [[*HEADER, "Population"], ROW]}, "changed_layout")
    assert error.cell == "D1" and "unknown header 'Population' in D1" in error.found
    assert "add to ignore: [Population]" in error.remedy


def test_a_header_left_out_on_purpose():
    (match,) = _match(_source(), {"Data": [[*HEADER, "Notes"], [*ROW, "x"]]})
    assert match.ignored == {3}


def test_a_header_that_stands_twice():
    error = _refused(_source(), {"Data": [[*HEADER, "Police Force"], ROW]}, "changed_layout")
    assert "more than once (B1, D1)" in error.found
    (match,) = _match(_source(LONG | {"repeated_headers": "^Data"}), {"Data": [[*HEADER, "Police Force"], ROW]})
    assert match.labels["force_code"] == 1 and match.ignored == {3}


@pytest.mark.parametrize("grid", [[], [[]], [["Just a title"]], [ROW, ROW], [["", ""], ["", ""]]])
def test_a_sheet_without_a_header(grid: list[list[Any]]):
    error = _refused(_source(), {"Data": grid}, "changed_layout")
    assert error.sheet == "Data" and "no header 'Quarter'" in error.found


def test_a_table_that_no_sheet_holds():
    error = _refused(_source(), {"Cover": [["x"]], "Notes": [["y"]]}, "missing_sheet")
    assert "'crime' (^Data)" in error.expected and "'Cover', 'Notes'" in error.found
    assert "sources/nrm/layouts.yaml" in error.remedy


def test_a_table_that_may_be_missing_but_is_there_under_another_name():
    source = _source(required=False)
    error = _refused(source, {"Data": [HEADER, ROW], "2021-22": [["Title"], HEADER, ROW]}, "unclaimed_sheet")
    assert (error.sheet, error.cell) == ("2021-22", "A2")
    assert "name '^Data'" in error.expected


def test_two_sheets_that_hold_one_table():
    error = _refused(_source(), {"Data 1": [HEADER, ROW], "Data 2": [HEADER, ROW]}, "ambiguous_table")
    assert error.sheet == "Data 2" and "'Data 1' and 'Data 2'" in error.found
    assert len(_match(_source(sheets="many"), {"Data 1": [HEADER, ROW], "Data 2": [HEADER, ROW]})) == 2


def test_two_layouts_that_fit_one_sheet():
    error = _refused(_source(LONG, LONG | {"layout": "another"}), {"Data": [HEADER, ROW]}, "ambiguous_layout")
    assert "crime/another and crime/long" in error.found and error.sheet == "Data"


def test_a_layout_holds_for_the_releases_that_it_names():
    early = LONG | {"layout": "early", "releases": {"until": "2022-Q1"}}
    late = LONG | {
        "layout": "late",
        "releases": {"from": "2022-Q2"},
        "measures": [{"to": "offences", "header": ["Crimes"]}],
    }
    source = _source(early, late)
    assert _match(source, {"Data": [HEADER, ROW]}, dt.date(2022, 1, 1))[0].layout.layout == "early"
    assert _match(source, {"Data": [[*HEADER[:2], "Crimes"], ROW]})[0].layout.layout == "late"
    assert "'Crimes'" in str(_refused(source, {"Data": [HEADER, ROW]}, "changed_layout"))


def test_a_sheet_is_known_by_its_title_whatever_its_name():
    titled = LONG | {"sheet": {"title": "^Table \\d+: crimes by force"}}
    grids = {"Table_9": [["", "Table 9: Crimes by force [note 1]"], HEADER, ROW], "Table_8": [["Table 8: other"]]}
    assert [match.sheet for match in _match(_source(titled), grids)] == ["Table_9"]


@pytest.mark.parametrize("sensitive", [True, False])
def test_a_sensitive_sheet_is_explained_without_what_stands_there(tmp_path: Path, sensitive: bool):
    path = tmp_path / "returns.xlsx"
    write_xlsx(path, {"Data": [["Quarter", "Mr Nemo", "Number of Offences"], ROW]})
    explained = "\n".join(explain(path, _source(sensitive=sensitive), QUARTER))
    assert "NOT READ" in explained and ("Nemo" in explained) == (not sensitive)


def test_nothing_that_stands_in_a_sensitive_sheet_is_told():
    source = _source(sensitive=True)
    given: tuple[Grids, ...] = (
        {"Data": [["Quarter", "Mr Nemo", "Number of Offences"], ROW]},
        {"Data": [[*HEADER, "Mr Nemo"], ROW]},
        {"Mr Nemo": [HEADER]},
    )
    for grids in given:
        with pytest.raises(SourceFileError) as caught:
            _match(source, grids)
        assert "Nemo" not in str(caught.value)


# ---- figures under tiers of headers ----------------------------------------------------------------

TIERS: dict[str, Any] = {
    "layout": "two-tier",
    "sheet": {"name": "^Data"},
    "columns": [{"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"}],
    "tiers": [
        {"to": "age_group", "members": {"Adult": [], "Child": ["Under 18"]}, "totals": ["Total"]},
        {"to": "decision", "members": {"positive": ["Positive"], "negative": ["Negative"]}, "totals": ["Total"]},
    ],
    "value": {"to": "decisions", "header": []},
    "period": {"quarter": "quarter_start"},
}
OUTER = ["", "Adult", "", "", "Under 18", "", "", "Total"]
INNER = ["Quarter", "Positive", "Negative", "Total", "Positive", "Negative", "Total", ""]


def test_each_column_stands_under_a_member_of_every_level():
    (match,) = _match(_source(TIERS), {"Data": [["Title"], OUTER, INNER]})
    assert (match.header_row, match.first_body_row) == (1, 3)
    members = {column: tuple(figure.members.values()) for column, figure in match.figures.items()}
    assert members == {
        1: ("Adult", "positive"), 2: ("Adult", "negative"), 3: ("Adult", TOTAL),
        4: ("Child", "positive"), 5: ("Child", "negative"), 6: ("Child", TOTAL), 7: (TOTAL, TOTAL),
    }  # fmt: skip
    assert [figure.is_total for figure in match.figures.values()] == [False, False, True, False, False, True, True]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (1, "Adult / positive"),
        (2, "Adult / negative"),
        (3, "Adult / Total"),
        (5, "Child / negative"),
        (7, "Total / Total"),
    ],
)
def test_a_dropped_column_is_a_difference_and_not_a_smaller_table(column: int, words: str):
    outer = [*OUTER[:column], *OUTER[column + 1 :]]
    if column == 1:
        outer[1] = "Adult"
    inner = [*INNER[:column], *INNER[column + 1 :]]
    error = _refused(_source(TIERS), {"Data": [outer, inner]}, "changed_layout")
    assert f"no column {words}" in error.found


@pytest.mark.parametrize(
    ("outer", "inner", "cell"),
    [
        ({4: "Teenager"}, {}, "E1"),
        ({}, {2: "Perhaps"}, "C2"),
        ({4: ""}, {}, ""),
        ({1: ""}, {}, ""),
        ({}, {0: ""}, ""),
    ],
)
def test_a_changed_tier(outer: dict[int, str], inner: dict[int, str], cell: str):
    tiers = [
        [changes.get(column, text) for column, text in enumerate(tier)]
        for tier, changes in ((OUTER, outer), (INNER, inner))
    ]
    error = _refused(_source(TIERS), {"Data": tiers}, "changed_layout")
    assert cell in error.found


OPEN: dict[str, Any] = TIERS | {
    "tiers": [{"to": "nationality", "parse": "nationality", "totals": ["Total"]}],
}


def test_an_open_set_of_members_needs_its_total():
    (match,) = _match(_source(OPEN), {"Data": [["Quarter", "Albanian", "Albanian UK", "Total"]]})
    assert [figure.members["nationality"] for figure in match.figures.values()] == ["Albanian", "Albanian UK", TOTAL]
    error = _refused(_source(OPEN), {"Data": [["Quarter", "Albanian", "Albanian UK"]]}, "changed_layout")
    assert "no column Total" in error.found
    error = _refused(_source(OPEN), {"Data": [["Quarter", "Albanian", "Atlantean", "Total"]]}, "changed_layout")
    assert error.cell == "C1" and "Atlantean" in error.found


def test_a_new_member_of_an_open_set_goes_into_its_file_and_not_into_the_layout():
    grids: Grids = {"Data": [["Quarter", "Albanian", "Atlantean", "Total"]]}
    error = _refused(_source(OPEN), grids, "changed_layout")
    assert "unknown header 'Atlantean' in C1: expected a known nationality" in error.found
    assert "add it to the variants in msoic_pipeline/model/members/nationalities.csv" in error.found
    assert "layouts.yaml" not in error.remedy and "add a member" not in error.remedy
    error = _refused(_source(OPEN, sensitive=True), grids, "changed_layout")
    assert error.found == "unknown header (withheld) in C1"


def test_a_renamed_total_is_a_spelling_of_the_total():
    error = _refused(_source(OPEN), {"Data": [["Quarter", "Albanian", "Totals"]]}, "changed_layout")
    assert "under tier `to: nationality` add to totals: [Totals]" in error.remedy


def test_quarters_that_a_release_must_show():
    shown = TIERS | {"tiers": [{"to": "quarter_start", "parse": "quarter", "quarters": 4}], "columns": [
        {"to": "cps_area_code", "header": ["Area"], "parse": "cps_area"}]}  # fmt: skip
    header = ["Area", "2021 Q3", "2021 Q4", "2022 Q1", "2022 Q2"]
    assert len(_match(_source(shown), {"Data": [header]})[0].figures) == 4
    for gone in range(1, 5):
        error = _refused(_source(shown), {"Data": [header[:gone] + header[gone + 1 :]]}, "changed_layout")
        assert f"no column {header[gone].replace(' ', '-')}" in error.found
    _refused(_source(shown), {"Data": [["Area"]]}, "changed_layout")
