"""What is declared of tables and columns beyond what SQLAlchemy knows of them: records, which stand in its ``info``.

Nullability, keys and descriptions are SQLAlchemy's own. ``model/columns.py`` declares, whoever needs to know asks here:
``traits_of_fact(fact).measures``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Column, Table

TableKind = Literal["fact", "dimension", "kpi", "evidence"]
Severity = Literal["block", "warn"]
# Where a record stands in ``info``.
TRAITS = "traits"


@dataclass(frozen=True)
class ColumnTraits:
    """What a column holds, and may hold.

    ``unit`` is what its figures are counted in. ``minimum``, ``maximum``, ``members`` (an allowed set; empty where
    there is none) and ``pattern`` are expectations, and ``references`` the column of a dimension, ``table.column``,
    whose members alone it may hold; with the ``severity`` warn a row that breaks them is loaded all the same.
    """

    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    members: tuple[str, ...] = ()
    pattern: str = ""
    references: str = ""
    severity: Severity = "block"


@dataclass(frozen=True)
class TableTraits:
    """What a table is: ``grain`` says what one row is; a table ``is_volatile`` that tells of runs, not of figures."""

    grain: str
    kind: TableKind
    is_volatile: bool = False


@dataclass(frozen=True)
class FactTraits(TableTraits):
    """What a fact is: the ``source`` that fills it, and its columns of figures.

    ``cell_columns`` names, by measure, the column with its cell where that is not ``cell``. ``series_columns`` are
    those by which, beside its breakdown, its national figures are series of their own: figures of two activities are
    never one series.
    """

    kind: TableKind = "fact"
    source: str = ""
    measures: tuple[str, ...] = ()
    cell_columns: Mapping[str, str] = field(default_factory=dict)
    series_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class DimensionTraits(TableTraits):
    """What a dimension is: where its members come from.

    The rows of ``members_file`` are its members; or every combination of those of the file that it ``combines``. Where
    they come with the releases, ``labels`` names the columns that are called otherwise in their sheets, and is None
    elsewhere. The members of a dimension with none of the three, the periods, are made by the pipeline.
    """

    kind: TableKind = "dimension"
    members_file: str = ""
    combines: str = ""
    labels: Mapping[str, str] | None = None


def traits_of_column(column: Column[Any]) -> ColumnTraits:
    """Return what was declared of a column. Raises KeyError where it was not declared in ``model/``."""
    traits: ColumnTraits = column.info[TRAITS]
    return traits


def traits_of_table(table: Table) -> TableTraits:
    """Return what was declared of a table of any kind. Raises KeyError where it was not declared in ``model/``."""
    traits: TableTraits = table.info[TRAITS]
    return traits


def traits_of_fact(fact: Table) -> FactTraits:
    """Return what was declared of a fact. Raises TypeError where the table is none."""
    traits = traits_of_table(fact)
    if not isinstance(traits, FactTraits):
        raise TypeError(f"{fact.name} is no fact but a table of the kind {traits.kind}")
    return traits


def traits_of_dimension(dimension: Table) -> DimensionTraits:
    """Return what was declared of a dimension. Raises TypeError where the table is none."""
    traits = traits_of_table(dimension)
    if not isinstance(traits, DimensionTraits):
        raise TypeError(f"{dimension.name} is no dimension but a table of the kind {traits.kind}")
    return traits
