"""Rows in bulk, and what the database knows of them."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence import load_log, withdrawal
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.warehouse.engine import open_engine, write_transaction
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.rows import ChangedRows, bulk_insert, gather_statistics, write_changed_rows


def test_the_database_knows_how_many_rows_there_are(warehouse_url: str):
    engine = open_engine(warehouse_url, may_create=True)
    prepare(engine)
    entries = [{"stage": f"load {n}", "quarter_start": FIRST_QUARTER, "fingerprint": "x"} for n in range(50)]
    with write_transaction(engine) as connection:
        connection.execute(sa.insert(load_log), entries)
    gather_statistics(engine, [load_log])
    known = "SELECT stat FROM sqlite_stat1 WHERE tbl = 'load_log'"
    if engine.dialect.name == "postgresql":
        known = "SELECT CAST(reltuples AS integer) FROM pg_class WHERE oid = CAST('load_log' AS regclass)"
    with engine.connect() as connection:
        rows = int(str(connection.exec_driver_sql(known).scalar()).split()[0])
    engine.dispose()
    assert rows >= 50


@pytest.mark.parametrize("is_all", [True, False])
def test_only_rows_that_are_not_so_already_are_written(warehouse_url: str, is_all: bool):
    engine = open_engine(warehouse_url)
    prepare(engine)
    quarters = [dt.date(2021, 1, 1), dt.date(2021, 4, 1), dt.date(2021, 7, 1), dt.date(2021, 10, 1)]

    def entry(quarter: dt.date, fingerprint: str) -> dict[str, object]:
        return {"stage": "load nrm", "quarter_start": quarter, "fingerprint": fingerprint}

    with write_transaction(engine) as connection:
        its = load_log.c.stage == "load nrm"
        scope = its if is_all else None
        first = [entry(quarter, "old") for quarter in quarters[:3]]
        assert write_changed_rows(connection, load_log, scope, first) == ChangedRows(3, 0, 0)
        second = [
            entry(quarters[0], "old"),
            entry(quarters[1], "new"),
            entry(quarters[3], "x"),
            entry(quarters[3], "y"),
        ]
        assert write_changed_rows(connection, load_log, scope, second) == ChangedRows(1, 1, 1 if is_all else 0)
        found = dict(connection.execute(sa.select(load_log.c.quarter_start, load_log.c.fingerprint).where(its)).all())
        kept = {} if is_all else {quarters[2]: "old"}
        assert found == {quarters[0]: "old", quarters[1]: "new", quarters[3]: "y"} | kept
        assert connection.scalar(sa.select(sa.func.count()).select_from(load_log)) == len(found) + 2, "others stay"
        assert write_changed_rows(connection, load_log, scope, second).total == 0
    engine.dispose()


def test_a_column_that_a_table_has_not_is_refused():
    with pytest.raises(ValueError, match="load_log has no column finger_print"):
        make_arrow_rows(load_log, [{"stage": "views", "finger_print": "x"}])


def test_a_moment_is_written_as_it_is_looked_for(warehouse_url: str):
    engine = open_engine(warehouse_url)
    prepare(engine)
    moments = [dt.datetime(2022, 3, 1, 2, 30), dt.datetime(2022, 3, 1, 2, 30, 1, 5000)]
    rows = [{column.name: "x" for column in withdrawal.columns} | {"decided_at": moment} for moment in moments]
    with write_transaction(engine) as connection:
        bulk_insert(connection, withdrawal, make_arrow_rows(withdrawal, rows))
        for moment in moments:
            its = sa.select(withdrawal.c.decided_at).where(withdrawal.c.decided_at == moment)
            assert connection.scalars(its).all() == [moment]
    engine.dispose()
