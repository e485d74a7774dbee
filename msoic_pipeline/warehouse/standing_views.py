"""The views that stand in the warehouse, brought to those of the model; an administrator's own beside them stay.

Ours are those of the model, and those that the data dictionary of the warehouse names: an earlier version may have made
a view that has another name now. On PostgreSQL a view is replaced in its place where its columns allow it, so that
what others have built upon it, and who may read it, stays; where it must be dropped, the grants on it are given anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import data_dictionary
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.warehouse.engine import SCHEMA
from msoic_pipeline.warehouse.migrations import ModelError
from msoic_pipeline.warehouse.sql_text import has_percent_doubled, write_statement

# PostgreSQL's codes: something else is built upon it; a column would go or get another name or type.
_IS_BUILT_UPON, _CANNOT_REPLACE = "2BP01", "42P16"

# Who may do what with the views of the schema and their columns, but for their owner.
_GRANTS = """
    SELECT view.relname AS view, CAST(NULL AS text) AS column, granted.privilege_type AS privilege,
           granted.is_grantable, granted.grantee
    FROM pg_class view CROSS JOIN aclexplode(view.relacl) granted
    WHERE view.relkind = 'v' AND view.relnamespace = to_regnamespace(:schema) AND granted.grantee <> view.relowner
    UNION ALL
    SELECT view.relname, held.attname, granted.privilege_type, granted.is_grantable, granted.grantee
    FROM pg_class view JOIN pg_attribute held ON held.attrelid = view.oid CROSS JOIN aclexplode(held.attacl) granted
    WHERE view.relkind = 'v' AND view.relnamespace = to_regnamespace(:schema) AND granted.grantee <> view.relowner
"""


class ViewInUseError(ModelError):
    """A view of ours has to be dropped, and views of others are built upon it."""

    def __init__(self, dependants: str) -> None:
        super().__init__(
            f"its views have to be made anew, and others are built upon them: {dependants}. All is left as it was. "
            "Keep the text of those views (pg_get_viewdef), drop them, run again, and make them anew"
        )


@dataclass(frozen=True)
class Grant:
    """What somebody may do with a view, or with one of its columns (None: the whole); ``grantee`` is an SQL word."""

    view: str
    column: str | None
    privilege: str
    is_grantable: bool
    grantee: str


def drop_views(connection: Connection) -> None:
    """Drop the views that stand and are ours. Raises ViewInUseError where others are built upon them."""
    _drop(connection, _list_standing_views(connection))


def make_views(connection: Connection) -> None:
    """Make the views of the model, in the place of those that stand, and drop those that have left the model.

    Raises ViewInUseError where one of these has to be dropped and others are built upon it.
    """
    _drop(connection, [name for name in _list_standing_views(connection) if name not in VIEWS])
    for name in VIEWS:
        _make_view(connection, name)


def read_grants(connection: Connection) -> list[Grant]:
    """Return who may do what with the views of the schema; nobody on SQLite, which knows no users."""
    if connection.dialect.name != "postgresql":
        return []
    granted = sa.text(f"""
        SELECT granted.view, granted.column, granted.privilege, granted.is_grantable,
               coalesce(quote_ident(role.rolname), 'PUBLIC') AS grantee
        FROM ({_GRANTS}) granted LEFT JOIN pg_roles role ON role.oid = granted.grantee
        ORDER BY 1, 2, 3, 5
    """)
    return [Grant(**row) for row in connection.execute(granted, {"schema": SCHEMA}).mappings()]


def restore_grants(connection: Connection, grants: list[Grant]) -> None:
    """Grant anew what was granted on views of the model, as far as these have the columns still."""
    quote = connection.dialect.identifier_preparer.quote
    for grant in grants:
        if grant.view not in VIEWS or grant.column not in (None, *VIEWS[grant.view].columns()):
            continue
        what = f"{grant.privilege} ({quote(grant.column)})" if grant.column else grant.privilege
        option = " WITH GRANT OPTION" if grant.is_grantable else ""
        execute_text(connection, f"GRANT {what} ON {SCHEMA}.{grant.view} TO {grant.grantee}{option}")


def execute_text(connection: Connection, statement: str) -> None:
    """Execute a statement as it is written, in which a driver may take a single ``%`` for a parameter."""
    escaped = statement.replace("%", "%%") if has_percent_doubled(connection.dialect) else statement
    connection.exec_driver_sql(escaped)


def _list_standing_views(connection: Connection) -> list[str]:
    """Return the names of our views that stand, of whatever version."""
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    inspector = sa.inspect(connection)
    made = set(VIEWS)
    if inspector.has_table(data_dictionary.name, schema=schema):
        is_view = sa.and_(data_dictionary.c.column_name == "", data_dictionary.c.type == "view")
        made.update(connection.scalars(sa.select(data_dictionary.c.table_name).where(is_view)))
    return sorted(made.intersection(inspector.get_view_names(schema=schema)))


def _make_view(connection: Connection, name: str) -> None:
    query = write_statement(VIEWS[name].select, connection.dialect)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        execute_text(connection, f"CREATE VIEW {name} AS {query}")
        return
    try:
        with connection.begin_nested():
            execute_text(connection, f"CREATE OR REPLACE VIEW {name} AS {query}")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _CANNOT_REPLACE:
            raise
        _drop(connection, [name])
        execute_text(connection, f"CREATE VIEW {name} AS {query}")


def _drop(connection: Connection, names: list[str]) -> None:
    """Drop views. Raises ViewInUseError where others are built upon them, which SQLite lets stand without them."""
    if connection.dialect.name == "sqlite":
        for name in names:
            connection.exec_driver_sql(f"DROP VIEW {name}")
    elif names:
        try:
            connection.exec_driver_sql(f"DROP VIEW {', '.join(names)}")  # at once: one may be built upon another
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") != _IS_BUILT_UPON:
                raise
            diagnosis = getattr(error.orig, "diag", None)
            dependants = str(getattr(diagnosis, "message_detail", None) or error.orig)
            raise ViewInUseError("; ".join(dependants.splitlines())) from error
