"""What a check of the warehouse is, and what it says of one table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from msoic_pipeline.model.checks import CheckWords


@dataclass(frozen=True)
class TableFinding:
    """What one check found in one table of one source: rows looked at, rows that failed, and the words for it.

    ``detail`` does not change from day to day unless what it speaks of does.
    """

    source: str
    table_name: str
    rows_checked: int
    rows_failed: int
    detail: str


@dataclass(frozen=True)
class WarehouseCheck(CheckWords):
    """A check on the loaded warehouse: its words, and the function that makes it.

    ``run`` takes a connection and the day as at which to judge, and yields what it found, a table at a time.
    """

    run: Callable[[Connection, dt.date], Iterator[TableFinding]]
