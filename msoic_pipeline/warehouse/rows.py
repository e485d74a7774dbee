"""How rows of small tables are brought up to date: what has not changed is left alone, so that an idle run writes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.warehouse.engine import bulk_insert, replace_rows


def key_columns(table: sa.Table) -> list[str]:
    """Return the names of the columns of a table's primary key, in their order."""
    return [column.name for column in table.primary_key.columns]


def rows_by_key(rows: Iterable[Any], key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by the values of their key."""
    return {tuple(row[name] for name in key): dict(row) for row in rows}


def upsert_rows(connection: Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that are new and mend those that have changed; rows that are not among them stay."""
    key = key_columns(table)
    standing = rows_by_key(connection.execute(sa.select(table)).mappings(), key)
    new = []
    for row in rows:
        identity = tuple(row[name] for name in key)
        if identity not in standing:
            new.append(row)
        elif any(standing[identity][name] != value for name, value in row.items()):
            is_row = sa.and_(*(table.c[name] == row[name] for name in key))
            changes = {name: value for name, value in row.items() if name not in key}
            connection.execute(sa.update(table).where(is_row).values(changes))
    bulk_insert(connection, table, make_arrow_rows(table, new))


def replace_changed_rows(connection: Connection, table: sa.Table, scope: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Make ``rows`` all that stands within ``scope``, a condition on ``table``; of two of one key the later counts."""
    key = key_columns(table)
    wanted = rows_by_key(rows, key)
    standing = rows_by_key(connection.execute(sa.select(table).where(scope)).mappings(), key)
    if standing != wanted:
        in_order = [wanted[identity] for identity in sorted(wanted)]
        replace_rows(connection, table, scope, make_arrow_rows(table, in_order))
