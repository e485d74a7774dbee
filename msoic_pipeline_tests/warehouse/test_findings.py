"""Findings keep their history, on both engines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.model.evidence import validation_result
from msoic_pipeline.model.evidence_rows import ValidationResult
from msoic_pipeline.warehouse.engine import open_engine, read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.preparing import prepare

MONDAY, TUESDAY, FRIDAY = dt.date(2026, 11, 2), dt.date(2026, 11, 3), dt.date(2026, 11, 6)
COLUMNS = validation_result.c


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = open_engine(warehouse_url)
    prepare(engine)
    yield engine
    engine.dispose()


def finding(check: str, failed: int = 0, source: str = "nrm") -> ValidationResult:
    return ValidationResult(
        source=source,
        table_name="fact_nrm_referral",
        check_name=check,
        release_id="nrm-1",
        severity="warn",
        success=not failed,
        rows_checked=10,
        rows_failed=failed,
        detail=f"{failed} rows",
    )


def record(engine: Engine, today: dt.date, *rows: ValidationResult, source: str = "nrm") -> None:
    with write_transaction(engine) as connection:
        record_findings(connection, COLUMNS.source == source, rows, today)


def history(engine: Engine) -> list[tuple[Any, ...]]:
    columns = (COLUMNS.check_name, COLUMNS.rows_failed, COLUMNS.found_on, COLUMNS.superseded_on)
    with read_transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns[::2]))]


def test_a_finding_stands_until_something_else_is_found(engine: Engine):
    record(engine, MONDAY, finding("gaps"), finding("totals", 2))
    record(engine, TUESDAY, finding("gaps"), finding("totals", 2))
    assert history(engine) == [("gaps", 0, MONDAY, None), ("totals", 2, MONDAY, None)], "nothing new was found"
    record(engine, TUESDAY, finding("gaps"), finding("totals", 3))
    record(engine, FRIDAY, finding("gaps"), finding("totals"))
    record(engine, FRIDAY, finding("gaps"), finding("totals", 1))
    whole = [
        ("gaps", 0, MONDAY, None),
        ("totals", 2, MONDAY, TUESDAY),
        ("totals", 3, TUESDAY, FRIDAY),
        ("totals", 1, FRIDAY, None),  # the last of the day
    ]
    assert history(engine) == whole
    with read_transaction(engine) as connection:
        standing = connection.execute(sa.text("SELECT check_name, rows_failed FROM current_validation_result"))
        assert sorted(map(tuple, standing)) == [("gaps", 0), ("totals", 1)]


def test_two_findings_that_would_hide_each_other(engine: Engine):
    with pytest.raises(ValueError, match="one would hide the other"):
        record(engine, MONDAY, finding("gaps"), finding("gaps", 1))


def test_a_finding_that_is_no_longer_made_ends_and_others_are_left_alone(engine: Engine):
    record(engine, MONDAY, finding("gaps", 1))
    record(engine, MONDAY, finding("rates", 1, source="cps"), source="cps")
    record(engine, TUESDAY)
    assert history(engine) == [("gaps", 1, MONDAY, TUESDAY), ("rates", 1, MONDAY, None)]
    record(engine, FRIDAY, finding("gaps", 1))
    assert history(engine)[:2] == [("gaps", 1, MONDAY, TUESDAY), ("gaps", 1, FRIDAY, None)]


def test_a_clock_that_was_ahead_leaves_nothing_behind(engine: Engine):
    record(engine, MONDAY, finding("gaps"), finding("totals", 2))
    record(engine, FRIDAY, finding("gaps", 1), finding("totals"))  # a day that has not come
    record(engine, TUESDAY, finding("gaps"), finding("totals"))
    whole = [
        ("gaps", 0, MONDAY, TUESDAY),
        ("totals", 2, MONDAY, TUESDAY),
        ("gaps", 0, TUESDAY, None),
        ("totals", 0, TUESDAY, None),
    ]
    assert sorted(history(engine), key=lambda row: (row[2], row[0])) == whole
    record(engine, TUESDAY, finding("gaps"), finding("totals"))
    assert len(history(engine)) == 4, "nothing new was found"


def test_a_clock_that_was_put_back_leaves_nothing_behind(engine: Engine):
    record(engine, TUESDAY, finding("gaps", 1))
    record(engine, MONDAY, finding("gaps"))  # the clock goes wrong
    assert history(engine) == [("gaps", 0, MONDAY, None)]
    record(engine, TUESDAY, finding("gaps", 1))  # and is right again
    record(engine, FRIDAY, finding("gaps", 1))
    assert history(engine) == [("gaps", 0, MONDAY, TUESDAY), ("gaps", 1, TUESDAY, None)]


def test_what_ended_on_a_day_is_found_again_on_it(engine: Engine):
    record(engine, MONDAY, finding("gaps", 1))
    record(engine, TUESDAY)  # ended: the check found nothing to say
    assert history(engine) == [("gaps", 1, MONDAY, TUESDAY)]
    record(engine, MONDAY, finding("gaps", 1))
    assert history(engine) == [("gaps", 1, MONDAY, None)]
