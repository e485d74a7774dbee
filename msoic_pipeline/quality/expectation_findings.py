"""From the rows that fail an expectation to the findings of a release: one a check, in words that name the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import find_accepting, list_faults_of, tell_accepted
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model.facts import cell_column
from msoic_pipeline.quality.expectations import Expectation
from msoic_pipeline.texts import WITHHELD, at_cell
from msoic_pipeline.workbooks.failures import Failure

# Of the rows that fail a check so many are told in its words.
ROWS_TOLD = 5


@dataclass(frozen=True)
class FailingRows:
    """An expectation, and the rows in which it fails."""

    expectation: Expectation
    rows: pd.DataFrame


def findings_of_release(
    release: Release,
    fact: sa.Table,
    expectations: Sequence[Expectation],
    failing: Sequence[FailingRows],
    size: int,
    withhold: bool,
) -> list[Finding]:
    """Return one finding for each check of a fact table, of ``size`` rows of a release, of which those of ``failing``
    fail; what stands in them is not told where it is to be withheld.
    """
    expectations_by_check: dict[str, list[Expectation]] = {}
    for expectation in expectations:
        expectations_by_check.setdefault(expectation.check, []).append(expectation)
    findings = []
    for those in expectations_by_check.values():
        if those[0].rule == "no_rows":
            findings.append(_finding_on_size(fact, those[0], size))
            continue
        of_check = [each for each in failing if each.expectation in those]
        findings.append(_finding_of_check(release, fact, those, of_check, size, withhold))
    return findings


def _finding_on_size(fact: sa.Table, expectation: Expectation, size: int) -> Finding:
    """Return whether a fact table has rows. Where it has none, what fails has no place but is named all the same."""
    no_rows = Failure(expectation.rule, "", "", f"expected {expectation.expected}")
    return Finding(
        table_name=fact.name,
        check_name=expectation.check,
        severity=expectation.severity,
        success=size > 0,
        rows_checked=size,
        rows_failed=0,
        detail=f"{size} rows",
        failures=() if size else (no_rows,),
    )


def _finding_of_check(
    release: Release,
    fact: sa.Table,
    expectations: Sequence[Expectation],
    failing: Sequence[FailingRows],
    size: int,
    withhold: bool,
) -> Finding:
    """Return what a check of one or more expectations finds, known faults aside."""
    unexplained: list[FailingRows] = []
    accepted: list[Failure] = []
    for each in failing:
        rest, of_known_faults = _set_known_faults_apart(release, fact, each)
        unexplained.append(rest)
        accepted += of_known_faults
    bad_rows = set().union(*(each.rows.index for each in unexplained))
    failures = [failure for each in unexplained for failure in _list_failures(each, fact, withhold)]
    words = _tell_failing(unexplained, fact, withhold) if bad_rows else f"holds for {_columns_of(expectations)}"
    return Finding(
        table_name=fact.name,
        check_name=expectations[0].check,
        severity=expectations[0].severity,
        success=not bad_rows,
        rows_checked=size,
        rows_failed=len(bad_rows),
        detail=words + tell_accepted(accepted),
        failures=tuple(failures[:MAX_LISTED]),
        accepted=tuple(accepted),
    )


def _columns_of(expectations: Sequence[Expectation]) -> str:
    columns = dict.fromkeys(name for expectation in expectations for name in expectation.columns)
    return ", ".join(columns)


def _set_known_faults_apart(
    release: Release, fact: sa.Table, failing: FailingRows
) -> tuple[FailingRows, list[Failure]]:
    """Return the failing rows that no known fault accepts, and the failures that one does."""
    expectation, rows = failing.expectation, failing.rows
    known = list_faults_of(release)
    unexplained: list[bool] = []
    accepted: list[Failure] = []
    for sheet, cell in zip(rows["sheet"], rows[_cell_column(expectation, fact)], strict=True):
        fault = find_accepting(known, expectation.rule, sheet, cell)
        unexplained.append(not fault)
        if fault:
            detail = f"expected {expectation.expected}"
            accepted.append(Failure(expectation.rule, sheet, cell, detail, fault=fault))
    return FailingRows(expectation, rows[unexplained]), accepted


def _list_failures(failing: FailingRows, fact: sa.Table, withhold: bool) -> list[Failure]:
    """Return the first rows that failed, each with its text as far as it may be told."""
    place = ["sheet", _cell_column(failing.expectation, fact)]
    rows = failing.rows.head(MAX_LISTED)
    places = rows[place].astype(str).to_numpy().tolist()
    texts = rows.drop(columns=place).astype(object).to_numpy(na_value="").tolist()
    detail = f"expected {failing.expectation.expected}"
    failures = []
    for (sheet, cell), values in zip(places, texts, strict=True):
        row_text = "" if withhold else " | ".join(map(str, values))
        failures.append(Failure(failing.expectation.rule, sheet, cell, detail, row_text))
    return failures


def _tell_failing(failing: Sequence[FailingRows], fact: sa.Table, withhold: bool) -> str:
    """Return what was expected and found in the first failing rows, each with its place."""
    if failing[0].expectation.rule == "wrong_type":  # a matter of the whole column
        columns = [f"{each.expectation.columns[0]}: expected {each.expectation.expected}" for each in failing]
        return "; ".join(columns)
    told: list[str] = []
    for each in failing:
        for _, row in each.rows.head(ROWS_TOLD - len(told)).iterrows():
            told.append(_tell_row(each.expectation, row, fact, withhold))
    untold = sum(len(each.rows) for each in failing) - len(told)
    more = f"; and {untold} more" if untold else ""
    return "; ".join(told) + more


def _tell_row(expectation: Expectation, row: pd.Series[Any], fact: sa.Table, withhold: bool) -> str:
    place = at_cell(row["sheet"], row[_cell_column(expectation, fact)])
    if expectation.rule == "duplicate_key":
        return f"{place}: expected {expectation.expected}; found it again"
    (column,) = expectation.columns
    return f"{place}: {column}: expected {expectation.expected}; found {_tell_value(row[column], withhold)}"


def _tell_value(value: Any, withhold: bool) -> str:
    if pd.isna(value):
        return "nothing"
    if withhold:
        return WITHHELD
    if isinstance(value, pd.Timestamp):
        return repr(str(value.date()))
    return repr(value.item() if isinstance(value, np.generic) else value)


def _cell_column(expectation: Expectation, fact: sa.Table) -> str:
    """Return the column with the cell of what an expectation is about: a measure may have one of its own."""
    return cell_column(fact, expectation.columns[0]) if len(expectation.columns) == 1 else "cell"
