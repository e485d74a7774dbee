"""What is refused when a layout is declared, before any file is read."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.workbooks.source import layout_text, parse_source


def change_first_layout(**changed: Any) -> str:
    """Return the layouts of the CPS with some of the first layout that has rates changed."""
    declared = yaml.safe_load(layout_text("cps"))
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


def test_what_is_declared_is_read():
    assert parse_source(change_first_layout(), "layouts.yaml").source == "cps"
