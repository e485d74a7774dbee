"""Checks on the rows of releases, before they are loaded.

Each takes the rows of several releases (those of their fact table, with ``release_id``) and the fact table, and yields
a ``RowFailure`` for each thing that is wrong. Checks that only one publisher's figures need stand in
``sources/<source>/checks.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding, make_finding
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.model.checks import HOLDS, RowCheck, RowFailure
from msoic_pipeline.model.facts import breakdown_column, finest_period, finest_period_column
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import number_label, period_label, period_number
from msoic_pipeline.quality.publishers import load_publisher_checks
from msoic_pipeline.wording import WITHHELD, at_cell, first_of
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.source import is_sensitive, load_source

# Periods of fewer rows than these can be the same by chance.
FEWEST_ROWS = 10


def dates_lie_in_their_quarter(rows: pd.DataFrame, fact: sa.Table) -> Iterator[RowFailure]:
    """Find the rows whose quarter is not the first day of one, or whose month or day lies outside it."""
    withhold = is_sensitive(fact)
    quarter = rows["quarter_start"]
    is_no_quarter = quarter.notna() & ~((quarter.dt.day == 1) & (quarter.dt.month % 3 == 1))
    yield from _list_wrong_dates(rows[is_no_quarter], "quarter_start", withhold)
    for name in ("month_start", "day"):
        if name in fact.columns:
            finer = rows[name]
            is_outside = (finer.dt.year != quarter.dt.year) | (finer.dt.quarter != quarter.dt.quarter)
            fails = finer.notna() & quarter.notna() & is_outside & ~is_no_quarter
            yield from _list_wrong_dates(rows[fails], name, withhold)


def _list_wrong_dates(failing: pd.DataFrame, column: str, withhold: bool) -> Iterator[RowFailure]:
    """Yield what was expected and found in a column of dates, a row at a time."""
    for row in failing.to_dict("records"):
        quarter = period_label("quarter", row["quarter_start"])
        expected = "the first day of a quarter" if column == "quarter_start" else f"a day of {quarter}"
        found = WITHHELD if withhold else row[column].date()
        detail = f"{at_cell(row['sheet'], row['cell'])}: {column}: expected {expected}; found {found}"
        yield RowFailure(row["release_id"], detail, row["sheet"], row["cell"])


def series_have_no_gaps(rows: pd.DataFrame, fact: sa.Table) -> Iterator[RowFailure]:
    """Find the series of a release in which periods are missing between its first and its last.

    A series is a breakdown's measure. In monthly records a measure of which nothing happened has no row: there it is
    the whole breakdown. For example 2021-Q1, 2021-Q2 and 2022-Q1: nothing of 2021-Q3 and 2021-Q4. Of what comes once a
    year, whole years are missing.
    """
    kind, time = _find_step(fact), finest_period_column(fact)
    series = [name for name in ("release_id", breakdown_column(fact)) if name]
    if kind != "month" and "measure" in fact.columns:
        series.append("measure")
    reported = rows[[*series, time]].dropna().drop_duplicates()
    reported["number"] = period_number(reported[time], kind)
    spans = reported.groupby(series, as_index=False)["number"].agg(["min", "max", "nunique"])
    with_gaps = spans[spans["max"] - spans["min"] + 1 > spans["nunique"]]
    for span in with_gaps.to_dict("records"):
        is_of_series = (reported[series] == pd.Series({name: span[name] for name in series})).all(axis=1)
        missing = sorted(set(range(span["min"], span["max"])) - set(reported.loc[is_of_series, "number"]))
        labels = ", ".join(number_label(number, kind) for number in missing)
        series_name = ", ".join(str(span[column]) for column in series[1:]) or "the series"
        first, last = number_label(span["min"], kind), number_label(span["max"], kind)
        yield RowFailure(span["release_id"], f"{series_name}: nothing of {labels}, between {first} and {last}")


def no_period_repeats_the_one_before(rows: pd.DataFrame, fact: sa.Table) -> Iterator[RowFailure]:
    """Find the periods of a release of which every figure is the one of the period before.

    Periods are compared where both have FEWEST_ROWS rows with a figure that is not zero; a fact by day is not compared.
    """
    if "day" in fact.columns:
        return
    kind = _find_step(fact)
    breakdown = [name for name in ("release_id", breakdown_column(fact)) if name]
    periods = _sum_up_content(_select_filled_rows(rows, fact), fact, kind, breakdown)
    for period in _find_repeating(periods, breakdown).to_dict("records"):
        table = ", ".join(str(period[name]) for name in breakdown[1:]) or "the table"
        label, label_before = number_label(period["number"], kind), number_label(period["number"] - 1, kind)
        figures = f"all {period['size']} figures of {label}, from {at_cell(period['sheet'], period['cell'])}"
        detail = f"{table}: {figures}, are those of {label_before}"
        yield RowFailure(period["release_id"], detail, period["sheet"], period["cell"])


def _select_filled_rows(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Return the rows of a known period in which a figure is not zero."""
    has_figure = (rows[list(traits_of_fact(fact).measures)].fillna(0) != 0).any(axis=1)
    return rows.loc[has_figure & rows[finest_period_column(fact)].notna()]


def _sum_up_content(filled: pd.DataFrame, fact: sa.Table, kind: str, breakdown: list[str]) -> pd.DataFrame:
    """Return a row a release, breakdown and period: its ``number``, and what its rows come to.

    Each row is made one number. Where two periods have as many rows (``size``) and the same ``sum`` of those numbers,
    all rows are the same, in whatever order. ``sheet`` and ``cell`` are where the period's first row stands.

    For example a fact of forces: in 2021-Q1 force E1 has 5 offences and E2 has 7, in 2021-Q2 E2 has 7 and E1 has 5, in
    2021-Q3 E1 has 7 and E2 has 5. Say that the row (E1, 5) is made 31, (E2, 7) 44, (E1, 7) 90 and (E2, 5) 2. Then the
    first two periods have the size 2 and the sum 75, and the third, whose figures are the same but stand elsewhere, has
    the size 2 and the sum 92.
    """
    time = finest_period_column(fact)
    time_columns = ("release_id", "quarter_start", time)
    members = [column.name for column in fact.primary_key.columns if column.name not in time_columns]
    row_hash = pd.util.hash_pandas_object(filled[[*members, *traits_of_fact(fact).measures]], index=False)
    return (
        filled[[*breakdown, "sheet", "cell"]]
        .assign(number=period_number(filled[time], kind), row_hash=row_hash)
        .groupby([*breakdown, "number"], as_index=False)
        .agg(sum=("row_hash", "sum"), size=("row_hash", "size"), sheet=("sheet", "first"), cell=("cell", "first"))
    )


def _find_repeating(periods: pd.DataFrame, breakdown: list[str]) -> pd.DataFrame:
    """Return the periods with FEWEST_ROWS rows or more whose content is that of the period before."""
    same_content = [*breakdown, "number", "sum", "size"]
    one_later = periods[same_content].assign(number=periods["number"] + 1)
    return periods[periods["size"] >= FEWEST_ROWS].merge(one_later, on=same_content)


def _find_step(fact: sa.Table) -> str:
    """Return the kind of period from one figure of a series to the next: its grain, or a year where it comes yearly."""
    reporters = load_source(traits_of_fact(fact).source).reporters
    return reporters.every if reporters.is_yearly else finest_period(fact)


ROW_CHECKS = (
    RowCheck(
        name="dates lie in their quarter",
        severity="block",
        reason="Rows are loaded a quarter at a time: a row of no quarter, or of another one than its month, would be "
        "lost or stand in the wrong one.",
        run=dates_lie_in_their_quarter,
        rule="date_outside_quarter",
    ),
    RowCheck(
        name="series have no gaps",
        severity="warn",
        reason="A quarter missing in the middle of a series is an omission of the publisher's. What an earlier release "
        "said of it still stands, so nothing false is loaded, but it is not the latest.",
        run=series_have_no_gaps,
    ),
    RowCheck(
        name="no period repeats the one before",
        severity="block",
        reason="That every figure of a table should be the same in two quarters is no chance: one quarter was pasted "
        "over the other.",
        run=no_period_repeats_the_one_before,
        rule="period_repeated",
    ),
)


def list_row_checks_of(fact: sa.Table) -> list[RowCheck]:
    """Return the checks on the rows of a fact table: those of every table, and its publisher's own."""
    checks = (*ROW_CHECKS, *load_publisher_checks(traits_of_fact(fact).source).row_checks)
    return [check for check in checks if not check.facts or fact.name in check.facts]


def check_rows(
    fact: sa.Table, rows: pd.DataFrame, faults: Mapping[str, Sequence[Fault]] = MappingProxyType({})
) -> dict[str, list[Finding]]:
    """Return what the checks find in each of the releases whose ``rows`` of ``fact`` these are, by release_id.

    ``faults`` are the known ones of a release: those that accept what a check finds are not held against it.
    """
    sizes = {str(release_id): int(size) for release_id, size in rows.groupby("release_id").size().items()}
    findings: dict[str, list[Finding]] = {release_id: [] for release_id in sizes}
    for check in list_row_checks_of(fact):
        failures: dict[str, list[Failure]] = defaultdict(list)
        for failing in check.run(rows, fact):
            failure = Failure(check.rule, failing.sheet, failing.cell, failing.detail)
            failures[failing.release_id].append(failure)
        for release_id, size in sizes.items():
            finding = make_finding(
                fact.name,
                check.name,
                check.severity,
                rows_checked=size,
                failures=failures[release_id],
                faults=faults.get(release_id, ()),
                tell=_tell_failures,
            )
            findings[release_id].append(finding)
    return findings


def _tell_failures(failures: Sequence[Failure]) -> str:
    return first_of([failure.detail for failure in failures]) or HOLDS
