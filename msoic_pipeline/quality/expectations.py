"""Expectations: what the declaration of a fact table says of its rows, held against releases by Great Expectations.

Not-null columns, members, references, patterns, ranges, types and the key come from the model; each expectation has the
severity ``column.info["severity"]``: block (the default) or warn. The hand-written checks run over the same rows.

A release is validated once: its findings stand in its staging folder, named by a digest of the expectations and of the
code of this package. Where all of them stand there, Great Expectations is not even imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from msoic_pipeline.code_digests import code_digest
from msoic_pipeline.disks import writing_below
from msoic_pipeline.ingest.findings import Failure, Finding
from msoic_pipeline.ingest.known_faults import accepted_words, faults_of, find_accepting
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model import members, metadata
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.quality import docs
from msoic_pipeline.quality.publishers import checks_module
from msoic_pipeline.quality.row_checks import check_rows
from msoic_pipeline.quality.verdicts import WITHHELD
from msoic_pipeline.workbooks.layout import Source

# Rows held in memory at once; a release is never divided.
BATCH_ROWS = 1_000_000
SHOWN = 5

# What a rule is called where it is broken (in a declared fault), and what the check of it is called.
CHECKS = {
    "no_rows": "table has rows",
    "wrong_type": "columns have their types",
    "missing_value": "required values are there",
    "unknown_member": "members are known",
    "bad_pattern": "texts have their pattern",
    "out_of_range": "figures lie in their range",
    "duplicate_key": "key is unique",
}

# Great Expectations' names of the types that rows are read into.
TYPES: tuple[tuple[type, str], ...] = (
    (sa.Boolean, "bool"),
    (sa.Integer, "int64"),
    (sa.Float, "float64"),
    (sa.Date, "datetime64"),
    (sa.DateTime, "datetime64"),
    (sa.String, "str"),
)


class ExpectationError(Exception):
    """An expectation could not be evaluated: neither held nor failed."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of a table: ``kind`` and ``arguments`` as Great Expectations has them, ``expected`` in words.

    ``columns`` are those that it is about: one, or those of the key.
    """

    rule: str
    columns: tuple[str, ...]
    kind: str
    arguments: dict[str, Any]
    expected: str
    severity: str = "block"

    @property
    def check(self) -> str:
        """Name of the check to which the expectation belongs; those that only warn have one each."""
        return CHECKS[self.rule] + (f": {', '.join(self.columns)}" if self.severity == "warn" else "")


def expectations_of(fact: sa.Table) -> list[Expectation]:
    """Return what a fact table expects of its rows, by its declaration and by the members known beforehand."""
    result = [Expectation("no_rows", (), "ExpectTableRowCountToBeBetween", {"min_value": 1}, "at least one row")]
    for column in fact.columns:
        result += _column_expectations(column)
    key = tuple(column.name for column in fact.primary_key.columns)
    kind = "ExpectCompoundColumnsToBeUnique"
    return [*result, Expectation("duplicate_key", key, kind, {"column_list": list(key)}, "one row of its key")]


def _column_expectations(column: sa.Column[Any]) -> Iterator[Expectation]:
    info = column.info

    def expect(rule: str, kind: str, expected: str, **arguments: Any) -> Expectation:
        severity = info.get("severity", "block")
        return Expectation(rule, (column.name,), kind, {"column": column.name} | arguments, expected, severity)

    kind = next(name for sql, name in TYPES if isinstance(column.type, sql))
    yield expect("wrong_type", "ExpectColumnValuesToBeOfType", f"type {kind}", type_=kind)
    if not column.nullable:
        yield expect("missing_value", "ExpectColumnValuesToNotBeNull", "a value")
    if info.get("members"):
        known = list(info["members"])
        yield expect("unknown_member", "ExpectColumnValuesToBeInSet", f"one of {', '.join(known)}", value_set=known)
    if codes := known_codes(info.get("references", "")):
        place = f"a member of {info['references']} (msoic_pipeline/model/members)"
        yield expect("unknown_member", "ExpectColumnValuesToBeInSet", place, value_set=list(codes))
    if info.get("pattern"):
        words = f"text of the pattern {info['pattern']}"
        yield expect("bad_pattern", "ExpectColumnValuesToMatchRegex", words, regex=info["pattern"])
    low, high = info.get("minimum"), info.get("maximum")
    if low is not None or high is not None:
        words = " and ".join([f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None))
        yield expect("out_of_range", "ExpectColumnValuesToBeBetween", words, min_value=low, max_value=high)


@cache
def known_codes(reference: str) -> tuple[str, ...]:
    """Return the codes that ``table.column`` may hold; empty for a dimension whose members come with the releases."""
    if reference == "dim_exploitation_type.exploitation_type":
        return tuple(str(row["exploitation_type"]) for row in members.exploitation_members())
    dimension = metadata.tables.get(reference.partition(".")[0])
    if dimension is None or "members_file" not in dimension.info:
        return ()
    return tuple(str(row[reference.partition(".")[2]]) for row in members.rows_of(dimension))


def validate_source(
    source: Source, staged: Sequence[StagedRelease], docs_dir: Path | None = None
) -> dict[str, list[Finding]]:
    """Return what the expectations and the hand-written checks find in each release, by release_id.

    Only releases whose findings are not known yet are validated, and those that the source's Data Docs, in
    ``docs_dir/<source>``, have not shown yet. Raises ExpectationError where an expectation cannot be evaluated.
    """
    known = {
        release.release.release_id: found for release in staged if (found := _recall_findings(release)) is not None
    }
    names = {release.release.release_id: f"{release.key}/{findings_path(release).name}" for release in staged}
    shown = docs.shown_releases(docs_dir, source.source) if docs_dir else set(names.values())
    new = [r for r in staged if (i := r.release.release_id) not in known or names[i] not in shown]
    if new:
        context, fresh = _validate_releases(source, new)
        if docs_dir:
            docs.try_build_site(context, source, docs_dir, names.values())
        for release in new:
            _remember_findings(release, fresh[release.release.release_id])
        known |= fresh
    return {release.release.release_id: known[release.release.release_id] for release in staged}


@cache
def _expectations_digest(facts: tuple[str, ...]) -> str:
    hasher = hashlib.sha256()
    for name in facts:
        for expectation in expectations_of(FACTS[name]):
            hasher.update(json.dumps(asdict(expectation), default=str, sort_keys=True).encode())
    own_checks = [module for name in facts if (module := checks_module(FACTS[name].info["source"]))]
    hasher.update(code_digest("msoic_pipeline.quality.expectations", *own_checks).encode())
    return hasher.hexdigest()[:16]


def findings_path(release: StagedRelease) -> Path:
    """Return the file in which the findings of a release stand, or will stand, once validated."""
    return release.folder / f"findings-{_expectations_digest(tuple(release.facts))}.json"


def _recall_findings(release: StagedRelease) -> list[Finding] | None:
    try:
        written = json.loads(findings_path(release).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return [Finding.from_json(finding) for finding in written]


def _remember_findings(release: StagedRelease, findings: list[Finding]) -> None:
    path = findings_path(release)
    aside = path.with_suffix(".partial")
    with writing_below(release.folder):
        aside.write_text(json.dumps([finding.to_json() for finding in findings]), encoding="utf-8")
        aside.replace(path)
    for other in release.folder.glob("findings-*.json"):
        if other != path:
            other.unlink(missing_ok=True)


def _validate_releases(source: Source, releases: Sequence[StagedRelease]) -> tuple[Any, dict[str, list[Finding]]]:
    """Validate the rows of ``releases``, one suite a fact table, in batches of whole releases.

    Returns Great Expectations' context, which holds what Data Docs show, and the findings by release.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    rows_source = context.data_sources.add_pandas(source.source)
    # What Data Docs show of failing values.
    shown = {"result_format": "SUMMARY", "partial_unexpected_count": 0 if source.sensitive else 20}
    result: dict[str, list[Finding]] = {release.release.release_id: [] for release in releases}
    for name in dict.fromkeys(table.fact for table in source.tables):
        fact, expectations = FACTS[name], expectations_of(FACTS[name])
        made = _gx_expectations(fact, expectations, range(len(expectations)))
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=made))
        batches = rows_source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("staged")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batches, suite=suite))
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(name=name, validation_definitions=[definition], result_format=shown)
        )
        for batch in _release_batches([release for release in releases if name in release.facts], name):
            rows, owner = _read_batch(batch, fact)
            parameters = {"dataframe": rows}
            (outcome,) = checkpoint.run(batch_parameters=parameters).run_results.values()
            failed = _failed_expectations(outcome, name, expectations)
            labels: dict[int, Any] = {}
            if failed:  # which rows failed is asked only then, and never reaches the documentation
                those = _gx_expectations(fact, expectations, failed)
                again = gx.ExpectationSuite(name=f"{name} failed", expectations=those)
                detailed = batches.get_batch(batch_parameters=parameters).validate(again, result_format="COMPLETE")
                labels = _failed_expectations(detailed, name, expectations)
            for release_id, findings in _findings_by_release(source, batch, fact, rows, owner, expectations, labels):
                result[release_id] += findings
            ids = np.array([release.release.release_id for release in batch])
            declared = {release.release.release_id: faults_of(release.release) for release in batch}
            for release_id, findings in check_rows(fact, rows.assign(release_id=ids[owner]), declared).items():
                result[release_id] += findings
    return context, result


def _gx_expectations(fact: sa.Table, expectations: Sequence[Expectation], numbers: Iterable[int]) -> list[Any]:
    """Return expectations as Great Expectations' own objects, each for one suite alone; ``meta`` has its number."""
    import great_expectations.expectations as gxe

    return [
        getattr(gxe, expectations[number].kind)(
            **expectations[number].arguments,
            severity="critical" if expectations[number].severity == "block" else "warning",
            notes=_notes_on_expectation(fact, expectations[number]),
            meta={"number": number},
        )
        for number in numbers
    ]


def _notes_on_expectation(fact: sa.Table, expectation: Expectation) -> str:
    if len(expectation.columns) == 1:
        return f"{fact.columns[expectation.columns[0]].comment}"
    return f"Grain: {fact.info['grain']}." if expectation.columns else f"{fact.comment}"


def _release_batches(releases: Sequence[StagedRelease], fact: str) -> Iterator[list[StagedRelease]]:
    """Yield releases in groups of at most BATCH_ROWS rows of a fact table, or of one release."""
    batch: list[StagedRelease] = []
    size = 0
    for release in releases:
        rows = int(release.manifest["facts"][fact])
        if batch and size + rows > BATCH_ROWS:
            yield batch
            batch, size = [], 0
        batch.append(release)
        size += rows
    if batch:
        yield batch


def _read_batch(releases: Sequence[StagedRelease], fact: sa.Table) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of several releases in one frame, and for each row the position of its release."""
    tables = [pq.ParquetFile(release.path(fact.name)).read() for release in releases]
    names = [column.name for column in fact.columns]
    for release, table in zip(releases, tables, strict=True):
        if table.column_names != names:
            raise ExpectationError(
                f"{fact.name}: {release.path(fact.name)} has not the columns that the table declares. Remove its "
                "folder, so that the release is parsed again."
            )
    rows = pa.concat_tables(tables).to_pandas(
        date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get, ignore_metadata=True
    )
    return rows, np.repeat(np.arange(len(releases)), [table.num_rows for table in tables])


def _failed_expectations(outcome: Any, name: str, expectations: Sequence[Expectation]) -> dict[int, Any]:
    """Return the numbers of the expectations that failed, with the labels of the rows where it is about rows.

    An internal error of Great Expectations is neither success nor failure: raises ExpectationError.
    """
    failed: dict[int, Any] = {}
    for result in outcome.results:
        number = result.expectation_config.meta["number"]
        info = result.exception_info or {}
        raised = [
            error["exception_message"]
            for error in ([info] if "raised_exception" in info else info.values())
            if error["raised_exception"]
        ]
        if raised:
            expectation = expectations[number]
            about = ", ".join(expectation.columns) or "the table"
            raise ExpectationError(
                f"{name}: {expectation.kind} of {about} ({expectation.expected}) could not be evaluated: {raised[0]}"
            )
        if not result.success:
            failed[number] = result.result.get("unexpected_index_list")
    return failed


def _findings_by_release(
    source: Source,
    releases: Sequence[StagedRelease],
    fact: sa.Table,
    rows: pd.DataFrame,
    owner: np.ndarray,
    expectations: Sequence[Expectation],
    labels: dict[int, Any],
) -> Iterator[tuple[str, list[Finding]]]:
    """Yield for each release one finding a check: the failing rows that are its own, the first of them in words."""
    checks: dict[str, list[int]] = {}
    for number, expectation in enumerate(expectations):
        checks.setdefault(expectation.check, []).append(number)
    sizes = np.bincount(owner, minlength=len(releases))
    faulty = {number: np.asarray(rows.index if at is None else at, dtype=int) for number, at in labels.items()}
    owners = {number: owner[at] for number, at in faulty.items()}
    for position, release in enumerate(releases):
        findings = []
        for check, numbers in checks.items():
            failing: list[tuple[Expectation, pd.DataFrame]] = []
            accepted: list[Failure] = []
            for number in numbers:
                if number in faulty and (mine := faulty[number][owners[number] == position]).size:
                    left, excused = _without_declared(release, expectations[number], rows.loc[mine])
                    accepted += excused
                    failing.append((expectations[number], left))
            severity = expectations[numbers[0]].severity
            size = int(sizes[position])
            if expectations[numbers[0]].rule == "no_rows":
                findings.append(Finding(fact.name, check, severity, size > 0, size, 0, f"{size} rows"))
                continue
            bad = len(set().union(*(left.index for _, left in failing)))
            words = _failing_words(failing, fact, source.sensitive) or _columns_that_hold(expectations, numbers)
            detail = words + accepted_words(accepted)
            failures = tuple(
                failure for expectation, left in failing for failure in _failures(expectation, left, source.sensitive)
            )
            finding = Finding(fact.name, check, severity, not bad, size, bad, detail, failures, tuple(accepted))
            findings.append(finding)
        yield release.release.release_id, findings


def _failures(expectation: Expectation, rows: pd.DataFrame, withhold: bool) -> list[Failure]:
    """Return the first rows that failed, each with its text as far as it may be told."""
    named = ["sheet", "cell"]
    rows = rows.head(MAX_LISTED)
    places = rows[named].astype(str).to_numpy().tolist()
    texts = rows.drop(columns=named).astype(object).to_numpy(na_value="").tolist()
    return [
        Failure(
            expectation.rule,
            sheet,
            cell,
            f"expected {expectation.expected}",
            row_text="" if withhold else " | ".join(map(str, text)),
        )
        for (sheet, cell), text in zip(places, texts, strict=True)
    ]


def _columns_that_hold(expectations: Sequence[Expectation], numbers: Sequence[int]) -> str:
    columns = list(dict.fromkeys(name for number in numbers for name in expectations[number].columns))
    return f"holds for {', '.join(columns)}"


def _without_declared(
    release: StagedRelease, expectation: Expectation, rows: pd.DataFrame
) -> tuple[pd.DataFrame, list[Failure]]:
    """Return the failing rows that no declared fault accepts, and the failures that one does."""
    declared = faults_of(release.release)
    places = list(zip(rows["sheet"], rows["cell"], strict=True))
    faults = [find_accepting(declared, expectation.rule, *place) for place in places]
    accepted = [
        Failure(expectation.rule, sheet, cell, f"expected {expectation.expected}", fault=fault)
        for (sheet, cell), fault in zip(places, faults, strict=True)
        if fault
    ]
    return rows[[not fault for fault in faults]], accepted


def _failing_words(failing: Sequence[tuple[Expectation, pd.DataFrame]], fact: sa.Table, sensitive: bool) -> str:
    """Return what was expected and found in the first failing rows, each with its place."""
    parts: list[str] = []
    if failing and failing[0][0].rule == "wrong_type":  # a matter of the whole column
        return "; ".join(f"{expectation.columns[0]}: expected {expectation.expected}" for expectation, _ in failing)
    for expectation, rows in failing:
        for _, row in rows.head(SHOWN - len(parts)).iterrows():
            place = f"sheet {row['sheet']!r}, cell {row[_cell_column(expectation, fact)]}"
            if expectation.rule == "duplicate_key":
                parts.append(f"{place}: expected {expectation.expected}; found it again")
                continue
            (column,) = expectation.columns
            value = "nothing" if pd.isna(row[column]) else WITHHELD if sensitive else repr(_plain_value(row[column]))
            parts.append(f"{place}: {column}: expected {expectation.expected}; found {value}")
    total = sum(len(rows) for _, rows in failing)
    more = f"; and {total - len(parts)} more" if total > len(parts) else ""
    return "; ".join(parts) + more


def _cell_column(expectation: Expectation, fact: sa.Table) -> str:
    """Name the column with the cell of what the expectation is about; a second measure may have one of its own."""
    own = f"{expectation.columns[0].rpartition('_')[2]}_cell"
    return own if len(expectation.columns) == 1 and own in fact.columns else "cell"


def _plain_value(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return value.item() if isinstance(value, np.generic) else value
