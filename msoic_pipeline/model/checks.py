"""What a check written by hand is: its name, how grave its failures are, and why it is made.

A check says what a declaration of columns cannot. It is named by what holds, and so is the function that makes it.
Checks stand in four places: within a sheet (``ingest.sheet_checks``), on the rows of a release
(``quality.row_checks``), on those of one publisher alone (``sources/<source>/checks.py``), on the loaded warehouse
(``audit.warehouse_checks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model.traits import Severity

# What a check says where it finds nothing wrong.
HOLDS = "holds"


@dataclass(frozen=True)
class CheckWords:
    """What people read of a check: ``name`` says what holds, ``severity`` how grave a failure is, ``reason`` says why
    a failure matters.
    """

    name: str
    severity: Severity
    reason: str


@dataclass(frozen=True)
class RowFailure:
    """What a check on rows finds wrong in a release, in words, and its place; of a whole series it has none."""

    release_id: str
    detail: str
    sheet: str = ""
    cell: str = ""


@dataclass(frozen=True)
class RowCheck(CheckWords):
    """A check on the rows of releases, before they are loaded: its words, and the function that makes it.

    ``run`` takes the rows of several releases (those of their fact table, with ``release_id``) and the fact table, and
    gives what is wrong. ``facts`` are the tables it is for; empty where it is for all. ``rule`` is what a known fault
    that accepts its failures calls it, and quarantine; a check that only warns needs none.
    """

    run: Callable[[pd.DataFrame, sa.Table], Iterable[RowFailure]]
    facts: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class SeriesApart:
    """A member of a column whose national series is judged by itself, apart from the sum of all other members.

    ``name`` and ``others`` are what the two series are called, as of ``MODERN_SLAVERY``.
    """

    column: str
    member: str
    name: str
    others: str


# By its Home Office offence code. Ten thousand offences of modern slavery are so few among millions of all kinds that a
# shift of their level would not be seen in the total.
MODERN_SLAVERY = SeriesApart("offence_code", "106", name="offence 106", others="all other offences")


@dataclass(frozen=True)
class PublisherChecks:
    """What is checked of one publisher's figures alone; see ``quality.publishers``."""

    row_checks: tuple[RowCheck, ...] = ()
    series_apart: tuple[SeriesApart, ...] = ()
