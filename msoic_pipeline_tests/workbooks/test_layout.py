"""What is refused when a layout is declared, before any file is read."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.workbooks.layout import Layout
from msoic_pipeline.workbooks.source import parse_source, read_layout_text
from msoic_pipeline_tests.workbooks.test_matching import LONG


def change_first_layout(**changed: Any) -> str:
    """Return the layouts of the CPS with some of the first layout that has rates changed."""
    declared = yaml.safe_load(read_layout_text("cps"))
    layouts = [layout for table in declared["tables"] for layout in table["layouts"] if "rates" in layout]
    layouts[0] |= changed
    return yaml.safe_dump(declared)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"sheet": {"title": "("}}, "'(' is no regular expression"),
        ({"sheet": {}}, "give the name of the sheet, its title, or both"),
        ({"ignore_columns": "[a"}, "'[a' is no regular expression"),
        (
            {"rates": {"conviction_rate": {"part": "conviction", "whole": "completed_prosecutions", "decimals": 3}}},
            "rates: no measure is called conviction",
        ),
    ],
)
def test_a_slip_in_a_layout_is_told_before_any_file_is_read(changed: dict[str, Any], told: str):
    with pytest.raises(DeclarationError, match=re.escape(told)):
        parse_source(change_first_layout(**changed), "layouts.yaml")


MONTH = {"to": "month_start", "header": ["Month"], "parse": "month"}
YEAR = {"to": "year", "header": ["Year"], "parse": "calendar_year"}
QUARTER_OF_YEAR = {"to": "quarter", "header": ["Quarter"], "parse": "quarter_number"}


def declare_columns(*columns: dict[str, Any], period: dict[str, Any], sparse: tuple[str, ...] = ()) -> Layout:
    """Return a layout of such columns."""
    return Layout.model_validate(LONG | {"columns": columns, "period": period, "sparse": sparse})


@pytest.mark.parametrize(
    ("month", "told"),
    [
        ({"totals": ["Total"]}, "month_start may have no totals"),
        ({"blank": "allow"}, "month_start may be neither optional nor blank"),
        ({"optional": True}, "month_start may be neither optional nor blank"),
    ],
)
def test_a_row_that_would_not_tell_its_period_is_refused(month: dict[str, Any], told: str):
    with pytest.raises(ValidationError, match=told):
        declare_columns(MONTH | month, period={"month": "month_start"})


def test_of_a_year_and_its_quarter_the_quarter_alone_may_be_a_total():
    totals = {"totals": ["Total"]}
    period = {"calendar": ("year", "quarter")}
    declare_columns(YEAR, QUARTER_OF_YEAR | totals, period=period, sparse=("year", "quarter"))
    with pytest.raises(ValidationError, match="year may have no totals"):
        declare_columns(YEAR | totals, QUARTER_OF_YEAR, period=period)


def test_a_sparse_column_is_there_and_if_it_tells_the_period_the_outermost():
    force = {"to": "force_code", "header": ["Force"], "parse": "force"}
    with pytest.raises(ValidationError, match="sparse: force_code may not be optional"):
        declare_columns(force | {"optional": True}, MONTH, period={"month": "month_start"}, sparse=("force_code",))
    sparse = ("force_code", "month_start")
    with pytest.raises(ValidationError, match="month_start may have no totals"):
        declare_columns(force, MONTH, period={"month": "month_start"}, sparse=sparse)


def test_what_is_declared_is_read():
    assert parse_source(change_first_layout(), "layouts.yaml").source == "cps"
