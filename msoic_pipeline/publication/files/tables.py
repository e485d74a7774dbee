"""A table as it is published: its rows in Arrow's types, and the words of the model on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.arrow import list_arrow_fields
from msoic_pipeline.model.views import VIEWS

ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class DataTable:
    """A table of a publication: name, words, and of each column its description; rows are in the order of its key."""

    name: str
    description: str
    column_descriptions: Mapping[str, str]
    primary_key: tuple[str, ...]
    rows: pa.Table


def read_data_table(
    connection: Connection, name: str, primary_key: Sequence[str] = (), *conditions: sa.ColumnElement[bool]
) -> DataTable:
    """Return a table or a view of the model, with the rows that meet ``conditions``.

    A view has the key that is given. Raises KeyError where the model has neither.
    """
    if name in VIEWS:
        view = VIEWS[name]
        query, description, words = view.select, view.description, view.columns()
    else:
        table = metadata.tables[name]
        query, description = sa.select(table), table.comment or ""
        words = {column.name: column.comment or "" for column in table.columns}
        primary_key = [column.name for column in table.primary_key]
    columns = list(query.selected_columns)
    order = [column for column in columns if column.name in primary_key] or columns
    schema = pa.schema(list_arrow_fields(columns))
    # By and by: as Python's objects the rows take ten times the memory that they take in Arrow's.
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query.where(*conditions).order_by(*order))
    batches = [
        pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)
        for rows in result.mappings().partitions()
    ]
    return DataTable(name, description, words, tuple(primary_key), pa.Table.from_batches(batches, schema))
