"""From the tidy sheets of a release to the tables of its staging folder, and to the manifest that tells of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding, merge_sheets
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.ingest.manifest import Manifest, SheetRead, StagedVintage
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.repeated_keys import make_keys_unique
from msoic_pipeline.ingest.sheet_checks import (
    FINEST_KINDS,
    codes_have_one_label,
    count_unavailable_parts,
    member_columns,
    rates_agree_with_their_counts,
    totals_equal_their_parts,
)
from msoic_pipeline.model import members
from msoic_pipeline.model.arrow import make_arrow_schema
from msoic_pipeline.model.columns import ALL
from msoic_pipeline.model.facts import (
    FACTS,
    breakdown_column,
    cell_column,
    finest_period_column,
    published_total,
)
from msoic_pipeline.model.total_members import write_members
from msoic_pipeline.model.traits import traits_of_dimension, traits_of_fact
from msoic_pipeline.periods import period_start
from msoic_pipeline.resource_limits import MAX_LISTED
from msoic_pipeline.workbooks.coded_column import Columns
from msoic_pipeline.workbooks.counts import Counts, check_conserved
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.layout import PublishedTable
from msoic_pipeline.workbooks.source import is_sensitive
from msoic_pipeline.workbooks.tidy import Tidy

REJECT_SCHEMA = pa.schema([(name, pa.string()) for name in ("rule", "sheet", "cell", "detail", "row_text", "fault")])


def make_published_schema(dimension: sa.Table) -> pa.Schema:
    """Return the columns of the members that a release names: the dimension's, and the quarter of the label."""
    return make_arrow_schema(dimension).append(pa.field("quarter_start", pa.date32()))


# Tables that are not written where they are empty.
SELDOM_FILLED = {"rejects": REJECT_SCHEMA} | {
    dimension.name: make_published_schema(dimension) for dimension in members.list_published_dimensions()
}


@dataclass(frozen=True)
class StagedContent:
    """Everything that a release's folder holds: tables by name, and the manifest."""

    tables: dict[str, pa.Table]
    manifest: Manifest


@dataclass(frozen=True)
class _FactContent:
    """What a release says of one fact table: its rows, what is left out, what the checks within its sheets found.

    ``figures_left_out`` counts the figures of rows that were read and are not in ``rows``.
    """

    rows: pa.Table
    rejects: list[Failure]
    findings: list[Finding]
    figures_left_out: int


def assemble(release: Release, sheets: Sequence[Tidy], faults: tuple[Fault, ...]) -> StagedContent:
    """Return the tables and the manifest of a release.

    The tables are its fact tables, by name, ``published_total``, ``rejects``, and the dimensions whose members come
    with releases. Raises SourceFileError where a figure went missing between the sheets and the tables.
    """
    contents: dict[str, _FactContent] = {}
    for name, sheets_of_fact in _group_by_fact(sheets).items():
        contents[name] = _assemble_fact(FACTS[name], sheets_of_fact, release, faults)
    counts = _count_all(sheets, contents)
    check_conserved(counts, release.file_name)
    rejects = _attribute_to_faults([reject for content in contents.values() for reject in content.rejects], faults)
    listed, unlisted = _list_first_of_each_rule(rejects)

    tables = {name: content.rows for name, content in contents.items()}
    tables[published_total.name] = _collect_published_totals(sheets, release)
    tables["rejects"] = pa.Table.from_pylist([asdict(reject) for reject in listed], REJECT_SCHEMA)
    for dimension in members.list_published_dimensions():
        tables[dimension.name] = _collect_members(dimension, sheets)

    vintages: list[StagedVintage] = []
    findings: list[Finding] = []
    for name, content in contents.items():
        vintages += _list_vintages(content.rows, FACTS[name], release)
        findings += content.findings
    manifest = Manifest(
        release_id=release.release_id,
        sheets=tuple(_describe_sheet(sheet) for sheet in sheets),
        counts=counts,
        rows_by_fact={name: len(contents[name].rows) for name in FACTS if name in contents},
        vintages=tuple(vintages),
        undeclared_rejects=sum(not reject.fault for reject in rejects),
        unlisted=unlisted,
        replaced_cells=tuple(fault for fault in faults if fault.treatment == "replace"),
        findings=tuple(merge_sheets(findings)),
    )
    return StagedContent(tables, manifest)


def _group_by_fact(sheets: Sequence[Tidy]) -> dict[str, list[Tidy]]:
    """Return the sheets that become each fact table, by its name."""
    sheets_of_fact: dict[str, list[Tidy]] = {}
    for sheet in sheets:
        sheets_of_fact.setdefault(sheet.match.table.fact, []).append(sheet)
    return sheets_of_fact


def _describe_sheet(tidy: Tidy) -> SheetRead:
    """Return what the manifest says of a sheet."""
    match = tidy.match
    return SheetRead(match.sheet, match.table.table, match.layout.layout, match.header_row + 1, tidy.counts)


def _count_all(sheets: Sequence[Tidy], contents: dict[str, _FactContent]) -> Counts:
    """Return where the rows and figures of all sheets went, by what was done with them after they were read, too."""
    counts = sum((sheet.counts for sheet in sheets), Counts())
    left_out = sum(content.figures_left_out for content in contents.values())
    loaded = sum(_count_figures(content.rows, FACTS[name]) for name, content in contents.items())
    return replace(counts, rejected=counts.rejected + left_out, loaded=loaded)


# ---- one fact table --------------------------------------------------------------------------------


def _assemble_fact(fact: sa.Table, sheets: Sequence[Tidy], release: Release, faults: tuple[Fault, ...]) -> _FactContent:
    """Return what the sheets of a fact table come to: rows of which no two have one key, rejects and findings."""
    known_parts: list[pa.Table] = []
    may_be_summed: list[np.ndarray] = []
    unknown_rows: list[Failure] = []
    findings: list[Finding] = []
    figures_read = 0
    for sheet in sheets:
        figures_read += _count_given(sheet.rows, fact)
        unknown_here = _reject_unknown_rows(sheet)
        known_rows = _leave_out(sheet.rows, unknown_here)
        known_parts.append(_shape_as_fact(known_rows, fact, release))
        may_be_summed.append(_find_summable(known_rows, sheet.match.table))
        unknown_rows += unknown_here
        findings += totals_equal_their_parts(sheet, fact, faults)
        findings += rates_agree_with_their_counts(sheet, fact, faults)
        findings += codes_have_one_label(sheet, faults)
    unique, repeated = make_keys_unique(pa.concat_tables(known_parts), np.concatenate(may_be_summed), fact)
    return _FactContent(
        rows=unique,
        rejects=[*unknown_rows, *repeated, *(reject for sheet in sheets for reject in sheet.rejects)],
        findings=findings,
        figures_left_out=figures_read - _count_figures(unique, fact),
    )


def _reject_unknown_rows(tidy: Tidy) -> list[Failure]:
    """Return a reject for each row that matches no row of the table's file of members.

    Where that file defines activities by name, category and measure, a row of an activity with a category that it has
    not there is rejected. Of a sensitive source it is not told what stands in the row.
    """
    table = tidy.match.table
    if not table.known_rows:
        return []
    file = f"msoic_pipeline/model/members/{table.known_rows}"
    key = [name for name in members.list_key_columns(table.known_rows) if name in tidy.rows]
    known_keys = {tuple(row[name] for name in key) for row in members.read_rows(table.known_rows)}
    columns = [tidy.rows[name] for name in key]
    withhold = is_sensitive(FACTS[table.fact])
    rejects = []
    for cell, *values in zip(tidy.rows["cell"], *columns, strict=True):
        if tuple(values) in known_keys:
            continue
        told = ", ".join(f"{name} {value!r}" for name, value in zip(key, values, strict=True))
        found = "another" if withhold else told
        detail = f"expected a row of {file}; found {found}. Add it there if it is new"
        row_text = "" if withhold else " | ".join(map(str, values))
        rejects.append(Failure("unknown_member", tidy.match.sheet, cell, detail, row_text))
    return rejects


def _leave_out(rows: Columns, rejects: Sequence[Failure]) -> Columns:
    """Return the rows of a sheet but for those whose cells are rejected."""
    if not rejects:
        return rows
    rejected_cells = {reject.cell for reject in rejects}
    is_kept = np.array([cell not in rejected_cells for cell in rows["cell"]], dtype=bool)
    return {name: values[is_kept] for name, values in rows.items()}


def _shape_as_fact(rows: Columns, fact: sa.Table, release: Release) -> pa.Table:
    """Return rows with exactly the columns of the fact table; what a breakdown does not use is ``All``."""
    constants: dict[str, Any] = {"release_id": release.release_id}
    if release.reporter:
        constants["force_code"] = release.reporter
    schema = make_arrow_schema(fact)
    arrays = []
    for column, field in zip(fact.columns, schema, strict=True):
        if column.name in rows:
            arrays.append(pa.array(rows[column.name], field.type))
            continue
        value_if_unused = ALL if isinstance(column.type, sa.String) and not column.nullable else None
        value = pa.scalar(constants.get(column.name, value_if_unused), field.type)
        arrays.append(pa.repeat(value, len(rows["sheet"])))
    return pa.Table.from_arrays(arrays, schema=schema)


def _find_summable(rows: Columns, table: PublishedTable) -> np.ndarray:
    """Return which rows may be added up with others of their key."""
    may_be_summed = np.zeros(len(rows["sheet"]), dtype=bool)
    for name, values in table.sum_rows.items():
        may_be_summed |= True if "*" in values else np.isin(rows[name], values)
    return may_be_summed


def _count_given(rows: Columns, fact: sa.Table) -> int:
    """Return how many figures the rows of a sheet give: of a row with several measures, as many as it gives."""
    return sum(int(pd.notna(rows[measure]).sum()) for measure in traits_of_fact(fact).measures if measure in rows)


def _count_figures(rows: pa.Table, fact: sa.Table) -> int:
    """Return how many cells of the publisher's stand behind ``rows``.

    A row may have several measures, each with its cell; the cell of rows that were added up reads ``H2,H3``.
    """
    number_of_cells = 0
    for measure in traits_of_fact(fact).measures:
        cells = rows.filter(pc.is_valid(rows[measure]))[cell_column(fact, measure)]
        number_of_commas = pc.sum(pc.count_substring(cells, ",")).as_py() or 0
        number_of_cells += len(cells) + number_of_commas
    return number_of_cells


# ---- what is left out ------------------------------------------------------------------------------


def _attribute_to_faults(rejects: Sequence[Failure], faults: tuple[Fault, ...]) -> list[Failure]:
    """Return each place and rule once, with the known fault that asks to leave it out, if one does."""
    leave_out = [fault for fault in faults if fault.treatment == "leave_out"]
    first_at: dict[tuple[str, str, str], Failure] = {}
    for reject in rejects:
        first_at.setdefault((reject.sheet, reject.cell, reject.rule), reject)
    attributed = []
    for (sheet, cell, rule), reject in first_at.items():
        covering = next((fault.fault for fault in leave_out if fault.covers(rule, sheet, cell)), "")
        attributed.append(replace(reject, fault=covering) if covering else reject)
    return attributed


def _list_first_of_each_rule(rejects: Sequence[Failure]) -> tuple[list[Failure], dict[str, int]]:
    """Return the rejects to be listed, and how many more there are, by rule.

    All that known faults cover are listed; of the others the first of each rule, so that what a bad file leaves behind
    does not grow with it.
    """
    number_of_rule: Counter[str] = Counter()
    listed = []
    for reject in rejects:
        if not reject.fault:
            number_of_rule[reject.rule] += 1
        if reject.fault or number_of_rule[reject.rule] <= MAX_LISTED:
            listed.append(reject)
    unlisted = {rule: number - MAX_LISTED for rule, number in number_of_rule.items() if number > MAX_LISTED}
    return listed, unlisted


# ---- what the manifest and the other tables tell ----------------------------------------------------


def _list_vintages(rows: pa.Table, fact: sa.Table, release: Release) -> list[StagedVintage]:
    """Return of which periods and breakdowns a release has how many rows."""
    time = finest_period_column(fact)
    dividing = breakdown_column(fact)
    by = [name for name in dict.fromkeys([time, "quarter_start", dividing]) if name]
    groups = (
        rows.group_by(by, use_threads=False)
        .aggregate([([], "count_all")])
        .sort_by([(name, "ascending") for name in by])
    )
    return [
        StagedVintage(
            fact=fact.name,
            breakdown=group[dividing] if dividing else "",
            period_start=group[time],
            quarter_start=group["quarter_start"],
            reporter=release.reporter,
            release_id=release.release_id,
            published_on=release.published_on,
            rows=group["count_all"],
        )
        for group in groups.to_pylist()
    ]


def _collect_published_totals(sheets: Sequence[Tidy], release: Release) -> pa.Table:
    """Return grand totals, one-way margins and totals of a year; finer totals were held against their parts already.

    Where a total stands in several sheets the first one counts.
    """
    key = [column.name for column in published_total.primary_key.columns]
    first_of_key: dict[tuple[Any, ...], dict[str, Any]] = {}
    for sheet in sheets:
        if len(sheet.totals["cell"]):
            for total in _list_published_totals(sheet, release):
                first_of_key.setdefault(tuple(total[name] for name in key), total)
    table = pa.Table.from_pylist(list(first_of_key.values()), make_arrow_schema(published_total))
    return table.sort_by([(name, "ascending") for name in key])


def _list_published_totals(tidy: Tidy, release: Release) -> Iterator[dict[str, Any]]:
    """Yield rows of ``published_total``: of each total that names at most one member, or is about a year."""
    totals = tidy.totals
    fact = FACTS[tidy.match.table.fact]
    # Whatever their order in the sheet, members are written in that of the fact's columns.
    order = fact.columns.keys()
    columns = sorted(member_columns(tidy), key=lambda name: order.index(name) if name in order else len(order))
    unavailable = count_unavailable_parts(tidy, fact)
    for row in np.flatnonzero(_find_totals_to_keep(totals, columns)):
        kind: str = totals["period_kind"][row]
        quarter: dt.date = totals["quarter_start"][row]
        start = totals["month_start"][row] if kind == "month" else period_start(kind, quarter)
        named = {name: str(totals[name][row]) for name in columns if totals[name][row] != TOTAL}
        for measure in traits_of_fact(fact).measures:
            if measure not in totals or totals[measure][row] is None:
                continue
            yield {
                "release_id": release.release_id,
                "fact": fact.name,
                "breakdown": tidy.match.table.breakdown_of_totals,
                "period_kind": kind,
                "period_start": start,
                "members": write_members(named),
                "quarter_start": quarter,
                "measure": measure,
                "value": float(totals[measure][row]),
                "parts_unavailable": unavailable.get(totals["cell"][row], 0),
                "sheet": tidy.match.sheet,
                "cell": totals["cell"][row],
            }


def _find_totals_to_keep(totals: Columns, columns: Sequence[str]) -> np.ndarray:
    """Return which totals are kept: those of a year, and of others but days those that name at most one member.

    Of days ``published_total`` knows none: their totals were held against their parts, like the finer ones.
    """
    number_of_members = np.sum([totals[name] != TOTAL for name in columns], axis=0)
    is_of_year = ~np.isin(totals["period_kind"], FINEST_KINDS)
    is_of_day = totals["period_kind"] == "day"
    return is_of_year | (~is_of_day & (number_of_members <= 1))


def _collect_members(dimension: sa.Table, sheets: Sequence[Tidy]) -> pa.Table:
    """Return the members of a dimension that a release names, each as it was last labelled."""
    schema = make_published_schema(dimension)
    columns = schema.names
    labels = traits_of_dimension(dimension).labels or {}
    parts = [
        pa.table({name: sheet.rows[labels.get(name, name)] for name in columns}, schema=schema)
        for sheet in sheets
        if sheet.match.table.dimension == dimension.name
    ]
    if not parts:
        return schema.empty_table()
    code, first_label = columns[:2]
    labelled = pa.concat_tables(parts).group_by(columns, use_threads=False).aggregate([]).to_pandas()
    oldest_first = labelled.sort_values([code, "quarter_start", first_label])
    latest = oldest_first.drop_duplicates(code, keep="last")
    return pa.Table.from_pandas(latest[columns], schema=schema, preserve_index=False)
