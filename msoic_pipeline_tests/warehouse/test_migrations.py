"""Warehouses that hold figures follow the model, on either engine, and lose nothing on the way."""

from __future__ import annotations

import datetime as dt
import hashlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.model.columns import metadata
from msoic_pipeline.model.evidence import data_dictionary, load_log, release, report_claim, withdrawal
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.warehouse import preparing
from msoic_pipeline.warehouse.engine import SCHEMA, open_engine, read_transaction, write_transaction
from msoic_pipeline.warehouse.migrations import (
    BASELINE,
    BASELINE_DIGESTS,
    HEAD,
    VERSION_TABLE,
    NewModelError,
    OldModelError,
    make_alembic_config,
    read_standing_revision,
    upgrade_tables,
)
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.standing_views import ViewInUseError, drop_views, read_grants
from msoic_pipeline_tests.conftest import REPOSITORY

# What the program writes of itself, not of figures.
OWN = ("data_dictionary", "load_log")
# Columns of the first revision's tables that have another name since, with it.
RENAMED = {
    "dim_force": ("cps_area", "cps_area_code"),
    "fact_cps_outcome": ("cps_area", "cps_area_code"),
    "fact_programme_activity": ("geography", "geography_code"),
    "fact_irregular_arrival": ("people", "arrivals"),
}
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    opened = open_engine(warehouse_url)
    yield opened
    opened.dispose()


def _make_baseline(engine: Engine) -> None:
    """Make the tables and a view as commit 110197f did, with a row or two in every table."""
    values: dict[type, Any] = {
        dt.date: dt.date(2021, 1, 1),
        dt.datetime: dt.datetime(2021, 1, 1, 2, 30),
        str: "x",
        bool: True,
        int: 1,
        float: 1.5,
    }
    with write_transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        upgrade_tables(connection, BASELINE)
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
        for table in _standing(connection).sorted_tables:
            row = {column.name: values[column.type.python_type] for column in table.columns}
            connection.execute(sa.insert(table), [row])
        old = metadata.tables["validation_result"]
        ended = sa.select(*(sa.literal(dt.date(2020, 1, 1)) if c.name == "found_on" else c for c in old.columns))
        connection.execute(sa.insert(old).from_select([c.name for c in old.columns], ended))
        digests = {"tables": BASELINE_DIGESTS[engine.dialect.name], "views": "old", "words": "old"}
        entries = [{"stage": k, "quarter_start": dt.date(2015, 1, 1), "fingerprint": v} for k, v in digests.items()]
        connection.execute(sa.insert(load_log), entries)
        connection.exec_driver_sql("CREATE VIEW current_release AS SELECT * FROM release")


def _standing(connection: Connection) -> sa.MetaData:
    standing = sa.MetaData()
    standing.reflect(connection)
    return standing


def _rows(engine: Engine) -> Rows:
    with read_transaction(engine) as connection:
        return {
            table.name: sorted(map(dict, connection.execute(sa.select(table)).mappings()), key=repr)
            for table in _standing(connection).tables.values()
        }


def _described(connection: Connection) -> dict[str, Any]:
    """Return all that an engine's catalogue says of the tables of the model."""
    inspector = sa.inspect(connection)

    def said(table: str) -> dict[str, Any]:
        columns = {c["name"]: (repr(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)}
        parts = (
            inspector.get_foreign_keys(table),
            inspector.get_indexes(table),
            inspector.get_unique_constraints(table),
        )
        return {
            "columns": columns,
            "key": inspector.get_pk_constraint(table),
            "rest": [sorted(map(repr, part)) for part in parts],
        }

    return {table.name: said(table.name) for table in metadata.sorted_tables}


def test_the_first_revision_makes_the_tables_of_110197f_word_for_word(engine: Engine):
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: said.append(statement))
    with engine.begin() as connection:
        upgrade_tables(connection, BASELINE)
    made = [words for words in said if words.startswith("\nCREATE TABLE") and VERSION_TABLE not in words]
    assert hashlib.sha256("\n".join(made).encode()).hexdigest() == BASELINE_DIGESTS[engine.dialect.name]


def test_the_newest_revision_is_the_one_that_is_known(engine: Engine):
    with read_transaction(engine) as connection:
        scripts = ScriptDirectory.from_config(make_alembic_config(connection))
    assert scripts.get_current_head() == HEAD
    assert scripts.get_base() == BASELINE


def test_model_and_revisions_agree(engine: Engine):
    prepare(engine)
    with read_transaction(engine) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        upgraded = _described(connection)
    assert not differences, 'make revision WORDS="what changes"'
    with engine.begin() as connection:
        for view in VIEWS:
            connection.exec_driver_sql(f"DROP VIEW {view}")
        metadata.drop_all(connection)
        metadata.create_all(connection)
        made = _described(connection)
    # What compare_metadata does not look at, keys among it.
    assert upgraded == made


def test_an_upgrade_loses_nothing(engine: Engine):
    _make_baseline(engine)
    before = _rows(engine)
    assert all(before.values()) and len(before["validation_result"]) == 2
    prepare(engine)
    after = _rows(engine)
    for table, rows in before.items():
        if table not in OWN:
            former, name = RENAMED.get(table, ("", ""))
            expected = [{name if column == former else column: row[column] for column in row} for row in rows]
            assert [{column: row[column] for column in expected[0]} for row in after[table]] == expected, table
    kept = [row for row in before["load_log"] if row["stage"] == "x"]
    assert [row for row in after["load_log"] if row["stage"] == "x"] == kept
    assert {row["stage"] for row in after["load_log"]} == {"x", "views", "words"}
    assert after[VERSION_TABLE] == [{"version_num": HEAD}]
    assert after[withdrawal.name] == []
    assert [(bool(row["in_raw"]), row["landed_on"]) for row in after["release"]] == [(True, None)]
    assert [bool(row["is_synthetic"]) for row in after["kpi_definition"]] == [True]
    with read_transaction(engine) as connection:
        schema = SCHEMA if engine.dialect.name == "postgresql" else None
        assert set(sa.inspect(connection).get_view_names(schema=schema)) == set(VIEWS)
        connection.execute(sa.text("SELECT in_raw FROM current_release"))
        if schema:
            inspector = sa.inspect(connection)
            assert inspector.has_table(VERSION_TABLE, schema=schema)
            comments = {c["name"]: c["comment"] for c in inspector.get_columns("release")}
            assert comments == {column.name: column.comment for column in release.columns}
            assert inspector.get_table_comment(withdrawal.name) == {"text": withdrawal.comment}
    prepare(engine)
    assert _rows(engine) == after


def test_verdicts_that_rest_on_the_sample_are_renamed_and_others_stay(engine: Engine):
    standing = {"a": ("reproduced", True), "b": ("reproduced", False), "c": ("differs", True), "d": ("differs", False)}
    standing |= {"e": ("contradicted", True), "f": ("contradicted", False), "g": ("not computable", True)}
    with write_transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        upgrade_tables(connection, "0004")
        table = _standing(connection).tables["report_claim"]
        for claim_id, (verdict, is_synthetic) in standing.items():
            values: dict[type, Any] = {str: "x", dt.date: dt.date(2022, 7, 31), int: 1, float: 1.5, bool: is_synthetic}
            row = {column.name: values[column.type.python_type] for column in table.columns}
            connection.execute(sa.insert(table), [row | {"claim_id": claim_id, "verdict": verdict}])
    prepare(engine)
    with read_transaction(engine) as connection:
        columns = (report_claim.c.claim_id, report_claim.c.verdict)
        upgraded = {row.claim_id: row.verdict for row in connection.execute(sa.select(*columns))}
    assert upgraded == {
        "a": "reproduced by sample data",
        "b": "reproduced",
        "c": "differs from sample data",
        "d": "differs",
        "e": "contradicted by sample data",
        "f": "contradicted",
        "g": "not computable",
    }


def test_an_upgrade_that_breaks_leaves_all_as_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    _make_baseline(engine)
    before = _rows(engine)

    def breaks(_: Connection) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(preparing, "make_views", breaks)
    with pytest.raises(RuntimeError, match="broken"):
        prepare(engine)
    assert _rows(engine) == before
    with read_transaction(engine) as connection:
        assert read_standing_revision(connection) is None
        assert connection.execute(sa.text("SELECT release_id FROM current_release")).one()
    monkeypatch.undo()
    prepare(engine)
    if engine.dialect.name == "sqlite":
        with read_transaction(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("digest", ["another", None])
def test_tables_of_another_model_are_left_alone(engine: Engine, digest: str | None):
    _make_baseline(engine)
    with engine.begin() as connection:
        its = load_log.c.stage == "tables"
        connection.execute(sa.update(load_log).where(its).values(fingerprint=digest) if digest else sa.delete(load_log))
    before = _rows(engine)
    with pytest.raises(OldModelError, match="MSOIC_WAREHOUSE_URL at an empty database"):
        prepare(engine)
    assert _rows(engine) == before


def test_tables_of_a_newer_version_are_left_alone(engine: Engine):
    prepare(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    before = _rows(engine)
    with pytest.raises(NewModelError, match=r"revision 9999.*Install the newer version"):
        prepare(engine)
    assert _rows(engine) == before


PREPARES = """
import sys
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.preparing import prepare
engine = open_engine(sys.stdin.readline().strip())
prepare(engine)
if "definitions" in sys.argv:
    import msoic_pipeline.definitions
print("alembic" if any(name.partition(".")[0] == "alembic" for name in sys.modules) else "nothing")
"""


def _start_process(*words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", PREPARES, *words], cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def test_several_processes_prepare_at_once(engine: Engine):
    _make_baseline(engine)
    url = engine.url.render_as_string(hide_password=False)
    processes = [_start_process() for _ in range(3)]
    for process in processes:
        assert process.stdin
        process.stdin.write(f"{url}\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
    with read_transaction(engine) as connection:
        assert read_standing_revision(connection) == HEAD
    # The warehouse is up to date by now.
    said, errors = _start_process("definitions").communicate(f"{url}\n", timeout=120)
    assert said.split() == ["nothing"], errors[-2000:]


def test_a_table_that_others_refer_to_can_be_changed_otherwise_than_in_place(engine: Engine):
    _make_baseline(engine)
    prepare(engine)
    with preparing._altering_tables(engine) as connection:
        drop_views(connection)
        with Operations(MigrationContext.configure(connection)).batch_alter_table("release") as batch:
            batch.alter_column("note", existing_type=sa.Text(), nullable=True)
    with read_transaction(engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["vintage"])) == 1
        columns = {c["name"]: c["nullable"] for c in sa.inspect(connection).get_columns("release")}
        assert columns["note"] and not columns["title"]
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.delete(release))


def test_an_administrator_s_views_stay_where_tables_are_upgraded(engine: Engine):
    _make_baseline(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW of_mine AS SELECT title FROM release")
        # As an earlier version called one of its own.
        connection.exec_driver_sql("CREATE VIEW newest_release AS SELECT * FROM release")
        its = {"table_name": "newest_release", "column_name": "", "position": 0, "type": "view", "unit": ""}
        connection.execute(sa.insert(data_dictionary), [its | {"is_key": False, "description": ""}])
    prepare(engine)
    with read_transaction(engine) as connection:
        schema = SCHEMA if engine.dialect.name == "postgresql" else None
        assert set(sa.inspect(connection).get_view_names(schema=schema)) == {*VIEWS, "of_mine"}
        assert connection.scalar(sa.text("SELECT title FROM of_mine")) == "x"


def test_views_that_have_not_changed_stand_where_words_have(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    prepare(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW of_mine AS SELECT title FROM current_release")
    monkeypatch.setitem(VIEWS, "current_release", replace(VIEWS["current_release"], description="Other words."))
    monkeypatch.setattr(preparing, "make_views", None)
    prepare(engine)
    with read_transaction(engine) as connection:
        words = sa.select(data_dictionary.c.description).where(data_dictionary.c.table_name == "current_release")
        assert "Other words." in set(connection.scalars(words))


def test_a_view_that_gets_a_column_keeps_what_is_built_upon_it(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    prepare(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW of_mine AS SELECT title FROM current_release")
    view = VIEWS["current_release"]
    longer = replace(view, select=view.select.add_columns(sa.literal(1).label("one")), described={"one": "One."})
    monkeypatch.setitem(VIEWS, "current_release", longer)
    prepare(engine)
    with read_transaction(engine) as connection:
        connection.execute(sa.text("SELECT one FROM current_release"))
        connection.execute(sa.text("SELECT title FROM of_mine"))


def test_what_is_built_upon_a_view_that_loses_a_column_is_named(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
):
    engine = open_engine(postgres_database)
    prepare(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW public.of_mine AS SELECT title FROM current_release")
    before = _rows(engine)
    shorter = replace(VIEWS["current_release"], select=sa.select(release.c.release_id))
    monkeypatch.setitem(VIEWS, "current_release", shorter)
    with pytest.raises(ViewInUseError, match=r"view (public\.)?of_mine depends on view (msoic\.)?current_release"):
        prepare(engine)
    assert _rows(engine) == before
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW public.of_mine")
    prepare(engine)
    engine.dispose()


def test_who_may_read_a_view_may_read_it_after_an_upgrade(postgres_database: str, monkeypatch: pytest.MonkeyPatch):
    engine = open_engine(postgres_database)
    _make_baseline(engine)
    role = f"reader_{uuid.uuid4().hex}"

    def list_readers() -> set[tuple[str, str | None]]:
        with read_transaction(engine) as connection:
            return {(grant.view, grant.column) for grant in read_grants(connection)}

    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT SELECT ON current_release TO {role}")
        prepare(engine)
        assert list_readers() == {("current_release", None)}
        with engine.begin() as connection:
            connection.exec_driver_sql("GRANT SELECT ON kpi_change TO PUBLIC")
            connection.exec_driver_sql(f"GRANT SELECT (release_id, title) ON current_release TO {role}")
        monkeypatch.setitem(
            VIEWS, "current_release", replace(VIEWS["current_release"], select=sa.select(release.c.release_id))
        )
        prepare(engine)
        assert list_readers() == {("current_release", None), ("current_release", "release_id"), ("kpi_change", None)}
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
        engine.dispose()


def test_views_of_others_in_the_same_database_stay(postgres_database: str):
    engine = open_engine(postgres_database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW public.of_others AS SELECT 1 AS one")
        connection.exec_driver_sql("CREATE TABLE public.alembic_version (version_num text)")
    prepare(engine)
    with read_transaction(engine) as connection:
        assert sa.inspect(connection).get_view_names(schema="public") == ["of_others"]
    engine.dispose()
