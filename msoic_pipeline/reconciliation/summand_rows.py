"""The rows of ``summands``: what a figure is wherever it comes from, a fact, a published total or a publication."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class SummandRow:
    """The columns of a row, each as an expression.

    ``side`` is left or right, ``summand`` its number within the side, from 1. ``period_start``, ``geography_code`` and
    ``item`` say where and as what the figure is compared. ``release_group`` says which figures are held against each
    other: nothing where the latest are; else the release, the later one of two, or the day of publication.
    ``release_id`` is the release that says it, ``quarter_start`` the quarter of the figure itself. The sum of figures
    is to be multiplied by ``factor``. ``is_complete`` is 1, or 0 where the figure is not known, or was published before
    its period was over.
    """

    side: sa.ColumnElement[Any]
    summand: sa.ColumnElement[Any]
    period_start: sa.ColumnElement[Any]
    geography_code: sa.ColumnElement[Any]
    item: sa.ColumnElement[Any]
    release_group: sa.ColumnElement[Any]
    release_id: sa.ColumnElement[Any]
    quarter_start: sa.ColumnElement[Any]
    value: sa.ColumnElement[Any]
    factor: sa.ColumnElement[Any]
    is_complete: sa.ColumnElement[Any]

    def select(self) -> sa.Select[Any]:
        """Return the query of the rows, without where they come from."""
        return sa.select(*(getattr(self, field.name).label(field.name) for field in fields(self)))
