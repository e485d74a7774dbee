"""The data dictionary, made from the declarations: as rows for the warehouse and as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.columns import ColumnKind, find_kind
from msoic_pipeline.model.traits import TableKind, traits_of_column, traits_of_table
from msoic_pipeline.model.views import VIEWS

# The kinds of table in the order of the dictionary.
_HEADINGS: dict[TableKind, str] = {
    "fact": "Facts",
    "dimension": "Dimensions",
    "kpi": "KPIs",
    "evidence": "Evidence: releases, vintages, checks",
}

_TYPE_NAMES: dict[ColumnKind, str] = {
    "flag": "yes/no",
    "count": "whole number",
    "number": "number",
    "moment": "moment",
    "day": "date",
    "text": "text",
}


def list_tables() -> list[sa.Table]:
    """Return the tables in the order of the dictionary: facts first."""
    kinds = list(_HEADINGS)
    return sorted(metadata.sorted_tables, key=lambda table: (kinds.index(traits_of_table(table).kind), table.name))


def list_dictionary_rows() -> list[dict[str, Any]]:
    """Return one row a table or view and one a column of it, as in the table ``data_dictionary``."""
    rows = []
    for table in list_tables():
        words = f"{table.comment} Grain: {traits_of_table(table).grain}."
        rows.append(_make_row(table.name, kind="table", description=words))
        for position, column in enumerate(table.columns, start=1):
            rows.append(
                _make_row(
                    table.name,
                    column.name,
                    position,
                    kind=name_type(column),
                    unit=traits_of_column(column).unit,
                    is_key=column.primary_key,
                    description=column.comment or "",
                )
            )
    for name, view in VIEWS.items():
        rows.append(_make_row(name, kind="view", description=view.description))
        for position, (column_name, description) in enumerate(view.columns().items(), start=1):
            rows.append(_make_row(name, column_name, position, description=description))
    return rows


def _make_row(
    table: str,
    column: str = "",
    position: int = 0,
    *,
    kind: str = "",
    unit: str = "",
    is_key: bool = False,
    description: str,
) -> dict[str, Any]:
    """Return the row of ``data_dictionary`` on a column, or on a table or view itself."""
    return {
        "table_name": table,
        "column_name": column,
        "position": position,
        "type": kind,
        "unit": unit,
        "is_key": is_key,
        "description": description,
    }


def name_type(column: sa.Column[Any]) -> str:
    """Return the type of a column as a reader would name it."""
    return _TYPE_NAMES[find_kind(column)]


def write_dictionary_page() -> str:
    """Return the data dictionary as Markdown."""
    return "\n".join(_write_lines()) + "\n"


def _write_lines() -> Iterator[str]:
    yield from (
        "# Data dictionary",
        "",
        "Made from the declarations in `msoic_pipeline/model/` by `make docs`; a test keeps it current. The same words",
        "stand in the table `data_dictionary`, and as comments on PostgreSQL.",
    )
    for kind, heading in _HEADINGS.items():
        yield from ("", f"## {heading}")
        for table in list_tables():
            if traits_of_table(table).kind == kind:
                yield from _write_table(table)
    yield from ("", "## Views", "", "| view | description |", "|---|---|")
    for name, view in VIEWS.items():
        yield f"| `{name}` | {view.description} |"


def _write_table(table: sa.Table) -> Iterator[str]:
    """Yield the lines on a table: its words, and a row for each of its columns."""
    grain = traits_of_table(table).grain
    yield from ("", f"### `{table.name}`", "", f"{table.comment}", "", f"Grain: {grain}.", "")
    yield from ("| column | type | unit | key | description |", "|---|---|---|---|---|")
    for column in table.columns:
        key = "key" if column.primary_key else "optional" if column.nullable else ""
        unit = traits_of_column(column).unit
        yield f"| `{column.name}` | {name_type(column)} | {unit} | {key} | {_describe_column(column)} |"


def _describe_column(column: sa.Column[Any]) -> str:
    """Return a column's words, with what it refers to and the values that it may have."""
    traits = traits_of_column(column)
    words = column.comment or ""
    if traits.references:
        words += f" Refers to `{traits.references}`."
    if traits.members:
        words += f" One of: {', '.join(traits.members)}."
    return words
