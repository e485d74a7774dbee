"""Checks within a sheet, while it is read: totals and rates are held against what they are made of, labels to codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.known_faults import Fault, accepted_words, excuse
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.periods import period_start
from msoic_pipeline.texts import first_of
from msoic_pipeline.workbooks.matching import TOTAL
from msoic_pipeline.workbooks.tidy import Tidy

# Of the failures of a check, so many are put into words.
SHOWN = 10
FLOAT_ERROR = 1e-9
# What the checks are called, their severity, and the reason for it.
SHEET_CHECKS = (
    (
        "totals equal their parts",
        "block",
        "Both stand in one sheet: where they differ a figure is mistyped, or a column was read as another.",
    ),
    (
        "rates agree with their counts",
        "block",
        "A rate is worked out of two counts of its sheet: one of the three is wrong.",
    ),
    (
        "a code has one label",
        "warn",
        "The words beside a code may have been edited within a year; or the code is mistyped.",
    ),
)


@dataclass(frozen=True)
class Finding:
    """What a check found in a release: the fields are those of ``validation_result``.

    ``places`` lists what failed, each as rule, sheet, cell, what was expected or found, and the row's text;
    ``accepted`` what a declared fault accepts, each as rule, sheet, cell, the words and the fault.
    """

    table_name: str
    check_name: str
    severity: str
    success: bool
    rows_checked: int
    rows_failed: int
    detail: str
    places: Sequence[Sequence[str]] = ()
    accepted: Sequence[Sequence[str]] = ()


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding a check of a table, though the table be spread over several sheets."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.table_name, finding.check_name), []).append(finding)
    return [
        Finding(
            table_name=table_name,
            check_name=check_name,
            severity=group[0].severity,
            success=all(finding.success for finding in group),
            rows_checked=sum(finding.rows_checked for finding in group),
            rows_failed=sum(finding.rows_failed for finding in group),
            detail="; ".join(finding.detail for finding in group if not finding.success or len(group) == 1)
            or f"all agree, in {len(group)} sheets",
            places=[place for finding in group for place in finding.places][:MAX_LISTED],
            accepted=[place for finding in group for place in finding.accepted],
        )
        for (table_name, check_name), group in groups.items()
    ]


def members_of(tidy: Tidy) -> list[str]:
    """Columns of a table that divide its figures: labels and levels, less those that only tell the period."""
    layout = tidy.match.layout
    names = [spec.to for spec in layout.columns] + [name for level in layout.levels for name in level.names]
    return [name for name in names if name in tidy.rows and name != "quarter_start"]


def check_totals(tidy: Tidy, fact: sa.Table, faults: tuple[Fault, ...]) -> list[Finding]:
    """Hold every total that a sheet gives against the sum of its parts in the same sheet.

    Where a part is not available, the total may be no less than the rest.
    """
    if not len(tidy.totals["cell"]):
        return []
    failures: list[tuple[str, ...]] = []
    checked = 0
    for cell, published, parts, unknown in _totals_and_parts(tidy, fact):
        checked += 1
        differs = published < parts if unknown else published != parts
        if differs:
            words = f"published {published:,.0f}, its parts sum to {parts:,.0f}"
            words += f", and {unknown} are not available" if unknown else ""
            failures.append(("total_differs", tidy.match.sheet, cell, words, ""))
    return [_finding(f"totals equal their parts: {tidy.match.table.table}", tidy, checked, failures, faults)]


def check_rates(tidy: Tidy, fact: sa.Table, faults: tuple[Fault, ...]) -> list[Finding]:
    """Hold every rate that a sheet gives against the counts it is made of, in the same sheet, as far as it is rounded.

    A rate of counts that are not available, or of a whole of nothing, is not checked.
    """
    if not len(tidy.rates["cell"]):
        return []
    (value,) = fact.info["measures"]
    key = [*(name for name in members_of(tidy) if name != "measure"), "quarter_start"]
    counts: dict[tuple[Any, ...], float] = {}
    for rows in (tidy.rows, tidy.totals):
        named = zip(rows["measure"], *(rows[name] for name in key), strict=True)
        counts |= dict(zip(named, rows[value], strict=True))
    failures: list[tuple[str, ...]] = []
    checked = 0
    columns = (tidy.rates[name] for name in ("cell", value, "measure", *key))
    for cell, published, name, *members_of_row in zip(*columns, strict=True):
        rate = tidy.match.layout.rates[name]
        part, *wholes = (counts.get((count, *members_of_row)) for count in (rate.part, *rate.whole))
        if part is None or None in wholes:
            continue
        whole = sum(count for count in wholes if count is not None)
        if not whole:
            continue
        checked += 1
        differs = abs(published - part / whole) > 0.5 * 10**-rate.decimals + FLOAT_ERROR
        if differs:
            names = " and ".join(rate.whole)
            counted = f"{rate.part} {part:,.0f} of {names} {whole:,.0f} are {part / whole:.{rate.decimals}f}"
            words = f"published {published:.{rate.decimals}f}, but {counted}"
            failures.append(("rate_differs", tidy.match.sheet, cell, words, ""))
    return [_finding(f"rates agree with their counts: {tidy.match.table.table}", tidy, checked, failures, faults)]


def check_labels(tidy: Tidy, faults: tuple[Fault, ...]) -> list[Finding]:
    """Find rows whose code has other words beside it than it has elsewhere in the sheet: one of the two is mistaken."""
    findings = []
    for code, columns in tidy.match.table.labelled_by.items():
        parts = (np.where(pd.isna(tidy.rows[name]), "", tidy.rows[name]) for name in columns)
        words = reduce(lambda one, other: one + " / " + other, parts)
        rows = pd.DataFrame({"code": tidy.rows[code], "words": words, "cell": tidy.rows["cell"]})
        counts = rows.value_counts(["code", "words"], sort=True).reset_index()
        usual = counts.drop_duplicates("code").set_index("code")["words"]
        failures = [
            ("other_label", tidy.match.sheet, row["cell"], _label_words(code, row, usual[row["code"]]), "")
            for row in rows[rows["words"] != rows["code"].map(usual)].to_dict("records")
        ]
        check = f"{code} has one label: {tidy.match.table.table}"
        findings.append(_finding(check, tidy, len(rows), failures, faults, severity="warn"))
    return findings


def _label_words(code: str, row: dict[Any, Any], usual: str) -> str:
    return f"{code} {row['code']} is called {row['words']!r}, and elsewhere {usual!r}"


def _finding(
    check: str,
    tidy: Tidy,
    checked: int,
    failures: Sequence[tuple[str, ...]],
    faults: tuple[Fault, ...],
    severity: str = "block",
) -> Finding:
    """Return a finding about a sheet, with the first failures in words; what declared faults accept is no failure."""
    bad, accepted = excuse(failures, faults)
    words = first_of([f"{cell}: {found}" for _, _, cell, found, _ in bad], SHOWN) or "all agree"
    detail = f"sheet {tidy.match.sheet!r}: {words}{accepted_words(accepted)}"
    return Finding(
        tidy.match.table.fact, check, severity, not bad, checked, len(bad), detail, bad[:MAX_LISTED], accepted
    )


def parts_unavailable(tidy: Tidy, fact: sa.Table) -> dict[str, int]:
    """Return how many parts of each total, known by its cell, are not available; totals of known parts are left out."""
    measures = (tidy.rows[name] for name in fact.info["measures"] if name in tidy.rows)
    if not len(tidy.unavailable["cell"]) and not any(pd.isna(figures).any() for figures in measures):
        return {}
    return {cell: unknown for cell, _, _, unknown in _totals_and_parts(tidy, fact) if unknown}


def _totals_and_parts(tidy: Tidy, fact: sa.Table) -> Iterator[tuple[str, float, float, int]]:
    """Yield the cell of each total, the total as published, the sum of its finest parts, and how many are unknown."""
    if not len(tidy.totals["cell"]):
        return
    names = members_of(tidy)
    time = next(name for name in ("month_start", "day", "quarter_start") if name in tidy.rows)
    finest = {name: np.concatenate([tidy.rows[name], tidy.unavailable[name]]) for name in tidy.rows}
    size = len(finest["cell"])
    # Members as numbers, the same in parts and totals, so that those of a row make up one number.
    codes = {
        name: pd.factorize(np.concatenate([finest[name], tidy.totals[name]]), use_na_sentinel=False)
        for name in dict.fromkeys([*names, time, "quarter_start"])
    }
    pattern = np.zeros(len(tidy.totals["cell"]), dtype=int)
    for position, name in enumerate(names):
        pattern |= (tidy.totals[name] == TOTAL).astype(int) << position
    for kind in set(tidy.totals["period_kind"]):
        periods, members_of_period = codes[time if kind == "quarter" else "quarter_start"]
        if kind != "quarter":
            years = [period_start(kind, start) for start in members_of_period]
            periods = pd.factorize(np.array(years, dtype=object))[0][periods]
        for flags in np.unique(pattern[tidy.totals["period_kind"] == kind]):
            chosen = np.flatnonzero((tidy.totals["period_kind"] == kind) & (pattern == flags))
            key = periods.astype(np.int64)
            for position, name in enumerate(names):
                if not flags >> position & 1:
                    key = np.unique(key, return_inverse=True)[1] * len(codes[name][1]) + codes[name][0]
            groups, group = np.unique(key, return_inverse=True)
            for measure in fact.info["measures"]:
                if measure in tidy.rows:
                    parts = finest[measure].astype(float)
                    sums = np.bincount(group[:size], weights=np.nan_to_num(parts), minlength=len(groups))
                    unknown = np.bincount(group[:size], weights=np.isnan(parts), minlength=len(groups)).astype(int)
                    published = tidy.totals[measure][chosen].astype(float)
                    is_given = published == published
                    its = group[size + chosen][is_given]
                    yield from zip(
                        tidy.totals["cell"][chosen][is_given],
                        published[is_given].tolist(),
                        sums[its].tolist(),
                        unknown[its].tolist(),
                        strict=True,
                    )
