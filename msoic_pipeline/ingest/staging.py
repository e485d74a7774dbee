"""Staged: each release parsed once, ever, into one Parquet file a fact table.

A release's folder is named by a digest of all that decides its content: the file, what is known of it, its source's
layouts and faults, the members of the dimensions, and the parsing code. It appears whole or not at all. A release that
could not be parsed has a folder too, which says why.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from msoic_pipeline.code_digests import code_digest
from msoic_pipeline.ingest.known_faults import Fault, faults_of
from msoic_pipeline.ingest.landing import Release
from msoic_pipeline.ingest.sheet_checks import (
    Finding,
    check_labels,
    check_rates,
    check_totals,
    members_of,
    merged,
    parts_unavailable,
)
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model import members
from msoic_pipeline.model.arrow import arrow_schema
from msoic_pipeline.model.columns import ALL
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.model.total_members import write_members
from msoic_pipeline.periods import period_start
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Workbook
from msoic_pipeline.workbooks.layout import Table, layout_digest, load_source
from msoic_pipeline.workbooks.matching import TOTAL, Match, match_workbook
from msoic_pipeline.workbooks.tidy import Columns, Mend, Tidy, check_conserved, tidy_sheet
from msoic_pipeline.workbooks.values import MAX_COUNT

# The module that reads files: with all that it imports, the code on which staged files rest.
READS_FILES = "msoic_pipeline.ingest.reading"
MANIFEST = "manifest.json"
REFUSAL = "refusal.json"
PARTIAL = ".partial-"
# Of the cells that share a key so many are named.
SHOWN_CELLS = 5
REJECT_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("sheet", "cell", "rule", "reason", "raw_text", "table_name", "fault")]
)
OFFENCE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("offence_code", "description", "offence_group", "offence_subgroup")]
    + [("quarter_start", pa.date32())]
)
# Tables that are not written where they are empty.
SELDOM_FILLED = {"rejects": REJECT_SCHEMA, "dim_offence": OFFENCE_SCHEMA}
# Columns that tell apart the margins which one fact table holds.
DIVISIONS = ("breakdown", "series", "case_type", "stage")
# What a column of dim_offence is called among the labels of a sheet.
LABELS = {"description": "offence_description"}


@dataclass(frozen=True)
class StagedRelease:
    """A release as parsed: where its Parquet files are, and what its manifest says."""

    release: Release
    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was read: sheets and layouts, counts, vintages, findings."""
        manifest: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    @property
    def key(self) -> str:
        """Digest of all that decided the content."""
        return self.folder.name

    @property
    def findings(self) -> list[Finding]:
        """What the checks within the file found."""
        return [Finding(**finding) for finding in self.manifest["findings"]]

    @property
    def facts(self) -> list[str]:
        """Fact tables that the release fills."""
        return list(self.manifest["facts"])

    def quarters(self) -> set[dt.date]:
        """Return the first days of the quarters that the release has rows of."""
        return {dt.date.fromisoformat(vintage["quarter_start"]) for vintage in self.manifest["vintages"]}

    def frame(self, name: str) -> pd.DataFrame:
        """Return one of the release's tables: a fact table, ``published_total``, ``rejects`` or ``dim_offence``."""
        if name in SELDOM_FILLED and not self.path(name).is_file():
            return SELDOM_FILLED[name].empty_table().to_pandas()
        return pq.read_table(self.path(name)).to_pandas()

    def path(self, name: str) -> Path:
        """Return the path of one of the release's Parquet files."""
        return self.folder / f"{name}.parquet"


@cache
def _layout_digest(source: str, quarter: dt.date) -> str:
    return layout_digest(load_source(source), quarter)


def staging_key(release: Release) -> str:
    """Return the digest of all that decides what a release is parsed into."""
    known = (release.release_id, release.sha256, release.published_on, release.reference_period, release.reporter)
    faults = [fault.model_dump_json() for fault in faults_of(release)]
    layouts = _layout_digest(release.source, release.reference_quarter)
    parts = (*map(str, known), layouts, *faults, members.digest(), code_digest(READS_FILES))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def staged_folder(release: Release, staging_dir: Path) -> Path:
    """Return the folder in which a release stands, or will stand, once parsed."""
    return staging_dir / release.source / staging_key(release)


def find_staged(release: Release, staging_dir: Path) -> StagedRelease | SourceFileError | None:
    """Return a release as parsed before, or why it could not be; None where that was not tried yet."""
    folder = staged_folder(release, staging_dir)
    if (folder / MANIFEST).is_file():
        return StagedRelease(release, folder)
    try:
        fields = json.loads((folder / REFUSAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return SourceFileError(**(fields | {"file": release.file_name}))


def stage_workbook(workbook: Workbook, release: Release, staging_dir: Path) -> StagedRelease:
    """Parse an open workbook into the staging area, unless it stands there already.

    Raises SourceFileError where the file's layout is not the one declared; the staging area remembers it.
    """
    known = find_staged(release, staging_dir)
    if isinstance(known, SourceFileError):
        raise known
    if known is not None:
        return known
    faults = faults_of(release)
    folder = staged_folder(release, staging_dir)
    try:
        content = _assemble(release, _read(workbook, release, faults), faults)
    except SourceFileError as error:
        error.file = release.file_name
        remember_refusal(folder, error)
        raise
    _write(folder, content)
    return StagedRelease(release, folder)


def remember_refusal(folder: Path, error: SourceFileError) -> None:
    """Let a release's folder say why it could not be parsed."""
    with _written_aside(folder) as aside:
        (aside / REFUSAL).write_text(json.dumps(error.fields()), encoding="utf-8")


def _read(workbook: Workbook, release: Release, faults: tuple[Fault, ...]) -> list[Tidy]:
    source = load_source(release.source)
    mends = [fault.mend() for fault in faults if fault.treatment == "replace"]
    matches = match_workbook(source, workbook, release.reference_quarter)
    _refuse_misplaced(mends, matches, release)
    return [
        tidy_sheet(
            workbook.sheet(match.sheet),
            match,
            source,
            release.file_name,
            release.published_on,
            release.reference_period,
            mends,
        )
        for match in matches
    ]


def _refuse_misplaced(mends: list[Mend], matches: list[Match], release: Release) -> None:
    """Refuse a file that has not the sheet of a declared fault: what it says would not be mended."""
    for mend in mends:
        if mend.sheet not in {match.sheet for match in matches}:
            raise SourceFileError(
                "fault_not_found",
                file=release.file_name,
                expected=f"the sheet {mend.sheet!r}, where the declared fault {mend.fault_id} stands",
                found=f"tables in the sheets {', '.join(repr(match.sheet) for match in matches)}",
                remedy="Look at the file, and amend the source's faults.yaml.",
            )


@dataclass(frozen=True)
class _Content:
    """Everything that a release's folder holds: tables by name, and the manifest."""

    tables: dict[str, pa.Table]
    manifest: dict[str, Any]


def _assemble(release: Release, tidied: list[Tidy], faults: tuple[Fault, ...]) -> _Content:
    tables: dict[str, pa.Table] = {}
    rejects: list[dict[str, str]] = []
    findings: list[Finding] = []
    vintages: list[dict[str, Any]] = []
    counts: Counter[str] = sum((tidy.counts for tidy in tidied), Counter())
    for name in dict.fromkeys(tidy.match.table.fact for tidy in tidied):
        fact = FACTS[name]
        parts, may_sum, bad = [], [], []
        for tidy in tidied:
            if tidy.match.table.fact == name:
                unknown = _unknown_rows(tidy)
                bad += unknown
                rows = tidy.rows if not unknown else _without(tidy.rows, unknown)
                parts.append(_as_fact(rows, fact, release))
                may_sum.append(_may_sum(rows, tidy.match.table))
                findings += check_totals(tidy, fact, faults)
                findings += check_rates(tidy, fact, faults)
                findings += check_labels(tidy, faults)
        read = pa.concat_tables(parts)
        # Figures, not rows: a row may hold several measures.
        counts["rejected"] += len(bad) + _figures_in(read, fact)
        tables[name], repeated = _unique(read, np.concatenate(may_sum), fact)
        counts["rejected"] -= _figures_in(tables[name], fact)
        bad += repeated
        rejects += [reject | {"table_name": name} for reject in bad]
        rejects += [r | {"table_name": name} for t in tidied if t.match.table.fact == name for r in t.rejects]
        vintages += _vintages(tables[name], fact, release)
    counts["loaded"] = sum(_figures_in(tables[name], FACTS[name]) for name in tables)
    check_conserved(counts, release.file_name)
    tables[published_total.name] = _published_totals(tidied, release)
    declared = _declare(rejects, faults)
    listed, unlisted = _list_first(declared)
    tables["rejects"] = pa.Table.from_pylist(listed, REJECT_SCHEMA)
    tables["dim_offence"] = _offences(tidied)
    manifest = {
        "release_id": release.release_id,
        "sheets": [
            {
                "sheet": tidy.match.sheet,
                "table": tidy.match.table.table,
                "layout": tidy.match.layout.layout,
                "header_row": tidy.match.header_row + 1,
                **tidy.counts,
            }
            for tidy in tidied
        ],
        "counts": dict(counts),
        "facts": {name: len(tables[name]) for name in FACTS if name in tables},
        "vintages": vintages,
        "rejected_rows": len(declared),
        "unlisted": unlisted,
        "undeclared_rejects": sum(not reject["fault"] for reject in declared),
        "mended": [fault.model_dump(mode="json") for fault in faults if fault.treatment == "replace"],
        "findings": [dataclasses.asdict(finding) for finding in merged(findings)],
    }
    return _Content(tables, manifest)


def _as_fact(rows: Columns, fact: sa.Table, release: Release) -> pa.Table:
    """Return rows with exactly the columns of the fact table; what a breakdown does not use is ``All``."""
    size = len(rows["sheet"])
    constants: dict[str, Any] = {"release_id": release.release_id}
    if release.reporter:
        constants["force_code"] = release.reporter
    schema = arrow_schema(fact)
    arrays = []
    for column, field in zip(fact.columns, schema, strict=True):
        if column.name in rows:
            arrays.append(pa.array(rows[column.name], field.type))
        else:
            unused = None if column.nullable or not isinstance(column.type, sa.String) else ALL
            arrays.append(pa.repeat(pa.scalar(constants.get(column.name, unused), field.type), size))
    return pa.Table.from_arrays(arrays, schema=schema)


def _without(rows: Columns, rejects: list[dict[str, str]]) -> Columns:
    rejected = {reject["cell"] for reject in rejects}
    keep = np.array([cell not in rejected for cell in rows["cell"]], dtype=bool)
    return {name: values[keep] for name, values in rows.items()}


def _unknown_rows(tidy: Tidy) -> list[dict[str, str]]:
    """Return a reject for each row that matches no row of the table's file of members."""
    table = tidy.match.table
    if not table.known_rows:
        return []
    known = members.rows(table.known_rows)
    names = [name for name in known[0] if name in tidy.rows and name not in ("unit", "description")]
    keys = {tuple(row[name] for name in names) for row in known}
    rows = zip(*(tidy.rows[name] for name in names), strict=True)
    return [
        {
            "sheet": tidy.match.sheet,
            "cell": cell,
            "rule": "unknown_member",
            "reason": f"expected a row of msoic_pipeline/model/members/{table.known_rows}; found "
            + ", ".join(f"{name} {value!r}" for name, value in zip(names, row, strict=True))
            + ". Add it there if it is new",
            "raw_text": " | ".join(map(str, row)),
        }
        for cell, row in zip(tidy.rows["cell"], rows, strict=True)
        if row not in keys
    ]


def _may_sum(rows: Columns, table: Table) -> np.ndarray:
    """Return which rows may be added up with others of their key."""
    result = np.zeros(len(rows["sheet"]), dtype=bool)
    for name, values in table.sum_rows.items():
        result |= True if "*" in values else np.isin(rows[name], values)
    return result


def _unique(rows: pa.Table, may_sum: np.ndarray, fact: sa.Table) -> tuple[pa.Table, list[dict[str, str]]]:
    """Sort rows by their key; add up those of one key and sheet that may be; reject all other repeated keys."""
    key = [column.name for column in fact.primary_key.columns]
    order = pc.sort_indices(rows, [(name, "ascending") for name in key])
    rows, may_sum = rows.take(order), may_sum[order.to_numpy()]
    as_above = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for name in key:
        column = rows[name].combine_chunks()
        as_above &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    if not as_above.any():
        return rows, []
    repeated = np.append(as_above, False) | np.insert(as_above, 0, False)
    frame = rows.filter(repeated).to_pandas()
    frame["_group"] = np.cumsum(~np.insert(as_above, 0, False))[repeated]
    frame["_may_sum"] = may_sum[repeated]
    groups = frame.groupby("_group", sort=False)
    is_summed = groups["_may_sum"].transform("all") & (groups["sheet"].transform("nunique") == 1)
    measures = list(fact.info["measures"])
    is_summed &= (groups[measures].transform("sum").abs() <= MAX_COUNT).all(axis=1)  # or no database could hold it
    how: dict[str, Any] = {name: "sum" if name in measures else "first" for name in rows.column_names}
    how |= {name: ",".join for name in how if name == "cell" or name.endswith("_cell")}
    summed = frame[is_summed].groupby("_group", sort=False).agg(how)
    bad = frame[~is_summed]
    others = bad.groupby("_group", sort=False)["cell"].transform(_first_cells) if len(bad) else bad["cell"]
    rejects = [
        {
            "sheet": sheet,
            "cell": cell,
            "rule": "duplicate_key",
            "reason": f"expected one row of its key; found it again: {cells}",
            "raw_text": "",
        }
        for sheet, cell, cells in zip(bad["sheet"], bad["cell"], others, strict=True)
    ]
    together = pa.concat_tables(
        [rows.filter(~repeated), pa.Table.from_pandas(summed, schema=rows.schema, preserve_index=False)]
    )
    return together.sort_by([(name, "ascending") for name in key]), rejects


def _first_cells(cells: pd.Series[str]) -> str:
    """Return the first few of many cells: each row of a key names them, and a bad file may have a million."""
    more = f" and {len(cells) - SHOWN_CELLS:,} more" if len(cells) > SHOWN_CELLS else ""
    return ", ".join(cells.head(SHOWN_CELLS)) + more


def _figures_in(rows: pa.Table, fact: sa.Table) -> int:
    """Return how many cells stand behind the measures of ``rows``."""
    total = 0
    for measure in fact.info["measures"]:
        name = {"outcomes_closed": "closed_cell"}.get(measure, "cell")
        cells = rows.filter(pc.is_valid(rows[measure]))[name]
        total += len(cells) + (pc.sum(pc.count_substring(cells, ",")).as_py() or 0)
    return total


def _vintages(rows: pa.Table, fact: sa.Table, release: Release) -> list[dict[str, Any]]:
    time = "month_start" if "month_start" in rows.column_names else "quarter_start"
    division = next((name for name in DIVISIONS if name in rows.column_names), "")
    by = [name for name in dict.fromkeys([time, "quarter_start", division]) if name]
    groups = (
        rows.group_by(by, use_threads=False)
        .aggregate([([], "count_all")])
        .sort_by([(name, "ascending") for name in by])
    )
    return [
        {
            "fact": fact.name,
            "breakdown": group[division] if division else "",
            "period_start": str(group[time]),
            "quarter_start": str(group["quarter_start"]),
            "reporter": release.reporter,
            "release_id": release.release_id,
            "published_on": str(release.published_on),
            "rows": group["count_all"],
        }
        for group in groups.to_pylist()
    ]


def _published_totals(tidied: list[Tidy], release: Release) -> pa.Table:
    """Return grand totals, one-way margins and totals of a year; finer totals were held against their parts already."""
    schema = arrow_schema(published_total)
    key = [column.name for column in published_total.primary_key.columns]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for tidy in tidied:
        totals = tidy.totals
        if not len(totals["cell"]):
            continue
        fact = FACTS[tidy.match.table.fact]
        # Whatever their order in the sheet, members are written in that of the fact's columns.
        order = fact.columns.keys()
        names = sorted(members_of(tidy), key=lambda name: order.index(name) if name in order else len(order))
        fixed = np.sum([totals[name] != TOTAL for name in names], axis=0)
        unavailable = parts_unavailable(tidy, fact)
        for row in np.flatnonzero((fixed <= 1) | (totals["period_kind"] != "quarter")):
            kind, quarter = totals["period_kind"][row], totals["quarter_start"][row]
            fixed_members = {name: str(totals[name][row]) for name in names if totals[name][row] != TOTAL}
            for measure in fact.info["measures"]:
                if measure in totals and totals[measure][row] is not None:
                    total = {
                        "release_id": release.release_id,
                        "fact": fact.name,
                        "breakdown": _division_of(tidy),
                        "period_kind": kind,
                        "period_start": period_start(kind, quarter),
                        "members": write_members(fixed_members),
                        "quarter_start": quarter,
                        "measure": measure,
                        "value": float(totals[measure][row]),
                        "parts_unavailable": unavailable.get(totals["cell"][row], 0),
                        "sheet": tidy.match.sheet,
                        "cell": totals["cell"][row],
                    }
                    found.setdefault(tuple(total[name] for name in key), total)
    table = pa.Table.from_pylist(list(found.values()), schema)
    return table.sort_by([(name, "ascending") for name in key])


def _division_of(tidy: Tidy) -> str:
    constants = tidy.match.table.constants
    base = next((str(constants[name]) for name in DIVISIONS if name in constants), "")
    responder = constants.get("first_responder_type")
    return f"{base}/{responder}" if responder else base


def _offences(tidied: list[Tidy]) -> pa.Table:
    """Return the offences that a release names, each as it was last labelled."""
    pieces = [
        pa.table({name: tidy.rows[LABELS.get(name, name)] for name in OFFENCE_SCHEMA.names}, schema=OFFENCE_SCHEMA)
        for tidy in tidied
        if tidy.match.table.dimension == "dim_offence"
    ]
    if not pieces:
        return OFFENCE_SCHEMA.empty_table()
    columns = OFFENCE_SCHEMA.names
    labels = pa.concat_tables(pieces).group_by(columns, use_threads=False).aggregate([]).to_pandas()
    order = ["offence_code", "quarter_start", "description"]
    latest = labels.sort_values(order).drop_duplicates("offence_code", keep="last")
    return pa.Table.from_pandas(latest[columns], schema=OFFENCE_SCHEMA, preserve_index=False)


def _declare(rejects: list[dict[str, str]], faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    """Return each place and rule once, with the declared fault that covers it, if one does."""
    leave_out = [fault for fault in faults if fault.treatment == "leave_out"]
    places = {(reject["sheet"], reject["cell"], reject["rule"]): reject for reject in reversed(rejects)}
    return [
        reject | {"fault": next((f.fault for f in leave_out if f.covers(rule, sheet, cell)), "")}
        for (sheet, cell, rule), reject in reversed(places.items())
    ]


def _list_first(rejects: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Return the rejects to be listed, and how many more there are, by rule.

    All that declared faults cover are listed; of the others the first of each rule, so that what a bad file leaves
    behind does not grow with it.
    """
    seen: Counter[str] = Counter()
    listed = []
    for reject in rejects:
        if not reject["fault"]:
            seen[reject["rule"]] += 1
            if seen[reject["rule"]] > MAX_LISTED:
                continue
        listed.append(reject)
    return listed, {rule: number - MAX_LISTED for rule, number in seen.items() if number > MAX_LISTED}


def _write(folder: Path, content: _Content) -> None:
    with _written_aside(folder) as aside:
        for name, table in content.tables.items():
            if len(table) or name not in SELDOM_FILLED:
                pq.write_table(table, aside / f"{name}.parquet")
        (aside / MANIFEST).write_text(json.dumps(content.manifest, default=str), encoding="utf-8")


@contextmanager
def _written_aside(folder: Path) -> Iterator[Path]:
    """Give a folder to write to, and move it into place at the end: ``folder`` is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder.parent))
    try:
        yield aside
        if folder.exists():  # what was refused before, or was left over from a crash
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def sweep(staging_dir: Path, source: str, current: Iterable[str]) -> int:
    """Remove the folders of a source that stand for none of the ``current`` keys; return how many.

    Half-made ones of killed runs are among them: to be called by the one who holds the source's lock.
    """
    folder = staging_dir / source
    keep = set(current)
    stale = [path for path in folder.iterdir() if path.is_dir() and path.name not in keep] if folder.is_dir() else []
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("*/*.partial"):
        path.unlink(missing_ok=True)
    return len(stale)
