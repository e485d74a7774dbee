"""What the declarations say of rows is held against each release: what is wrong is found where it stands."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import TRAITS, traits_of_column
from msoic_pipeline.quality import expectation_findings, quarantine, validation
from msoic_pipeline.quality.expectations import list_expectations_of
from msoic_pipeline.quality.suites import ExpectationError
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.quality.conftest import Rows, Stage, decisions, investigations, outcomes

NRM = load_source("nrm")


def failures(found: dict[str, list[Finding]]) -> list[tuple[str, Finding]]:
    return [
        (release_id, finding) for release_id, findings in found.items() for finding in findings if not finding.success
    ]


def declare(monkeypatch: pytest.MonkeyPatch, fact: str, column: str, **changed: Any) -> None:
    """Let a column be declared otherwise."""
    declared = FACTS[fact].c[column]
    monkeypatch.setitem(declared.info, TRAITS, replace(traits_of_column(declared), **changed))


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_every_declaration_is_expected(fact: Any):
    expected = {(e.rule, e.columns) for e in list_expectations_of(fact)}
    key = tuple(column.name for column in fact.primary_key.columns)
    assert {("no_rows", ()), ("duplicate_key", key)} <= expected
    for column in fact.columns:
        name = (column.name,)
        assert ("wrong_type", name) in expected
        assert (("missing_value", name) in expected) is not column.nullable
        assert (("out_of_range", name) in expected) is (traits_of_column(column).minimum is not None)
        if traits_of_column(column).members:
            assert ("unknown_member", name) in expected
        table = traits_of_column(column).references.partition(".")[0]
        if table in ("dim_force", "dim_outcome", "dim_exploitation_type", "dim_entry_method"):
            assert ("unknown_member", name) in expected
    assert {e.severity for e in list_expectations_of(fact)} == {"block"}


def test_good_rows_pass_every_check_of_every_release(stage: Stage):
    releases = [
        stage("nrm", "a", fact_nrm_decision=decisions()),
        stage("nrm", "b", fact_nrm_decision=decisions("2022-04-01")),
    ]
    found = validate_source(NRM, releases)
    assert failures(found) == []
    for release_id in ("a", "b"):
        assert {"key is unique", "members are known", "series have no gaps"} <= {
            f.check_name for f in found[release_id]
        }
        assert {f.rows_checked for f in found[release_id]} == {4}


def _set(position: int, column: str, value: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[position].__setitem__(column, value)


PLANTED = {
    "negative count": (
        _set(2, "decisions", -3),
        "figures lie in their range",
        1,
        ("cell C7", "at least 0", "found -3"),
    ),
    "unknown member": (_set(1, "decision", "maybe"), "members are known", 1, ("cell C6", "negative", "found 'maybe'")),
    "missing key": (_set(0, "stage", None), "required values are there", 1, ("cell C5: stage", "found nothing")),
    "missing count": (_set(3, "decisions", None), "required values are there", 1, ("cell C8: decisions",)),
    "duplicate key": (_set(1, "decision", "positive"), "key is unique", 2, ("cell C5", "cell C6", "found it again")),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_what_is_wrong_is_found_in_its_release_sheet_and_cell(stage: Stage, fault: str):
    plant, check, rows_failed, words = PLANTED[fault]
    rows = decisions()
    plant(rows)
    good, bad = stage("nrm", "good", fact_nrm_decision=decisions()), stage("nrm", "bad", fact_nrm_decision=rows)
    found = validate_source(NRM, [good, bad])
    ((release_id, finding),) = failures(found)
    assert (release_id, finding.table_name, finding.check_name) == ("bad", "fact_nrm_decision", check)
    assert (finding.severity, finding.rows_checked, finding.rows_failed) == ("block", 4, rows_failed)
    for word in ("sheet 'Table_1'", *words):
        assert word in finding.detail
    verdicts = {v.file_name: v for v in judge_files(NRM, Landing((), ()), [good, bad], found)}
    assert verdicts["nrm/good.ods"].accepted
    assert not verdicts["nrm/bad.ods"].accepted
    assert check in verdicts["nrm/bad.ods"].reasons[0]


def test_an_unknown_code_names_where_codes_are_and_the_cell_of_its_measure(stage: Stage):
    rows = outcomes()
    rows[1]["force_code"] = "E99"
    source = load_source("crime_outcomes")
    found = validate_source(source, [stage("crime_outcomes", "a", fact_crime_outcome=rows)])
    ((_, finding),) = failures(found)
    assert "cell J3: force_code: expected a member of dim_force.force_code" in finding.detail
    assert "found 'E99'" in finding.detail


def test_only_the_first_failing_rows_are_told(stage: Stage):
    rows = [row | {"decisions": -1} for start in ("2022-01-01", "2022-04-01") for row in decisions(start)]
    ((_, finding),) = failures(validate_source(NRM, [stage("nrm", "a", fact_nrm_decision=rows)]))
    assert finding.rows_failed == 8
    assert finding.detail.count("found -1") == 5
    assert finding.detail.endswith("; and 3 more")


def test_a_release_without_rows_fails_beside_one_with_rows(stage: Stage):
    releases = [stage("nrm", "empty", fact_nrm_decision=[]), stage("nrm", "full", fact_nrm_decision=decisions())]
    ((release_id, finding),) = failures(validate_source(NRM, releases))
    assert (release_id, finding.check_name, finding.rows_checked) == ("empty", "table has rows", 0)
    verdicts = judge_files(NRM, Landing((), ()), releases, validate_source(NRM, releases))
    (row,) = (row for verdict in verdicts for row in verdict.quarantine)
    assert (row.release_id, row.rule) == ("empty", "no_rows"), "what is rejected stands in quarantine"


def test_what_cannot_be_evaluated_is_an_error_that_names_the_expectation(stage: Stage):
    release = stage("nrm", "a", fact_nrm_decision=decisions())
    path = release.path("fact_nrm_decision")
    table = pq.read_table(path)
    place = table.column_names.index("decisions")
    text = pa.array(["10", "11", "[x]", "12"])
    pq.write_table(table.set_column(place, "decisions", text), path)
    with pytest.raises(ExpectationError, match="fact_nrm_decision: ExpectColumnValuesToBeBetween of decisions"):
        validate_source(NRM, [release])
    assert not validation.locate_findings(release).exists()


def test_a_damaged_file_of_findings_is_made_anew(stage: Stage):
    release = stage("nrm", "a", fact_nrm_decision=decisions())
    found = validate_source(NRM, [release])
    path = validation.locate_findings(release)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert validate_source(NRM, [release]) == found
    assert path.read_bytes() == whole


def test_rows_without_a_declared_column_are_an_error(stage: Stage):
    release = stage("nrm", "a", fact_nrm_decision=decisions())
    path = release.path("fact_nrm_decision")
    pq.write_table(pq.read_table(path).drop_columns(["stage"]), path)
    with pytest.raises(ExpectationError, match="has not the columns"):
        validate_source(NRM, [release])


def test_a_type_that_is_not_the_declared_one_fails(stage: Stage):
    source = load_source("crime_outcomes")
    release = stage("crime_outcomes", "a", fact_crime_outcome=outcomes())
    path = release.path("fact_crime_outcome")
    table = pq.read_table(path)
    place = table.column_names.index("outcomes_closed")
    pq.write_table(table.set_column(place, "outcomes_closed", pa.array(["2", "-1"])), path)
    ((_, finding),) = failures(validate_source(source, [release]))
    assert finding.check_name == "columns have their types"
    assert finding.detail == "outcomes_closed: expected type int64"


def test_a_warning_is_declared_beside_the_column_and_does_not_block(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    declare(monkeypatch, "fact_nrm_decision", "decisions", severity="warn")
    rows = decisions()
    rows[0]["decisions"] = -1
    validation._digest_checks.cache_clear()
    release = stage("nrm", "a", fact_nrm_decision=rows)
    found = validate_source(NRM, [release])
    validation._digest_checks.cache_clear()
    ((_, finding),) = failures(found)
    assert (finding.severity, finding.check_name) == ("warn", "figures lie in their range: decisions")
    assert judge_files(NRM, Landing((), ()), [release], found)[0].accepted


def known_fault(rule: str, cell: str) -> Fault:
    return Fault(
        fault="below-zero",
        reference_period="2022-Q1",
        rule=rule,
        sheet="Table_1",
        cell=cell,
        treatment="accept",
        reason="Figures withdrawn.",
        reviewed_by="MSOIC data team",
        reviewed_on=dt.date(2022, 6, 2),
        expires=dt.date.max,
    )


def test_a_declared_fault_is_accepted_at_its_place_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    fault = known_fault("out_of_range", "C5")
    monkeypatch.setattr(expectation_findings, "list_faults_of", lambda release: (fault,))
    rows = decisions()
    rows[0]["decisions"] = rows[1]["decisions"] = -1
    ((_, finding),) = failures(validate_source(NRM, [stage("nrm", "a", fact_nrm_decision=rows)]))
    assert finding.rows_failed == 1
    assert "C6" in finding.detail and "C5" not in finding.detail
    assert "1 accepted by declared faults" in finding.detail


def test_a_fault_names_the_cell_of_the_measure_that_it_is_about(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """Closed outcomes have cells of their own: a quarantined one stands there, and a known fault is declared there."""
    declare(monkeypatch, "fact_crime_outcome", "outcomes_closed", minimum=0)
    validation._digest_checks.cache_clear()
    release = stage("crime_outcomes", "a", fact_crime_outcome=outcomes())
    source = load_source("crime_outcomes")
    found = validate_source(source, [release])
    (verdict,) = judge_files(source, Landing((), ()), [release], found)
    assert [row.cell for row in verdict.quarantine] == ["K3"]
    fault = known_fault("out_of_range", "K3")
    monkeypatch.setattr(expectation_findings, "list_faults_of", lambda release: (fault,))
    validation.locate_findings(release).unlink()
    assert failures(validate_source(source, [release])) == []
    validation._digest_checks.cache_clear()


def test_a_finding_lists_no_more_failures_than_it_promises(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(expectation_findings, "MAX_LISTED", 3)
    rows = decisions()
    for row in rows:
        row |= {"stage": None, "decision": None}
    found = failures(validate_source(NRM, [stage("nrm", "a", fact_nrm_decision=rows)]))
    (missing,) = [finding for _, finding in found if finding.check_name == "required values are there"]
    assert len(missing.failures) == 3 and missing.rows_failed == 4


def test_all_failures_are_told_though_a_row_fails_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """Four rows lack two values each: eight failures, of which five are listed; the row of quarantine counts three."""
    monkeypatch.setattr(expectation_findings, "MAX_LISTED", 5)
    monkeypatch.setattr(quarantine, "MAX_LISTED", 5)
    rows = [row | {"stage": None, "decision": None} for row in decisions()]
    release = stage("nrm", "a", fact_nrm_decision=rows)
    found = validate_source(NRM, [release])
    (missing,) = [finding for _, finding in failures(found) if finding.check_name == "required values are there"]
    assert (missing.rows_failed, len(missing.failures), missing.unlisted) == (4, 5, 3)
    (verdict,) = judge_files(NRM, Landing((), ()), [release], found)
    reasons = [row.reason for row in verdict.quarantine if row.rule == "missing_value"]
    assert len(reasons) == 6
    assert reasons[-1] == "3 more of this rule; the first 5 are listed"


def test_rows_that_reject_a_release_stand_in_quarantine(stage: Stage):
    rows = decisions()
    rows[0]["decisions"] = -1
    release = stage("nrm", "a", fact_nrm_decision=rows)
    (verdict,) = judge_files(NRM, Landing((), ()), [release], validate_source(NRM, [release]))
    assert not verdict.accepted
    ((row),) = verdict.quarantine
    assert (row.rule, row.sheet, row.cell) == ("out_of_range", "Table_1", "C5")
    assert "-1" in row.raw_text and not row.is_declared


def test_batches_find_what_one_frame_does(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    rows = decisions()
    rows[2]["decisions"] = -3
    together = [stage("nrm", name, fact_nrm_decision=rows if name == "b" else decisions()) for name in "abc"]
    whole = validate_source(NRM, together)
    for release in together:
        validation.locate_findings(release).unlink()
    monkeypatch.setattr(validation, "BATCH_ROWS", 5)
    assert validate_source(NRM, together) == whole


def test_what_was_validated_is_not_validated_again(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    first = stage("nrm", "a", fact_nrm_decision=decisions())
    found = validate_source(NRM, [first])
    seen: list[str] = []
    whole = validation._validate_releases

    def spy(source: Any, releases: list[StagedRelease]) -> Any:
        seen.extend(release.release_id for release in releases)
        return whole(source, releases)

    monkeypatch.setattr(validation, "_validate_releases", spy)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "great_expectations", None)  # importing it now would fail
        assert validate_source(NRM, [first]) == found
    assert seen == []
    second = stage("nrm", "b", fact_nrm_decision=decisions())
    assert validate_source(NRM, [first, second]).keys() == {"a", "b"}
    assert seen == ["b"]


def test_other_expectations_or_other_code_validate_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    release = stage("nrm", "a", fact_nrm_decision=decisions())
    validate_source(NRM, [release])
    before = validation.locate_findings(release)
    assert before.is_file()
    declare(monkeypatch, "fact_nrm_decision", "decisions", minimum=11)
    validation._digest_checks.cache_clear()
    after = validation.locate_findings(release)
    assert [finding.check_name for _, finding in failures(validate_source(NRM, [release]))] == [
        "figures lie in their range"
    ]
    assert after.is_file() and after != before
    assert not before.exists(), "findings that no longer hold are swept away"
    validation._digest_checks.cache_clear()


def test_sensitive_values_reach_no_finding(stage: Stage):
    rows = investigations(-987654)
    rows[0]["nationality"] = None
    rows[0]["county_lines"] = "Nemo of Nowhere"
    source = load_source("force_returns")
    release = stage("force_returns", "a", fact_investigation=rows)
    found = validate_source(source, [release])
    assert {f.check_name for _, f in failures(found)} == {
        "required values are there",
        "members are known",
        "figures lie in their range",
    }
    assert all("sheet 'Table_1', cell C3" in finding.detail for _, finding in failures(found))
    written = repr(found) + validation.locate_findings(release).read_text(encoding="utf-8")
    for value in ("987654", "987,654", "Nemo"):
        assert value not in written


def test_of_a_release_without_rejects_it_is_said_that_all_could_be_read(stage: Stage):
    release = stage("nrm", "a", fact_nrm_decision=decisions())
    (verdict,) = judge_files(NRM, Landing((), ()), [release], {})
    (read,) = [result for result in verdict.results if result.check_name == "rows could be read"]
    assert read.success and read.detail == "all could be read"
