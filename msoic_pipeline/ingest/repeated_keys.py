"""Rows of a release that have one key: some are to be added up, all others cannot both be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from msoic_pipeline.model.facts import cell_columns
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.values import MAX_COUNT

# Of the cells that share a key so many are named.
CELLS_TOLD = 5


def make_keys_unique(rows: pa.Table, may_be_summed: np.ndarray, fact: sa.Table) -> tuple[pa.Table, list[Failure]]:
    """Return the rows of a fact table sorted by their key, no two with the same one, and what is rejected.

    Rows of one key are added up where all of them may be (``may_be_summed``, a flag for each row) and they stand in one
    sheet; their cells are joined. All others are rejected, none of them is loaded. With forces and codes for the key::

        sheet     cell   force   code   offences   may be summed
        2021-22   H2     Kent    1      4          yes              one row: 9, cells H2,H3
        2021-22   H3     Kent    1      5          yes
        2021-22   H4     Kent    3A     5          no               rejected, and so is H5: is it 5 or 6?
        2021-22   H5     Kent    3A     6          no
        2021-22   H6     Kent    8N     7          no               as it is
    """
    key = [column.name for column in fact.primary_key.columns]
    in_key_order = [(name, "ascending") for name in key]
    order = pc.sort_indices(rows, in_key_order)
    rows, may_be_summed = rows.take(order), may_be_summed[order.to_numpy()]
    has_key_of_row_above = _compare_with_row_above(rows, key)
    if not has_key_of_row_above.any():
        return rows, []
    has_key_of_row_below = np.append(has_key_of_row_above[1:], False)
    is_repeated = has_key_of_row_above | has_key_of_row_below
    number_of_key = np.cumsum(~has_key_of_row_above)

    repeated = rows.filter(is_repeated).to_pandas()
    keys = number_of_key[is_repeated]
    is_summed = _find_summed(repeated, keys, may_be_summed[is_repeated], fact)
    rejects = _reject_repeated(repeated[~is_summed], keys[~is_summed])
    summed = _sum_rows(repeated[is_summed], keys[is_summed], fact)
    unique = pa.concat_tables(
        [rows.filter(~is_repeated), pa.Table.from_pandas(summed, schema=rows.schema, preserve_index=False)]
    )
    return unique.sort_by(in_key_order), rejects


def _compare_with_row_above(rows: pa.Table, key: Sequence[str]) -> np.ndarray:
    """Return which rows have the key of the row above them."""
    is_same = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for name in key:
        column = rows[name].combine_chunks()
        is_same &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    return np.insert(is_same, 0, False) if len(rows) else is_same


def _find_summed(repeated: pd.DataFrame, keys: np.ndarray, may_be_summed: np.ndarray, fact: sa.Table) -> np.ndarray:
    """Return which of the repeated rows are added up: those of keys of which all rows may be, and in one sheet.

    ``keys`` numbers the rows' keys. What no integer column could hold is not added up either.
    """
    of_one_key = repeated.assign(may_be_summed=may_be_summed).groupby(keys, sort=False)
    is_summed = of_one_key["may_be_summed"].transform("all") & (of_one_key["sheet"].transform("nunique") == 1)
    measures = list(traits_of_fact(fact).measures)
    is_summed &= (of_one_key[measures].transform("sum").abs() <= MAX_COUNT).all(axis=1)
    return is_summed.to_numpy(dtype=bool)


def _sum_rows(rows: pd.DataFrame, keys: np.ndarray, fact: sa.Table) -> pd.DataFrame:
    """Return a row for each key: the sums of its measures, its cells joined by commas, all else as in the first row.

    A measure that none of its rows gives is missing, not zero.
    """
    measures = list(traits_of_fact(fact).measures)
    how: dict[str, Any] = {name: ",".join if name in cell_columns(fact) else "first" for name in rows.columns}
    of_one_key = rows.groupby(keys, sort=False)
    summed = of_one_key.agg(how)
    summed[measures] = of_one_key[measures].sum(min_count=1)
    return summed


def _reject_repeated(rows: pd.DataFrame, keys: np.ndarray) -> list[Failure]:
    """Return a reject for each row, which names the cells of all rows of its key."""
    if rows.empty:
        return []
    cells_of_key = rows["cell"].groupby(keys, sort=False).transform(_join_first_cells)
    return [
        Failure("duplicate_key", sheet, cell, f"expected one row of its key; found it again: {cells}")
        for sheet, cell, cells in zip(rows["sheet"], rows["cell"], cells_of_key, strict=True)
    ]


def _join_first_cells(cells: pd.Series[str]) -> str:
    """Return the first few of many cells: each row of a key names them, and a bad file may have a million."""
    more = f" and {len(cells) - CELLS_TOLD:,} more" if len(cells) > CELLS_TOLD else ""
    return ", ".join(cells.head(CELLS_TOLD)) + more
