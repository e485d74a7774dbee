"""Checks within a sheet, while it is read: totals and rates are held against what they are made of, labels to codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding, make_finding
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import period_start
from msoic_pipeline.wording import first_of
from msoic_pipeline.workbooks.coded_column import Columns
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.source import is_sensitive
from msoic_pipeline.workbooks.tidy import Tidy

# Of the failures of a check, so many are put into words.
FAILURES_TOLD = 10
# Two floating-point numbers that differ by no more are the same figure.
FLOAT_ERROR = 1e-9
# The kinds of period that rows are about; a total of a year is made of such rows.
FINEST_KINDS = ("day", "month", "quarter")


TOTALS = CheckWords(
    "totals equal their parts",
    "block",
    "Both stand in one sheet: where they differ a figure is mistyped, or a column was read as another.",
)
RATES = CheckWords(
    "rates agree with their counts",
    "block",
    "A rate is worked out of two counts of its sheet: one of the three is wrong.",
)
LABELS = CheckWords(
    "a code has one label",
    "warn",
    "The words beside a code may have been edited within a year; or the code is mistyped.",
)
SHEET_CHECKS = (TOTALS, RATES, LABELS)


# ---- totals and their parts ------------------------------------------------------------------------


@dataclass(frozen=True)
class TotalsWithParts:
    """Totals of a sheet: their cells, what is published there, and what the figures that each covers sum to.

    ``parts_unavailable`` is how many of those figures the publisher does not give; they are not in ``sums_of_parts``.
    """

    cells: np.ndarray
    published: np.ndarray
    sums_of_parts: np.ndarray
    parts_unavailable: np.ndarray

    def agree(self) -> np.ndarray:
        """Return which totals can be right: where a part is not given, a total may be no less than the rest."""
        can_be_more = self.parts_unavailable > 0
        return np.where(can_be_more, self.published >= self.sums_of_parts, self.published == self.sums_of_parts)


def totals_equal_their_parts(tidy: Tidy, fact: sa.Table, faults: tuple[Fault, ...]) -> list[Finding]:
    """Hold every total that a sheet gives against the sum of its parts in the same sheet.

    Returns one finding, or none where the sheet has no totals.
    """
    if not len(tidy.totals["cell"]):
        return []
    checked = 0
    failures: list[Failure] = []
    for totals in totals_with_parts(tidy, fact):
        checked += len(totals.cells)
        for number in np.flatnonzero(~totals.agree()):
            published, sum_of_parts = totals.published[number], totals.sums_of_parts[number]
            detail = f"published {published:,.0f}, its parts sum to {sum_of_parts:,.0f}"
            if unavailable := totals.parts_unavailable[number]:
                detail += f", and {unavailable} are not available"
            failures.append(Failure("total_differs", tidy.match.sheet, totals.cells[number], detail))
    return [_make_finding_of_sheet(TOTALS, TOTALS.name, tidy, checked, failures, faults)]


def count_unavailable_parts(tidy: Tidy, fact: sa.Table) -> dict[str, int]:
    """Return how many parts of a total are not available, by the total's cell; totals with all parts are left out."""
    measures = [tidy.rows[name] for name in traits_of_fact(fact).measures if name in tidy.rows]
    has_gaps = len(tidy.unavailable["cell"]) > 0 or any(pd.isna(figures).any() for figures in measures)
    if not has_gaps:
        return {}
    number_at: dict[str, int] = {}
    for totals in totals_with_parts(tidy, fact):
        has_gap = totals.parts_unavailable > 0
        number_at |= zip(totals.cells[has_gap], totals.parts_unavailable[has_gap].tolist(), strict=True)
    return number_at


def totals_with_parts(tidy: Tidy, fact: sa.Table) -> Iterator[TotalsWithParts]:
    """Yield the totals of a sheet with the sums of their parts, so many at a time as can be worked out together.

    A total names members in some columns and is a total over the others. Its parts are the sheet's finest figures of
    the same period that have the members it names, whatever they have in the other columns. Of this sheet::

        cell   responder   age      referrals
        C2     Kent        Adult    2
        C3     Kent        Child    1
        C4     Surrey      Adult    4
        C5     Kent        total    3            parts: Kent, any age:    C2 + C3       = 3
        C6     total       Adult    6            parts: Adult, anywhere:  C2 + C4       = 6
        C7     total       total    7            parts: everything:       C2 + C3 + C4  = 7

    C5, C6 and C7 are yielded, each with the sum on the right. Totals that name the same columns are worked out
    together: those like C5 by grouping parts and totals by ``responder``, those like C6 by ``age``, C7 by neither. A
    total of a year has the year's figures for its parts; one of a quarter or a month, that period's.
    """
    totals = tidy.totals
    if not len(totals["cell"]):
        return
    parts = {name: np.concatenate([tidy.rows[name], tidy.unavailable[name]]) for name in tidy.rows}
    columns = member_columns(tidy)
    # Totals stand below the parts, so that one number means the same member in both.
    codes = {name: _number_values(np.concatenate([parts[name], totals[name]])) for name in columns}
    for kind in sorted(set(totals["period_kind"])):
        period_codes = _number_values(np.concatenate([_periods_of_kind(parts, kind), _periods_of_kind(totals, kind)]))
        for named_columns, chosen in _totals_by_named_columns(totals, columns, kind):
            group_of = _number_groups([period_codes, *(codes[name] for name in named_columns)])
            yield from _sum_parts(parts, totals, chosen, group_of, fact)


def _periods_of_kind(rows: Columns, kind: str) -> np.ndarray:
    """Return the first day of the period of each row: of its year, or of the finest period that the sheet tells."""
    if kind in FINEST_KINDS:
        finest = next(name for name in ("month_start", "day", "quarter_start") if name in rows)
        return rows[finest]
    year_of = {quarter: period_start(kind, quarter) for quarter in set(rows["quarter_start"])}
    years = np.empty(len(rows["quarter_start"]), dtype=object)
    years[:] = [year_of[quarter] for quarter in rows["quarter_start"]]
    return years


def _totals_by_named_columns(
    totals: Columns, columns: Sequence[str], kind: str
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield, of the totals of periods of a kind, those that name members in the same columns: the columns, the rows."""
    of_kind = np.flatnonzero(totals["period_kind"] == kind)
    is_named = {name: totals[name][of_kind] != TOTAL for name in columns}
    pattern_of = _number_groups([np.zeros(len(of_kind), dtype=np.int64), *is_named.values()])
    for pattern in range(pattern_of.max() + 1):
        rows = np.flatnonzero(pattern_of == pattern)
        named_columns = [name for name in columns if is_named[name][rows[0]]]
        yield named_columns, of_kind[rows]


def _sum_parts(
    parts: Columns, totals: Columns, chosen: np.ndarray, group_of: np.ndarray, fact: sa.Table
) -> Iterator[TotalsWithParts]:
    """Yield the ``chosen`` totals with the sums of the parts in their groups, measure by measure.

    ``group_of`` gives the number of the group of each part and, behind them, of each total.
    """
    number_of_parts = len(parts["cell"])
    group_of_part, group_of_total = group_of[:number_of_parts], group_of[number_of_parts:][chosen]
    number_of_groups = int(group_of.max()) + 1
    for measure in traits_of_fact(fact).measures:
        if measure not in parts:
            continue
        figures = parts[measure].astype(float)  # what is not available becomes NaN
        sums = np.bincount(group_of_part, weights=np.nan_to_num(figures), minlength=number_of_groups)
        unavailable = np.bincount(group_of_part, weights=np.isnan(figures), minlength=number_of_groups).astype(int)
        published = totals[measure][chosen].astype(float)
        is_given = ~np.isnan(published)
        groups = group_of_total[is_given]
        yield TotalsWithParts(totals["cell"][chosen][is_given], published[is_given], sums[groups], unavailable[groups])


def _number_values(values: np.ndarray) -> np.ndarray:
    """Return whole numbers that are equal where the values are: ``Kent, Surrey, Kent`` becomes ``0, 1, 0``."""
    return pd.factorize(values, use_na_sentinel=False)[0]


def _number_groups(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the number of the group of each row: rows that are equal in all columns are one group.

    A column at a time is taken in. Let the first two have the codes ``0, 0, 1, 0`` and ``0, 2, 2, 2``. As the second
    has no code above 2, each pair is one number, three times the first code and the second: ``0, 2, 5, 2``. Numbered
    anew from 0 they are ``0, 1, 2, 1``, to which the next column is added likewise: the numbers stay small.
    """
    numbers = columns[0].astype(np.int64)
    for codes in columns[1:]:
        number_of_codes = int(codes.max()) + 1
        numbers = _number_values(numbers * number_of_codes + codes)
    return numbers


# ---- rates and their counts ------------------------------------------------------------------------


def rates_agree_with_their_counts(tidy: Tidy, fact: sa.Table, faults: tuple[Fault, ...]) -> list[Finding]:
    """Hold every rate that a sheet gives against the counts it is made of, in the same sheet, as far as it is rounded.

    Of 824 convictions among 1,000 prosecutions the rate may stand as 82.4% or as 0.82. The whole may be the sum of
    several counts. A rate of counts that are not available, or of a whole of nothing, is not checked. Returns one
    finding, or none where the sheet has no rates.
    """
    if not len(tidy.rates["cell"]):
        return []
    (figure_column,) = traits_of_fact(fact).measures
    # What tells apart the counts of one name, such as convictions: everything but that name.
    key = [*(name for name in member_columns(tidy) if name != "measure"), "quarter_start"]
    count_of = _index_counts(tidy, figure_column, key)
    failures: list[Failure] = []
    checked = 0
    rate_columns = (tidy.rates[name] for name in ("cell", figure_column, "measure", *key))
    for cell, published, rate_name, *key_of_rate in zip(*rate_columns, strict=True):
        rate = tidy.match.layout.rates[rate_name]
        counts_of_whole = [count_of.get((count_name, *key_of_rate)) for count_name in rate.whole]
        part, whole = count_of.get((rate.part, *key_of_rate)), _sum_counts(counts_of_whole)
        if part is None or not whole:
            continue
        checked += 1
        half_of_last_decimal = 0.5 * 10**-rate.decimals
        if abs(published - part / whole) > half_of_last_decimal + FLOAT_ERROR:
            whole_name = " and ".join(rate.whole)
            counted = f"{rate.part} {part:,.0f} of {whole_name} {whole:,.0f} are {part / whole:.{rate.decimals}f}"
            detail = f"published {published:.{rate.decimals}f}, but {counted}"
            failures.append(Failure("rate_differs", tidy.match.sheet, cell, detail))
    return [_make_finding_of_sheet(RATES, RATES.name, tidy, checked, failures, faults)]


def _index_counts(tidy: Tidy, figure_column: str, key: Sequence[str]) -> dict[tuple[Any, ...], float]:
    """Return the figures of a sheet, finest ones and totals, by their name and what stands in the ``key`` columns."""
    count_of: dict[tuple[Any, ...], float] = {}
    for rows in (tidy.rows, tidy.totals):
        columns_of_key = [rows[name] for name in key]
        for count, name, *key_of_count in zip(rows[figure_column], rows["measure"], *columns_of_key, strict=True):
            count_of[name, *key_of_count] = count
    return count_of


def _sum_counts(counts: Sequence[float | None]) -> float | None:
    """Return the sum of counts; None where one of them is not available."""
    available = [count for count in counts if count is not None]
    return sum(available) if len(available) == len(counts) else None


# ---- codes and their labels ------------------------------------------------------------------------


def codes_have_one_label(tidy: Tidy, faults: tuple[Fault, ...]) -> list[Finding]:
    """Find rows whose code has another label beside it than it has mostly in the sheet: one of the two is mistaken.

    A label is the words of several columns, joined: code 106 is called ``Modern slavery / Violence``. Returns a finding
    for each column of codes that the table declares to be labelled.
    """
    return [
        _code_has_one_label(tidy, code_column, label_columns, faults)
        for code_column, label_columns in tidy.match.table.labelled_by.items()
    ]


def _code_has_one_label(
    tidy: Tidy, code_column: str, label_columns: Sequence[str], faults: tuple[Fault, ...]
) -> Finding:
    words_of_columns = [np.where(pd.isna(tidy.rows[name]), "", tidy.rows[name]) for name in label_columns]
    labels = words_of_columns[0]
    for words in words_of_columns[1:]:
        labels = labels + " / " + words
    rows = pd.DataFrame({"code": tidy.rows[code_column], "label": labels, "cell": tidy.rows["cell"]})
    most_frequent_first = rows.value_counts(["code", "label"], sort=True).reset_index()
    usual_label = most_frequent_first.drop_duplicates("code").set_index("code")["label"]
    unusual = rows[rows["label"] != rows["code"].map(usual_label)]
    failures = []
    for cell, code, label in zip(unusual["cell"], unusual["code"], unusual["label"], strict=True):
        detail = f"{code_column} {code} is called {label!r}, and elsewhere {usual_label[code]!r}"
        failures.append(Failure("other_label", tidy.match.sheet, cell, detail))
    return _make_finding_of_sheet(LABELS, f"{code_column} has one label", tidy, len(rows), failures, faults)


# ---- what all checks share -------------------------------------------------------------------------


def member_columns(tidy: Tidy) -> list[str]:
    """Return the columns of a sheet's rows that divide its figures: labels and tiers, but none that tells the quarter.

    For example ``["first_responder", "age_group", "nationality"]``.
    """
    layout = tidy.match.layout
    names = [spec.to for spec in layout.columns]
    for tier in layout.tiers:
        names += tier.tidy_columns
    return [name for name in names if name in tidy.rows and name != "quarter_start"]


def _make_finding_of_sheet(
    check: CheckWords,
    what_holds: str,
    tidy: Tidy,
    checked: int,
    failures: Sequence[Failure],
    faults: tuple[Fault, ...],
) -> Finding:
    """Return what a check finds in a sheet, with the first failures in words; what known faults accept is no failure.

    ``what_holds`` is the check's name, or says it of one column. Of a sensitive source the places alone are told, not
    what stands there.
    """
    if is_sensitive(FACTS[tidy.match.table.fact]):
        failures = [replace(failure, detail="does not hold here") for failure in failures]

    def tell(standing: Sequence[Failure]) -> str:
        told = first_of([f"{failure.cell}: {failure.detail}" for failure in standing], FAILURES_TOLD) or "all agree"
        return f"sheet {tidy.match.sheet!r}: {told}"

    return make_finding(
        tidy.match.table.fact,
        f"{what_holds}: {tidy.match.table.table}",
        check.severity,
        rows_checked=checked,
        failures=failures,
        faults=faults,
        tell=tell,
    )
