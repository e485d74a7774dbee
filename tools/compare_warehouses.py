"""Say in which rows two warehouses differ: ``python tools/compare_warehouses.py URL OTHER_URL``.

Tables and columns that only one of them has are named and left out, as is what tells of runs and days rather than of
figures. Exit code 1 where any row differs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.warehouse.engine import open_engine, read_transaction

# What differs from run to run, or tells how the warehouse was made.
LEFT_OUT = {"pipeline_run", "load_log", "alembic_version", "data_dictionary"}
LEFT_OUT_COLUMNS = {"landed_on", "found_on", "decided_at"}
SHOWN = 3


def read_rows(engine: sa.Engine, name: str, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """Return how often each row of a table, cut to ``columns``, stands in it."""
    table = sa.table(name, *(sa.column(column) for column in columns))
    with read_transaction(engine) as connection:
        rows = connection.execute(sa.select(table)).all()
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: Any) -> Any:
    """Return a value in the form in which both engines give it."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float | str | None) else str(value)


def list_columns(engine: sa.Engine) -> dict[str, list[str]]:
    """Return the columns of each table."""
    inspector = sa.inspect(engine)
    return {name: [column["name"] for column in inspector.get_columns(name)] for name in inspector.get_table_names()}


@dataclass(frozen=True)
class ComparedTable:
    """A table that both warehouses have: columns that one alone has, how many rows are the same, and which differ."""

    name: str
    columns_in_one_only: list[str]
    same: int
    only_first: Counter[tuple[Any, ...]]
    only_second: Counter[tuple[Any, ...]]

    @property
    def differs(self) -> bool:
        """Whether any row does."""
        return bool(self.only_first or self.only_second)


def compare_tables(first: sa.Engine, second: sa.Engine) -> list[ComparedTable]:
    """Return what each table that both have comes to."""
    first_columns, second_columns = list_columns(first), list_columns(second)
    compared = []
    for name in sorted((first_columns.keys() & second_columns.keys()) - LEFT_OUT):
        of_one_only = set(first_columns[name]) ^ set(second_columns[name])
        of_both = [column for column in first_columns[name] if column in second_columns[name]]
        columns = [column for column in of_both if column not in LEFT_OUT_COLUMNS]
        first_rows, second_rows = read_rows(first, name, columns), read_rows(second, name, columns)
        compared.append(
            ComparedTable(
                name,
                columns_in_one_only=sorted(of_one_only),
                same=(first_rows & second_rows).total(),
                only_first=first_rows - second_rows,
                only_second=second_rows - first_rows,
            )
        )
    return compared


def find_tables_of_one(first: sa.Engine, second: sa.Engine) -> list[str]:
    """Return a line for each table that only one of them has."""
    first_columns, second_columns = list_columns(first), list_columns(second)
    names = sorted((first_columns.keys() ^ second_columns.keys()) - LEFT_OUT)
    return [f"{name}: only in {'the first' if name in first_columns else 'the second'}" for name in names]


def tell_table(table: ComparedTable) -> Iterator[str]:
    """Yield what a table comes to, in lines."""
    note = f" (columns of one only: {', '.join(table.columns_in_one_only)})" if table.columns_in_one_only else ""
    if not table.differs:
        yield f"{table.name}: {table.same:,} rows, the same{note}"
        return
    first, second = table.only_first.total(), table.only_second.total()
    yield f"{table.name}: DIFFERS: {first:,} rows only in the first, {second:,} in the second{note}"
    for sign, differing in (("-", table.only_first), ("+", table.only_second)):
        for row in list(differing)[:SHOWN]:
            yield f"  {sign} {row}"


def main(urls: list[str]) -> int:
    """Print where two warehouses differ; return the exit code: 0 where they do not, 1 where they do, 2 without two."""
    if len(urls) != 2:
        print("usage: python tools/compare_warehouses.py URL OTHER_URL", file=sys.stderr)
        return 2
    first, second = (open_engine(url, may_create=False) for url in urls)
    for line in find_tables_of_one(first, second):
        print(line)
    tables = compare_tables(first, second)
    for table in tables:
        for line in tell_table(table):
            print(line)
    first.dispose()
    second.dispose()
    return int(any(table.differs for table in tables))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
