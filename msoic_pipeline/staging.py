"""Staged: each release parsed once, ever, into one Parquet file a fact table.

A release's folder is named by a digest of all that decides its content: the file, its sidecar, its source's layouts and
faults, the members of the dimensions, and the parsing code. It appears whole or not at all.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from msoic_pipeline.landing import Release
from msoic_pipeline.model import members
from msoic_pipeline.model.columns import ALL
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.periods import period_start
from msoic_pipeline.quality.faults import Fault, faults_of, faults_text
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.layout import Source, Table, layout_digest
from msoic_pipeline.workbooks.matching import TOTAL, match_workbook
from msoic_pipeline.workbooks.tidy import REJECT_COLUMNS, Tidy, tidy_sheet

MANIFEST = "manifest.json"
DIMENSION_COLUMNS = ["offence_code", "description", "offence_group", "offence_subgroup", "quarter_start"]


@dataclass(frozen=True)
class Finding:
    """What a check found in a release: the fields are those of ``validation_result``."""

    table_name: str
    check_name: str
    severity: str
    success: bool
    rows_checked: int
    rows_failed: int
    detail: str


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
        """Return one of the release's Parquet files: a fact table, ``published_total``, ``rejects`` or ``dim_offence``."""
        return pq.read_table(self.folder / f"{name}.parquet").to_pandas()

    def path(self, name: str) -> Path:
        """Return the path of one of the release's Parquet files."""
        return self.folder / f"{name}.parquet"


@cache
def _code_digest() -> str:
    folder = Path(__file__).parent
    hasher = hashlib.sha256()
    for path in [
        Path(__file__),
        folder / "periods.py",
        *sorted((folder / "workbooks").glob("*.py")),
        folder / "model" / "facts.py",
    ]:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def staging_key(release: Release) -> str:
    """Return the digest of all that decides what a release is parsed into."""
    said = json.dumps(dataclasses.asdict(dataclasses.replace(release, superseded_by=None)), default=str, sort_keys=True)
    parts = (said, layout_digest(release.source), faults_text(release.source), members.digest(), _code_digest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def staged_folder(release: Release, staging_dir: Path) -> Path:
    """Return the folder in which a release stands, or will stand, once parsed."""
    return staging_dir / release.source / staging_key(release)


def stage_release(release: Release, source: Source, raw_dir: Path, staging_dir: Path) -> StagedRelease:
    """Parse a release into the staging area, unless it stands there already.

    Raises SourceFileError where the file's layout is not the one declared.
    """
    folder = staged_folder(release, staging_dir)
    if not (folder / MANIFEST).is_file():
        faults = faults_of(release)
        tidied = _read(release, source, raw_dir, faults)
        _write(folder, _assemble(release, source, tidied, faults))
    return StagedRelease(release, folder)


def _read(release: Release, source: Source, raw_dir: Path, faults: tuple[Fault, ...]) -> list[Tidy]:
    workbook = open_workbook(raw_dir / release.file_name)
    mends = [fault.mend() for fault in faults if fault.treatment == "replace"]
    try:
        return [
            tidy_sheet(
                workbook.sheet(match.sheet),
                match,
                source,
                release.file_name,
                release.published_on,
                release.reference_start,
                mends,
            )
            for match in match_workbook(source, workbook, release.reference_quarter)
        ]
    except SourceFileError as error:
        error.file = release.file_name
        raise
    finally:
        workbook.close()


def _assemble(release: Release, source: Source, tidied: list[Tidy], faults: tuple[Fault, ...]) -> dict[str, Any]:
    """Return everything that a release's folder holds: frames by name, and the manifest."""
    frames: dict[str, pd.DataFrame] = {}
    rejects = [tidy.rejects.assign(table_name=tidy.match.table.fact) for tidy in tidied]
    findings: list[Finding] = []
    vintages: list[dict[str, Any]] = []
    for fact_name in dict.fromkeys(tidy.match.table.fact for tidy in tidied):
        fact = FACTS[fact_name]
        parts = []
        for tidy in tidied:
            if tidy.match.table.fact != fact_name:
                continue
            rows, unknown = _keep_known_rows(tidy)
            rows, repeated = _unique(_as_fact(rows, fact, release), fact, tidy.match.table)
            rejects += [unknown.assign(table_name=fact_name), repeated.assign(table_name=fact_name)]
            findings += _check_totals(tidy, fact, faults)
            parts.append(rows)
        together = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        together, repeated = _unique(together, fact, tidied[0].match.table)
        rejects.append(repeated.assign(table_name=fact_name))
        order = [column.name for column in fact.primary_key.columns]
        frames[fact_name] = together.sort_values(order, kind="stable", ignore_index=True)
        vintages += _vintages(frames[fact_name], fact, release)
    frames["published_total"] = _published_totals(tidied, release)
    frames["rejects"] = _declare(pd.concat(rejects, ignore_index=True), faults)
    frames["dim_offence"] = _offences(tidied)
    counts: Counter[str] = sum((tidy.counts for tidy in tidied), Counter())
    manifest = {
        "release_id": release.release_id,
        "file_name": release.file_name,
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
        "facts": {name: len(frames[name]) for name in FACTS if name in frames},
        "vintages": vintages,
        "rejected_rows": len(frames["rejects"]),
        "undeclared_rejects": int((frames["rejects"]["fault"] == "").sum()),
        "mended": [fault.model_dump(mode="json") for fault in faults if fault.treatment == "replace"],
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    return {"frames": frames, "manifest": manifest}


def _as_fact(rows: pd.DataFrame, fact: sa.Table, release: Release) -> pd.DataFrame:
    """Return rows with exactly the columns of the fact table; what a breakdown does not use is ``All``."""
    rows = rows.copy(deep=False)
    rows["release_id"] = release.release_id
    if release.reporter and "force_code" not in rows:
        rows["force_code"] = release.reporter
    for column in fact.columns:
        if column.name not in rows:
            rows[column.name] = None if column.nullable or not isinstance(column.type, sa.String) else ALL
        elif isinstance(column.type, sa.Integer):
            rows[column.name] = pd.array(rows[column.name], dtype="Int64")
        elif isinstance(column.type, sa.Float):
            rows[column.name] = rows[column.name].astype("float64")
    return rows[[column.name for column in fact.columns]]


def _keep_known_rows(tidy: Tidy) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off rows that match no row of the table's file of members."""
    table = tidy.match.table
    if not table.known_rows:
        return tidy.rows, pd.DataFrame(columns=REJECT_COLUMNS)
    known = members.rows(table.known_rows)
    names = [name for name in known[0] if name in tidy.rows and name not in ("unit", "description")]
    keys = {tuple(row[name] for name in names) for row in known}
    unknown = [tuple(row) not in keys for row in tidy.rows[names].itertuples(index=False)]
    bad = tidy.rows[unknown]
    rejects = pd.DataFrame(
        {
            "sheet": bad["sheet"],
            "cell": bad["cell"],
            "rule": "unknown_member",
            "reason": [
                f"expected a row of msoic_pipeline/model/members/{table.known_rows}; found "
                + ", ".join(f"{name} {value!r}" for name, value in zip(names, row, strict=True))
                + ". Add it there if it is new"
                for row in bad[names].itertuples(index=False)
            ],
            "raw_text": [" | ".join(map(str, row)) for row in bad[names].itertuples(index=False)],
        },
        columns=REJECT_COLUMNS,
    )
    return tidy.rows[[not flag for flag in unknown]], rejects


def _unique(rows: pd.DataFrame, fact: sa.Table, table: Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add up published rows of one key where the layout says so; split off all other repeated keys."""
    key = [column.name for column in fact.primary_key.columns]
    repeated = rows.duplicated(key, keep=False)
    if not repeated.any():
        return rows, pd.DataFrame(columns=REJECT_COLUMNS)
    summed = pd.Series(False, index=rows.index)
    for name, values in table.sum_rows.items():
        summed |= pd.Series(True, index=rows.index) if "*" in values else rows[name].isin(values)
    to_sum = rows[repeated & summed]
    bad = rows[repeated & ~summed]
    measures = list(fact.info["measures"])
    how: dict[str, Any] = {name: ("sum" if name in measures else "first") for name in rows.columns if name not in key}
    how |= {name: ",".join for name in how if name == "cell" or name.endswith("_cell")}
    pieces = [rows[~repeated]]
    if len(to_sum):
        pieces.append(to_sum.groupby(key, sort=False, dropna=False, as_index=False).agg(how)[list(rows.columns)])
    others = bad.groupby(key, sort=False, dropna=False)["cell"].transform(", ".join) if len(bad) else []
    rejects = pd.DataFrame(
        {
            "sheet": bad["sheet"],
            "cell": bad["cell"],
            "rule": "duplicate_key",
            "reason": [f"expected one row of its key; found it again: {cells}" for cells in others],
            "raw_text": "",
        },
        columns=REJECT_COLUMNS,
    )
    return pd.concat(pieces, ignore_index=True), rejects


def _members_of(tidy: Tidy) -> list[str]:
    """Columns of a table that divide its figures: labels and levels, less those that only tell the period."""
    layout = tidy.match.layout
    names = [spec.to for spec in layout.columns] + [level.to for level in layout.levels]
    return [name for name in names if name in tidy.rows and name != "quarter_start"]


def _check_totals(tidy: Tidy, fact: sa.Table, faults: tuple[Fault, ...]) -> list[Finding]:
    """Hold every total that a sheet gives against the sum of its parts in the same sheet."""
    if tidy.totals.empty:
        return []
    names = _members_of(tidy)
    time = [name for name in ("month_start", "day", "quarter_start") if name in tidy.rows][:1]
    measures = [measure for measure in fact.info["measures"] if measure in tidy.rows]
    failures: list[str] = []
    checked = 0
    totals = tidy.totals
    pattern = pd.Series(
        [tuple(value == TOTAL for value in row) for row in totals[names].itertuples(index=False)], index=totals.index
    )
    for (kind, flags), group in totals.groupby([totals["period_kind"], pattern], sort=False):
        fixed = [name for name, is_total in zip(names, flags, strict=True) if not is_total]
        parts = tidy.rows
        if kind != "quarter":
            starts = {
                value: period_start(kind, value) for value in set(parts["quarter_start"]) | set(group["quarter_start"])
            }
            parts = parts.assign(_time=parts["quarter_start"].map(starts))
            group = group.assign(_time=group["quarter_start"].map(starts))
        else:
            parts, group = parts.assign(_time=parts[time[0]]), group.assign(_time=group[time[0]])
        for measure in measures:
            sums = (
                parts.assign(**{measure: pd.to_numeric(parts[measure])})
                .groupby(["_time", *fixed], dropna=False)[measure]
                .sum()
            )
            keys = list(group[["_time", *fixed]].itertuples(index=False, name=None)) if fixed else list(group["_time"])
            found = pd.to_numeric(group[measure]).to_numpy()
            expected = sums.reindex(keys).to_numpy()
            for cell, published, total in zip(group["cell"], found, expected, strict=True):
                checked += 1
                if total == total and published != total:
                    if not any(
                        fault.treatment == "accept" and fault.covers("total_differs", tidy.match.sheet, cell)
                        for fault in faults
                    ):
                        failures.append(f"{cell}: published {published:,.0f}, its parts sum to {total:,.0f}")
    detail = f"sheet {tidy.match.sheet!r}: " + (
        "; ".join(failures[:10]) + (f"; and {len(failures) - 10} more" if len(failures) > 10 else "")
        if failures
        else "all agree"
    )
    check = f"totals equal their parts: {tidy.match.table.table}"
    return [Finding(fact.name, check, "block", not failures, checked, len(failures), detail)]


def _vintages(rows: pd.DataFrame, fact: sa.Table, release: Release) -> list[dict[str, Any]]:
    time = "month_start" if "month_start" in rows else "quarter_start"
    division = next((name for name in ("breakdown", "series", "case_type", "stage") if name in rows), "")
    sizes = rows.groupby(
        [time, "quarter_start"] + ([division] if division else [])
        if time != "quarter_start"
        else [time] + ([division] if division else [])
    ).size()
    vintages = []
    for index, size in sizes.items():
        parts = index if isinstance(index, tuple) else (index,)
        vintages.append(
            {
                "fact": fact.name,
                "breakdown": str(parts[-1]) if division else "",
                "period_start": str(parts[0]),
                "quarter_start": str(parts[1] if time != "quarter_start" else parts[0]),
                "reporter": release.reporter,
                "release_id": release.release_id,
                "published_on": str(release.published_on),
                "rows": int(size),
            }
        )
    return vintages


def _published_totals(tidied: list[Tidy], release: Release) -> pd.DataFrame:
    """Return grand totals, one-way margins and totals of a year; finer totals were held against their parts already."""
    pieces = []
    for tidy in tidied:
        if tidy.totals.empty:
            continue
        names = _members_of(tidy)
        totals = tidy.totals
        fixed = [
            [(n, v) for n, v in zip(names, row, strict=True) if v != TOTAL]
            for row in totals[names].itertuples(index=False)
        ]
        keep = [len(pairs) <= 1 or kind != "quarter" for pairs, kind in zip(fixed, totals["period_kind"], strict=True)]
        fact = FACTS[tidy.match.table.fact]
        for measure in fact.info["measures"]:
            if measure not in totals:
                continue
            piece = pd.DataFrame(
                {
                    "release_id": release.release_id,
                    "fact": fact.name,
                    "breakdown": _division_of(tidy),
                    "period_kind": totals["period_kind"],
                    "period_start": [
                        period_start(k, q) for k, q in zip(totals["period_kind"], totals["quarter_start"], strict=True)
                    ],
                    "members": ["; ".join(f"{n}={v}" for n, v in pairs) for pairs in fixed],
                    "quarter_start": totals["quarter_start"],
                    "measure": measure,
                    "value": pd.to_numeric(totals[measure]).astype("float64"),
                    "sheet": totals["sheet"],
                    "cell": totals["cell"],
                }
            )
            pieces.append(piece[keep])
    columns = [column.name for column in published_total.columns]
    if not pieces:
        return pd.DataFrame(columns=columns)
    key = [column.name for column in published_total.primary_key.columns]
    return pd.concat(pieces, ignore_index=True)[columns].drop_duplicates(key).sort_values(key, ignore_index=True)


def _division_of(tidy: Tidy) -> str:
    constants = tidy.match.table.constants
    base = next(
        (str(constants[name]) for name in ("breakdown", "series", "case_type", "stage") if name in constants), ""
    )
    responder = constants.get("first_responder_type")
    return f"{base}/{responder}" if responder else base


def _offences(tidied: list[Tidy]) -> pd.DataFrame:
    """Return the offences that a release names, each as it was last labelled."""
    pieces = [
        tidy.rows.rename(columns={"offence_description": "description"})[DIMENSION_COLUMNS].drop_duplicates()
        for tidy in tidied
        if tidy.match.table.dimension == "dim_offence"
    ]
    if not pieces:
        return pd.DataFrame(columns=DIMENSION_COLUMNS)
    order = ["offence_code", "quarter_start", "description"]
    return pd.concat(pieces).sort_values(order).drop_duplicates("offence_code", keep="last", ignore_index=True)


def _declare(rejects: pd.DataFrame, faults: tuple[Fault, ...]) -> pd.DataFrame:
    """Mark the rejects that a declared fault covers."""
    rejects = rejects.drop_duplicates(["sheet", "cell", "rule"], ignore_index=True)
    leave_out = [fault for fault in faults if fault.treatment == "leave_out"]
    rejects["fault"] = [
        next((fault.fault for fault in leave_out if fault.covers(row.rule, row.sheet, row.cell)), "")
        for row in rejects.itertuples(index=False)
    ]
    return rejects


def _write(folder: Path, content: dict[str, Any]) -> None:
    """Write a release's folder aside, then move it into place: it is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        for name, frame in content["frames"].items():
            schema = (
                arrow_schema(FACTS[name])
                if name in FACTS
                else arrow_schema(published_total)
                if name == "published_total"
                else None
            )
            pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), aside / f"{name}.parquet")
        (aside / MANIFEST).write_text(json.dumps(content["manifest"], indent=1, default=str), encoding="utf-8")
        if folder.exists():  # without its manifest: left over from a crash
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@cache
def arrow_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow schema of a table."""
    kinds: Iterable[tuple[type, pa.DataType]] = (
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Float, pa.float64()),
        (sa.DateTime, pa.timestamp("us")),
        (sa.Date, pa.date32()),
        (sa.String, pa.string()),
    )
    return pa.schema(
        [(c.name, next(arrow for kind, arrow in kinds if isinstance(c.type, kind))) for c in table.columns]
    )


def sweep(staging_dir: Path, source: Source, current: Iterable[StagedRelease]) -> int:
    """Remove the folders of a source that no longer stand for any file; return how many."""
    folder = staging_dir / source.source
    keep = {staged.key for staged in current}
    stale = [path for path in folder.iterdir() if path.is_dir() and path.name not in keep] if folder.is_dir() else []
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return len(stale)
