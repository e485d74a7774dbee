"""The data dictionary, made from the declarations: as rows for the warehouse and as a page for people."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.columns import Kind, find_kind
from msoic_pipeline.model.traits import traits_of_column, traits_of_table
from msoic_pipeline.model.views import VIEWS

_KINDS = ("fact", "dimension", "kpi", "evidence")
_HEADINGS = {
    "fact": "Facts",
    "dimension": "Dimensions",
    "kpi": "KPIs",
    "evidence": "Evidence: releases, vintages, checks",
}


_TYPE_NAMES: dict[Kind, str] = {
    "flag": "yes/no",
    "count": "whole number",
    "number": "number",
    "moment": "moment",
    "day": "date",
    "text": "text",
}


def tables() -> list[sa.Table]:
    """Return the tables in the order of the dictionary: facts first."""
    return sorted(metadata.sorted_tables, key=lambda table: (_KINDS.index(traits_of_table(table).kind), table.name))


def list_dictionary_rows() -> list[dict[str, Any]]:
    """Return one row a table or view and one a column of it, as in the table ``data_dictionary``."""
    rows = []
    for table in tables():
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
    lines = [
        "# Data dictionary",
        "",
        "Made from the declarations in `msoic_pipeline/model/` by `make docs`; a test keeps it current. The same words",
        "stand in the table `data_dictionary`, and as comments on PostgreSQL.",
    ]
    for kind in _KINDS:
        lines += ["", f"## {_HEADINGS[kind]}"]
        for table in tables():
            traits = traits_of_table(table)
            if traits.kind != kind:
                continue
            lines += ["", f"### `{table.name}`", "", f"{table.comment}", "", f"Grain: {traits.grain}.", ""]
            lines += ["| column | type | unit | key | description |", "|---|---|---|---|---|"]
            for column in table.columns:
                key = "key" if column.primary_key else "optional" if column.nullable else ""
                holds = traits_of_column(column)
                words = column.comment or ""
                words += f" Refers to `{holds.references}`." if holds.references else ""
                words += f" One of: {', '.join(holds.members)}." if holds.members else ""
                lines.append(f"| `{column.name}` | {name_type(column)} | {holds.unit} | {key} | {words} |")
    lines += ["", "## Views", "", "| view | description |", "|---|---|"]
    lines += [f"| `{name}` | {view.description} |" for name, view in VIEWS.items()]
    return "\n".join(lines) + "\n"
