"""Say in which rows two warehouses differ: ``python tools/compare_warehouses.py URL OTHER_URL``.

Tables and columns that only one of them has are named and left out, as is what tells of runs and days rather than of
figures. Exit code 1 where any row differs.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.warehouse.engine import open_engine, reading

# What differs from run to run, or tells how the warehouse was made.
LEFT_OUT = {"pipeline_run", "load_log", "alembic_version", "data_dictionary"}
LEFT_OUT_COLUMNS = {"landed_on", "found_on", "decided_at"}
SHOWN = 3


def table_rows(engine: sa.Engine, name: str, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """Return how often each row of a table, cut to ``columns``, stands in it."""
    table = sa.table(name, *(sa.column(column) for column in columns))
    with reading(engine) as connection:
        rows = connection.execute(sa.select(table)).all()
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: Any) -> Any:
    """Return a value in the form in which both engines give it."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float | str | None) else str(value)


def columns_of(engine: sa.Engine) -> dict[str, list[str]]:
    """Return the columns of each table."""
    inspector = sa.inspect(engine)
    return {name: [column["name"] for column in inspector.get_columns(name)] for name in inspector.get_table_names()}


def compare(url: str, other_url: str) -> int:
    """Print the differences; return how many tables differ."""
    one, other = open_engine(url), open_engine(other_url)
    ours, theirs = columns_of(one), columns_of(other)
    for name in sorted((ours.keys() ^ theirs.keys()) - LEFT_OUT):
        print(f"{name}: only in {'the first' if name in ours else 'the second'}")
    different = 0
    for name in sorted((ours.keys() & theirs.keys()) - LEFT_OUT):
        new = sorted(set(ours[name]) ^ set(theirs[name]))
        columns = [column for column in ours[name] if column in theirs[name] and column not in LEFT_OUT_COLUMNS]
        rows, other_rows = table_rows(one, name, columns), table_rows(other, name, columns)
        missing, added = rows - other_rows, other_rows - rows
        note = f" (columns of one only: {', '.join(new)})" if new else ""
        if not missing and not added:
            print(f"{name}: {rows.total():,} rows, the same{note}")
            continue
        different += 1
        print(f"{name}: DIFFERS: {missing.total():,} rows only in the first, {added.total():,} in the second{note}")
        for sign, differing in (("-", missing), ("+", added)):
            for row in list(differing)[:SHOWN]:
                print(f"  {sign} {row}")
    one.dispose()
    other.dispose()
    return different


if __name__ == "__main__":
    sys.exit(1 if compare(*sys.argv[1:3]) else 0)
