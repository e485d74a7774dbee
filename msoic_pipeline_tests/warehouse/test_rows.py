"""Rows in bulk, and what the database knows of them."""

from __future__ import annotations

import sqlalchemy as sa

from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.warehouse.engine import open_engine, write_transaction
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.rows import gather_statistics


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
