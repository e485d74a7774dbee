"""From the rows that fail an expectation to the findings of a release: one a check, in words that name the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding, tell_accepted
from msoic_pipeline.ingest.known_faults import find_accepting, list_faults_of
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.model.checks import HOLDS
from msoic_pipeline.model.facts import cell_column
from msoic_pipeline.quality.expectations import Expectation, FailingRows
from msoic_pipeline.resource_limits import MAX_LISTED
from msoic_pipeline.wording import WITHHELD, at_cell
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.source import is_sensitive

# Of the rows that fail a check so many are told in its words.
ROWS_TOLD = 5


@dataclass(frozen=True)
class CheckedRows:
    """The ``size`` rows of a fact table that a release has, and those of them that fail an expectation."""

    release: Release
    fact: sa.Table
    size: int
    failing: Sequence[FailingRows]

    @property
    def are_withheld(self) -> bool:
        """Whether what stands in them is to be kept out of every message."""
        return is_sensitive(self.fact)

    def find_cell_column(self, expectation: Expectation) -> str:
        """Return the column with the cell of what an expectation is about: a measure may have one of its own."""
        return cell_column(self.fact, expectation.columns[0]) if len(expectation.columns) == 1 else "cell"


def make_findings(checked: CheckedRows, expectations: Sequence[Expectation]) -> list[Finding]:
    """Return one finding for each check that a table's ``expectations`` make up, of the rows of a release."""
    expectations_by_check: dict[str, list[Expectation]] = {}
    for expectation in expectations:
        expectations_by_check.setdefault(expectation.check_name, []).append(expectation)
    findings = []
    for of_check in expectations_by_check.values():
        is_on_size = of_check[0].subject == "size"
        findings.append(_make_finding_on_size(checked, of_check[0]) if is_on_size else _make_finding(checked, of_check))
    return findings


def _make_finding_on_size(checked: CheckedRows, expectation: Expectation) -> Finding:
    """Return whether a fact table has rows. Where it has none, what fails has no place but is named all the same."""
    no_rows = Failure(expectation.rule, "", "", f"expected {expectation.expected}")
    return Finding(
        table_name=checked.fact.name,
        check_name=expectation.check_name,
        severity=expectation.severity,
        success=checked.size > 0,
        rows_checked=checked.size,
        rows_failed=0,
        detail=f"{checked.size} rows",
        failures=() if checked.size else (no_rows,),
    )


def _make_finding(checked: CheckedRows, expectations: Sequence[Expectation]) -> Finding:
    """Return what a check of one or more expectations finds, known faults aside.

    A row that fails several of them is one row that failed.
    """
    unexplained: list[FailingRows] = []
    accepted: list[Failure] = []
    for failing in checked.failing:
        if failing.expectation in expectations:
            rest, of_known_faults = _set_known_faults_apart(checked, failing)
            unexplained.append(rest)
            accepted += of_known_faults
    bad_rows = set().union(*(failing.rows.index for failing in unexplained))
    number_of_failures = sum(len(failing.rows) for failing in unexplained)
    listed = [failure for failing in unexplained for failure in _list_failures(checked, failing)][:MAX_LISTED]
    words = _tell_failing(checked, unexplained) if bad_rows else f"{HOLDS} for {_name_columns(expectations)}"
    return Finding(
        table_name=checked.fact.name,
        check_name=expectations[0].check_name,
        severity=expectations[0].severity,
        success=not bad_rows,
        rows_checked=checked.size,
        rows_failed=len(bad_rows),
        detail=words + tell_accepted(accepted),
        failures=tuple(listed),
        accepted=tuple(accepted),
        unlisted=number_of_failures - len(listed),
    )


def _name_columns(expectations: Sequence[Expectation]) -> str:
    columns = dict.fromkeys(name for expectation in expectations for name in expectation.columns)
    return ", ".join(columns)


def _set_known_faults_apart(checked: CheckedRows, failing: FailingRows) -> tuple[FailingRows, list[Failure]]:
    """Return the failing rows that no known fault accepts, and the failures that one does."""
    expectation, rows = failing.expectation, failing.rows
    known = list_faults_of(checked.release)
    unexplained: list[bool] = []
    accepted: list[Failure] = []
    for sheet, cell in zip(rows["sheet"], rows[checked.find_cell_column(expectation)], strict=True):
        fault = find_accepting(known, expectation.rule, sheet, cell)
        unexplained.append(not fault)
        if fault:
            detail = f"expected {expectation.expected}"
            accepted.append(Failure(expectation.rule, sheet, cell, detail, fault=fault))
    return FailingRows(expectation, rows[unexplained]), accepted


def _list_failures(checked: CheckedRows, failing: FailingRows) -> list[Failure]:
    """Return the first rows that failed, each with its text as far as it may be told."""
    place = ["sheet", checked.find_cell_column(failing.expectation)]
    rows = failing.rows.head(MAX_LISTED)
    places = rows[place].astype(str).to_numpy().tolist()
    texts = rows.drop(columns=place).astype(object).to_numpy(na_value="").tolist()
    detail = f"expected {failing.expectation.expected}"
    failures = []
    for (sheet, cell), values in zip(places, texts, strict=True):
        row_text = "" if checked.are_withheld else " | ".join(map(str, values))
        failures.append(Failure(failing.expectation.rule, sheet, cell, detail, row_text))
    return failures


def _tell_failing(checked: CheckedRows, failing: Sequence[FailingRows]) -> str:
    """Return what was expected and found in the first failing rows, each with its place."""
    if failing[0].expectation.subject == "column":
        columns = [f"{each.expectation.columns[0]}: expected {each.expectation.expected}" for each in failing]
        return "; ".join(columns)
    told: list[str] = []
    for each in failing:
        for _, row in each.rows.head(ROWS_TOLD - len(told)).iterrows():
            told.append(_tell_row(checked, each.expectation, row))
    untold = sum(len(each.rows) for each in failing) - len(told)
    more = f"; and {untold} more" if untold else ""
    return "; ".join(told) + more


def _tell_row(checked: CheckedRows, expectation: Expectation, row: pd.Series[Any]) -> str:
    place = at_cell(row["sheet"], row[checked.find_cell_column(expectation)])
    if expectation.subject == "key":
        return f"{place}: expected {expectation.expected}; found it again"
    (column,) = expectation.columns
    found = _tell_value(row[column], checked.are_withheld)
    return f"{place}: {column}: expected {expectation.expected}; found {found}"


def _tell_value(value: Any, is_withheld: bool) -> str:
    if pd.isna(value):
        return "nothing"
    if is_withheld:
        return WITHHELD
    if isinstance(value, pd.Timestamp):
        return repr(str(value.date()))
    return repr(value.item() if isinstance(value, np.generic) else value)
