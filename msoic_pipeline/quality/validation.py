"""Holds the expectations of a fact table, and the checks written by hand, against the rows of releases.

A release is validated once: its findings stand in its staging folder, named by a digest of the expectations and of the
code that evaluates them. Where all of them stand there, Great Expectations is not even imported.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from pydantic import TypeAdapter

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import replace_file
from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import list_faults_of
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.quality.expectation_findings import CheckedRows, make_findings
from msoic_pipeline.quality.expectations import FailingRows, list_expectations_of
from msoic_pipeline.quality.publishers import find_checks_module
from msoic_pipeline.quality.row_checks import check_rows
from msoic_pipeline.quality.suites import ExpectationError, Suite
from msoic_pipeline.workbooks.source import Source

# Rows held in memory at once; a release is never divided.
BATCH_ROWS = 1_000_000
_FINDINGS = TypeAdapter(list[Finding])


def validate_source(source: Source, releases: Sequence[StagedRelease]) -> dict[str, list[Finding]]:
    """Return what the expectations and the hand-written checks find in each release, by release_id.

    Only releases whose findings are not known yet are validated. Raises ExpectationError where an expectation cannot be
    evaluated.
    """
    findings_by_release: dict[str, list[Finding]] = {}
    to_validate = []
    for staged in releases:
        known = _recall_findings(staged)
        if known is None:
            to_validate.append(staged)
        else:
            findings_by_release[staged.release_id] = known
    if to_validate:
        fresh = _validate_releases(source, to_validate)
        for staged in to_validate:
            _remember_findings(staged, fresh[staged.release_id])
        findings_by_release |= fresh
    return {staged.release_id: findings_by_release[staged.release_id] for staged in releases}


# ---- findings that are known already ---------------------------------------------------------------


@cache
def _digest_checks(facts: tuple[str, ...]) -> str:
    """Return a digest of all that decides what is found in the rows of fact tables."""
    hasher = hashlib.sha256()
    modules = ["msoic_pipeline.quality.validation"]
    for name in facts:
        for expectation in list_expectations_of(FACTS[name]):
            hasher.update(json.dumps(asdict(expectation), default=str, sort_keys=True).encode())
        publishers_own = find_checks_module(traits_of_fact(FACTS[name]).source)
        if publishers_own:
            modules.append(publishers_own)
    hasher.update(digest_code(*modules).encode())
    return hasher.hexdigest()[:16]


def locate_findings(staged: StagedRelease) -> Path:
    """Return the file in which the findings of a release stand, or will stand, once validated."""
    return staged.folder / f"findings-{_digest_checks(tuple(staged.facts))}.json"


def _recall_findings(staged: StagedRelease) -> list[Finding] | None:
    """Return what was found before; None where that is not known, or its file is damaged: the checks are made again."""
    try:
        return _FINDINGS.validate_json(locate_findings(staged).read_bytes())
    except (OSError, ValueError):
        return None


def _remember_findings(staged: StagedRelease, findings: list[Finding]) -> None:
    path = locate_findings(staged)
    replace_file(path, _FINDINGS.dump_json(findings))
    for other in staged.folder.glob("findings-*.json"):
        if other != path:
            other.unlink(missing_ok=True)


# ---- the rows of releases, a batch at a time -------------------------------------------------------


def _divide_into_batches(releases: Sequence[StagedRelease], fact: str) -> Iterator[list[StagedRelease]]:
    """Yield releases in groups of at most BATCH_ROWS rows of a fact table, or of one release."""
    batch: list[StagedRelease] = []
    size = 0
    for staged in releases:
        rows = staged.manifest.rows_by_fact[fact]
        if batch and size + rows > BATCH_ROWS:
            yield batch
            batch, size = [], 0
        batch.append(staged)
        size += rows
    if batch:
        yield batch


def _read_batch(releases: Sequence[StagedRelease], fact: sa.Table) -> pd.DataFrame:
    """Return the rows of several releases in one frame; each row names its release.

    Raises ExpectationError where a release was not staged with the columns that the table declares.
    """
    tables = [pq.ParquetFile(staged.path(fact.name)).read() for staged in releases]
    names = [column.name for column in fact.columns]
    for staged, table in zip(releases, tables, strict=True):
        if table.column_names != names:
            raise ExpectationError(
                f"{fact.name}: {staged.path(fact.name)} has not the columns that the table declares. Remove its "
                "folder, so that the release is parsed again."
            )
    return pa.concat_tables(tables).to_pandas(
        date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get, ignore_metadata=True
    )


def _validate_releases(source: Source, releases: Sequence[StagedRelease]) -> dict[str, list[Finding]]:
    """Validate the rows of ``releases``, one suite a fact table, in batches of whole releases; return the findings."""
    findings_by_release: dict[str, list[Finding]] = {staged.release_id: [] for staged in releases}
    for name in source.facts:
        suite = Suite(FACTS[name])
        with_fact = [staged for staged in releases if name in staged.facts]
        for of_batch in _divide_into_batches(with_fact, name):
            rows = _read_batch(of_batch, FACTS[name])
            for release_id, findings in _check_batch(suite, of_batch, rows).items():
                findings_by_release[release_id] += findings
    return findings_by_release


def _check_batch(suite: Suite, releases: Sequence[StagedRelease], rows: pd.DataFrame) -> dict[str, list[Finding]]:
    """Return what the expectations of a fact table and its hand-written checks find in each release of a batch."""
    sizes = rows.groupby("release_id").size()
    failing_by_release = _divide_by_release(suite.find_failing_rows(rows))
    found: dict[str, list[Finding]] = {}
    for staged in releases:
        size = int(sizes.get(staged.release_id, 0))
        checked = CheckedRows(staged.release, suite.fact, size, failing_by_release.get(staged.release_id, []))
        found[staged.release_id] = make_findings(checked, suite.expectations)
    faults = {staged.release_id: list_faults_of(staged.release) for staged in releases}
    for release_id, findings in check_rows(suite.fact, rows, faults).items():
        found[release_id] += findings
    return found


def _divide_by_release(failing: Sequence[FailingRows]) -> dict[str, list[FailingRows]]:
    """Return for each release the failing rows that are its own."""
    by_release: dict[str, list[FailingRows]] = defaultdict(list)
    for each in failing:
        for release_id, rows in each.rows.groupby("release_id"):
            by_release[str(release_id)].append(FailingRows(each.expectation, rows))
    return by_release
