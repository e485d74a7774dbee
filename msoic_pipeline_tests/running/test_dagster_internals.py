"""What is used of Dagster beyond its public names stands in one module, and does what it says."""

from __future__ import annotations

from msoic_pipeline.running.dagster_internals import list_record_tables
from msoic_pipeline.running.error_words import is_about_records
from msoic_pipeline_tests.conftest import REPOSITORY


def test_names_that_are_not_public_stand_in_one_module():
    package = REPOSITORY / "msoic_pipeline"
    users = [path for path in package.rglob("*.py") if "dagster._" in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(package)) for path in users] == ["running/dagster_internals.py"]


def test_a_statement_on_dagsters_records_is_known_by_its_table():
    assert {"runs", "event_logs", "jobs"} <= list_record_tables()
    assert is_about_records("disk I/O error\n[SQL: INSERT INTO event_logs (run_id) VALUES (?)]")
    assert not is_about_records("disk I/O error\n[SQL: INSERT INTO kpi_value (kpi_id) VALUES (?)]")
