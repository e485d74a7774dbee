"""Holds the expectations of a fact table, and the checks written by hand, against the rows of releases.

A release is validated once: its findings stand in its staging folder, named by a digest of the expectations and of the
code that evaluates them. Where all of them stand there, Great Expectations is not even imported.
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
from pydantic import TypeAdapter

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import replace_file
from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import list_faults_of
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact, traits_of_table
from msoic_pipeline.quality.docs import DataDocs
from msoic_pipeline.quality.expectation_findings import FailingRows, findings_of_release
from msoic_pipeline.quality.expectations import Expectation, list_expectations_of
from msoic_pipeline.quality.publishers import checks_module
from msoic_pipeline.quality.row_checks import check_rows
from msoic_pipeline.workbooks.layout import Source

# Rows held in memory at once; a release is never divided.
BATCH_ROWS = 1_000_000
# Of the values that fail so many are shown by Data Docs, and of a sensitive source none.
_VALUES_IN_DOCS = 20
_FINDINGS = TypeAdapter(list[Finding])


class ExpectationError(Exception):
    """An expectation could not be evaluated: neither held nor failed."""


def validate_source(
    source: Source, releases: Sequence[StagedRelease], docs: DataDocs | None = None
) -> dict[str, list[Finding]]:
    """Return what the expectations and the hand-written checks find in each release, by release_id.

    Only releases whose findings are not known yet are validated, and those that the source's Data Docs have not shown
    yet. Raises ExpectationError where an expectation cannot be evaluated.
    """
    findings_by_release: dict[str, list[Finding]] = {}
    for staged in releases:
        known = _recall_findings(staged)
        if known is not None:
            findings_by_release[staged.release_id] = known
    shown = docs.read_shown_releases() if docs else None
    to_validate = []
    for staged in releases:
        is_known = staged.release_id in findings_by_release
        is_shown = shown is None or _name_in_docs(staged) in shown
        if not (is_known and is_shown):
            to_validate.append(staged)
    if to_validate:
        context, fresh = _validate_releases(source, to_validate)
        if docs:
            docs.try_build_site(context, [_name_in_docs(staged) for staged in releases])
        for staged in to_validate:
            _remember_findings(staged, fresh[staged.release_id])
        findings_by_release |= fresh
    return {staged.release_id: findings_by_release[staged.release_id] for staged in releases}


# ---- findings that are known already ---------------------------------------------------------------


@cache
def _digest_of_checks(facts: tuple[str, ...]) -> str:
    """Return a digest of all that decides what is found in the rows of fact tables."""
    hasher = hashlib.sha256()
    modules = ["msoic_pipeline.quality.validation"]
    for name in facts:
        for expectation in list_expectations_of(FACTS[name]):
            hasher.update(json.dumps(asdict(expectation), default=str, sort_keys=True).encode())
        publishers_own = checks_module(traits_of_fact(FACTS[name]).source)
        if publishers_own:
            modules.append(publishers_own)
    hasher.update(digest_code(*modules).encode())
    return hasher.hexdigest()[:16]


def findings_path(staged: StagedRelease) -> Path:
    """Return the file in which the findings of a release stand, or will stand, once validated."""
    return staged.folder / f"findings-{_digest_of_checks(tuple(staged.facts))}.json"


def _name_in_docs(staged: StagedRelease) -> str:
    """Return what Data Docs remember a release by: another one as soon as it is read or checked otherwise."""
    return f"{staged.key}/{findings_path(staged).name}"


def _recall_findings(staged: StagedRelease) -> list[Finding] | None:
    try:
        return _FINDINGS.validate_json(findings_path(staged).read_bytes())
    except FileNotFoundError:
        return None


def _remember_findings(staged: StagedRelease, findings: list[Finding]) -> None:
    path = findings_path(staged)
    replace_file(path, _FINDINGS.dump_json(findings))
    for other in staged.folder.glob("findings-*.json"):
        if other != path:
            other.unlink(missing_ok=True)


# ---- the rows of releases, a batch at a time -------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    """The rows of several releases in one frame, and for each row the position of its release among them."""

    releases: Sequence[StagedRelease]
    rows: pd.DataFrame
    owner: np.ndarray

    def rows_by_release(self) -> list[int]:
        """Return how many rows each release has."""
        return [int(size) for size in np.bincount(self.owner, minlength=len(self.releases))]

    def with_release_ids(self) -> pd.DataFrame:
        """Return the rows, each with the id of its release."""
        ids = np.array([staged.release_id for staged in self.releases])
        return self.rows.assign(release_id=ids[self.owner])


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


def _read_batch(releases: Sequence[StagedRelease], fact: sa.Table) -> _Batch:
    tables = [pq.ParquetFile(staged.path(fact.name)).read() for staged in releases]
    names = [column.name for column in fact.columns]
    for staged, table in zip(releases, tables, strict=True):
        if table.column_names != names:
            raise ExpectationError(
                f"{fact.name}: {staged.path(fact.name)} has not the columns that the table declares. Remove its "
                "folder, so that the release is parsed again."
            )
    rows = pa.concat_tables(tables).to_pandas(
        date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get, ignore_metadata=True
    )
    owner = np.repeat(np.arange(len(releases)), [table.num_rows for table in tables])
    return _Batch(releases, rows, owner)


# ---- Great Expectations ----------------------------------------------------------------------------


def _validate_releases(source: Source, releases: Sequence[StagedRelease]) -> tuple[Any, dict[str, list[Finding]]]:
    """Validate the rows of ``releases``: one suite a fact table, in batches of whole releases.

    Returns Great Expectations' context, which holds what Data Docs show, and the findings by release.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.data_sources.add_pandas(source.source)
    findings_by_release: dict[str, list[Finding]] = {staged.release_id: [] for staged in releases}
    for name in source.facts:
        suite = _Suite(context, source, FACTS[name])
        with_fact = [staged for staged in releases if name in staged.facts]
        for of_batch in _divide_into_batches(with_fact, name):
            batch = _read_batch(of_batch, FACTS[name])
            for release_id, findings in _check_batch(suite, batch, source).items():
                findings_by_release[release_id] += findings
    return context, findings_by_release


def _check_batch(suite: _Suite, batch: _Batch, source: Source) -> dict[str, list[Finding]]:
    """Return what the expectations of a fact table and its hand-written checks find in each release of a batch."""
    failing = suite.find_failing_rows(batch.rows)
    failing_by_release = _divide_by_release(failing, batch)
    found: dict[str, list[Finding]] = {}
    for position, (staged, size) in enumerate(zip(batch.releases, batch.rows_by_release(), strict=True)):
        found[staged.release_id] = findings_of_release(
            staged.release, suite.fact, suite.expectations, failing_by_release[position], size, source.sensitive
        )
    faults = {staged.release_id: list_faults_of(staged.release) for staged in batch.releases}
    for release_id, findings in check_rows(suite.fact, batch.with_release_ids(), faults).items():
        found[release_id] += findings
    return found


def _divide_by_release(failing: Sequence[FailingRows], batch: _Batch) -> list[list[FailingRows]]:
    """Return for each release of a batch the failing rows that are its own."""
    by_position: list[list[FailingRows]] = [[] for _ in batch.releases]
    for each in failing:
        owners = batch.owner[each.rows.index.to_numpy(dtype=int)]
        for position in np.unique(owners):
            by_position[position].append(FailingRows(each.expectation, each.rows[owners == position]))
    return by_position


class _Suite:
    """The expectations of a fact table in Great Expectations, and what validates rows by them."""

    def __init__(self, context: Any, source: Source, fact: sa.Table) -> None:
        import great_expectations as gx

        self.fact = fact
        self.expectations = list_expectations_of(fact)
        suite = gx.ExpectationSuite(name=fact.name, expectations=_in_gx_terms(fact, self.expectations))
        rows_source = context.data_sources.get(source.source)
        self._batches = rows_source.add_dataframe_asset(fact.name).add_batch_definition_whole_dataframe("staged")
        definition = gx.ValidationDefinition(name=fact.name, data=self._batches, suite=context.suites.add(suite))
        shown_in_docs = {
            "result_format": "SUMMARY",
            "partial_unexpected_count": 0 if source.sensitive else _VALUES_IN_DOCS,
        }
        self._checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=fact.name,
                validation_definitions=[context.validation_definitions.add(definition)],
                result_format=shown_in_docs,
            )
        )

    def find_failing_rows(self, rows: pd.DataFrame) -> list[FailingRows]:
        """Return the expectations that fail, each with the rows in which it does.

        All of them are asked whether they hold, and only those that fail in which rows: that answer never reaches the
        documentation.
        """
        import great_expectations as gx

        parameters = {"dataframe": rows}
        (outcome,) = self._checkpoint.run(batch_parameters=parameters).run_results.values()
        results = self._read_results(outcome, self.expectations)
        failed = [self.expectations[result.number] for result in results if not result.is_met]
        if not failed:
            return []
        suite = gx.ExpectationSuite(name=f"{self.fact.name} failed", expectations=_in_gx_terms(self.fact, failed))
        detailed = self._batches.get_batch(batch_parameters=parameters).validate(suite, result_format="COMPLETE")
        found = []
        for result in self._read_results(detailed, failed):
            # An expectation of a whole column, its type, names no rows: all of them fail it.
            those = rows if result.failing_labels is None else rows.loc[result.failing_labels]
            found.append(FailingRows(failed[result.number], those))
        return found

    def _read_results(self, outcome: Any, expectations: Sequence[Expectation]) -> list[_Result]:
        """Return what came of each of the expectations that were validated.

        An internal error of Great Expectations is neither success nor failure: raises ExpectationError.
        """
        results = []
        for result in outcome.results:
            number = result.expectation_config.meta["number"]
            error = _internal_error(result.exception_info)
            if error:
                expectation = expectations[number]
                about = ", ".join(expectation.columns) or "the table"
                raise ExpectationError(
                    f"{self.fact.name}: {expectation.kind} of {about} ({expectation.expected}) could not be evaluated: "
                    f"{error}"
                )
            labels = result.result.get("unexpected_index_list")
            results.append(_Result(number, bool(result.success), labels))
        return results


@dataclass(frozen=True)
class _Result:
    """What came of an expectation: its number in its suite, and the labels of the rows that fail it."""

    number: int
    is_met: bool
    failing_labels: Any


def _internal_error(exception_info: Any) -> str:
    """Return the first error that Great Expectations met within, from either of the two shapes in which it tells."""
    info = exception_info or {}
    errors = [info] if "raised_exception" in info else list(info.values())
    return next((str(error["exception_message"]) for error in errors if error["raised_exception"]), "")


def _in_gx_terms(fact: sa.Table, expectations: Iterable[Expectation]) -> list[Any]:
    """Return expectations as Great Expectations' own objects, each for one suite alone; ``meta`` has its number."""
    import great_expectations.expectations as gxe

    made = []
    for number, expectation in enumerate(expectations):
        kind = getattr(gxe, expectation.kind)
        severity = "critical" if expectation.severity == "block" else "warning"
        notes = _notes_on_expectation(fact, expectation)
        made.append(kind(**expectation.arguments, severity=severity, notes=notes, meta={"number": number}))
    return made


def _notes_on_expectation(fact: sa.Table, expectation: Expectation) -> str:
    if len(expectation.columns) == 1:
        return f"{fact.columns[expectation.columns[0]].comment}"
    return f"Grain: {traits_of_table(fact).grain}." if expectation.columns else f"{fact.comment}"
