"""The members of the dimensions as rows of the warehouse."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import sort_tables

from msoic_pipeline.model.dimensions import DIMENSIONS
from msoic_pipeline.model.members.exploitation import list_exploitation_members
from msoic_pipeline.model.members.files import read_rows
from msoic_pipeline.model.traits import traits_of_dimension


def list_declared_dimensions() -> list[sa.Table]:
    """Return the dimensions whose members are known beforehand, in the order in which they can be loaded."""
    declared = []
    for dimension in sort_tables(DIMENSIONS):
        traits = traits_of_dimension(dimension)
        if traits.members_file or traits.combines:
            declared.append(dimension)
    return declared


def list_published_dimensions() -> list[sa.Table]:
    """Return the dimensions whose members come with the releases."""
    return [dimension for dimension in DIMENSIONS if traits_of_dimension(dimension).labels is not None]


def list_member_rows(dimension: sa.Table) -> list[dict[str, Any]]:
    """Return the members of a dimension as its rows; an empty field is no value where the column allows that."""
    traits = traits_of_dimension(dimension)
    if traits.combines:
        return list_exploitation_members()
    members = []
    for row in read_rows(traits.members_file):
        members.append({column.name: row[column.name] or _no_value(column) for column in dimension.columns})
    return members


def _no_value(column: sa.Column[Any]) -> str | None:
    return None if column.nullable else ""
