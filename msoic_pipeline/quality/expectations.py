"""Expectations: what the declaration of a fact table says of its rows, in the terms of Great Expectations.

Not-null columns, members, references, patterns, ranges, types and the key come from the model; each expectation has the
severity ``ColumnTraits.severity``: block (the default) or warn. ``validation`` holds them against releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model import members
from msoic_pipeline.model.columns import ColumnKind, find_kind
from msoic_pipeline.model.traits import Severity, traits_of_column

# What a rule is called where it is broken (in a known fault), and what the check of it is called.
CHECK_NAME_BY_RULE = {
    "no_rows": "table has rows",
    "wrong_type": "columns have their types",
    "missing_value": "required values are there",
    "unknown_member": "members are known",
    "bad_pattern": "texts have their pattern",
    "out_of_range": "figures lie in their range",
    "duplicate_key": "key is unique",
}

# Great Expectations' names of the types that rows are read into.
TYPES: dict[ColumnKind, str] = {
    "flag": "bool",
    "count": "int64",
    "number": "float64",
    "day": "datetime64",
    "moment": "datetime64",
    "text": "str",
}

# What an expectation is about: how many rows its table has, a whole column, each value of one, or the key.
Subject = Literal["size", "column", "value", "key"]


@dataclass(frozen=True)
class Expectation:
    """One expectation of a table: ``kind`` and ``arguments`` as Great Expectations has them, ``expected`` in words.

    ``columns`` are those that it is about: one, those of the key, or none where its ``subject`` is the table's size.
    """

    rule: str
    subject: Subject
    columns: tuple[str, ...]
    kind: str
    arguments: dict[str, Any]
    expected: str
    severity: Severity = "block"

    @property
    def check_name(self) -> str:
        """Name of the check to which the expectation belongs; those that only warn have one each."""
        return CHECK_NAME_BY_RULE[self.rule] + (f": {', '.join(self.columns)}" if self.severity == "warn" else "")


@dataclass(frozen=True)
class FailingRows:
    """An expectation, and the rows in which it fails."""

    expectation: Expectation
    rows: pd.DataFrame


def list_expectations_of(fact: sa.Table) -> list[Expectation]:
    """Return what a fact table expects of its rows, by its declaration and by the members known beforehand."""
    size = Expectation(
        rule="no_rows",
        subject="size",
        columns=(),
        kind="ExpectTableRowCountToBeBetween",
        arguments={"min_value": 1},
        expected="at least one row",
    )
    names = tuple(column.name for column in fact.primary_key.columns)
    key = Expectation(
        rule="duplicate_key",
        subject="key",
        columns=names,
        kind="ExpectCompoundColumnsToBeUnique",
        arguments={"column_list": list(names)},
        expected="one row of its key",
    )
    of_columns = [each for column in fact.columns for each in _list_expectations_of_column(column)]
    return [size, *of_columns, key]


def _list_expectations_of_column(column: sa.Column[Any]) -> Iterator[Expectation]:
    traits = traits_of_column(column)

    def expect(rule: str, kind: str, expected: str, *, subject: Subject = "value", **arguments: Any) -> Expectation:
        on_column = {"column": column.name} | arguments
        return Expectation(rule, subject, (column.name,), kind, on_column, expected, traits.severity)

    kind = TYPES[find_kind(column)]
    yield expect("wrong_type", "ExpectColumnValuesToBeOfType", f"type {kind}", subject="column", type_=kind)
    if not column.nullable:
        yield expect("missing_value", "ExpectColumnValuesToNotBeNull", "a value")
    if traits.members:
        known = list(traits.members)
        yield expect("unknown_member", "ExpectColumnValuesToBeInSet", f"one of {', '.join(known)}", value_set=known)
    if codes := list_known_codes(traits.references):
        place = f"a member of {traits.references} (msoic_pipeline/model/members)"
        yield expect("unknown_member", "ExpectColumnValuesToBeInSet", place, value_set=list(codes))
    if traits.pattern:
        words = f"text of the pattern {traits.pattern}"
        yield expect("bad_pattern", "ExpectColumnValuesToMatchRegex", words, regex=traits.pattern)
    low, high = traits.minimum, traits.maximum
    if low is not None or high is not None:
        words = _tell_range(low, high)
        yield expect("out_of_range", "ExpectColumnValuesToBeBetween", words, min_value=low, max_value=high)


def _tell_range(low: float | None, high: float | None) -> str:
    """Return a range in words, of which one end may be open: ``at least 0 and at most 1``."""
    if high is None:
        return f"at least {low}"
    if low is None:
        return f"at most {high}"
    return f"at least {low} and at most {high}"


@cache
def list_known_codes(reference: str) -> tuple[str, ...]:
    """Return the codes that ``table.column`` may hold; empty for a dimension whose members come with the releases."""
    table_name, _, column_name = reference.partition(".")
    for dimension in members.list_declared_dimensions():
        if dimension.name == table_name:
            return tuple(str(row[column_name]) for row in members.list_member_rows(dimension))
    return ()
