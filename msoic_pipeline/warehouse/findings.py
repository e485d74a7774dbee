"""Findings, with their history: each stands from the day on which it was made until something else was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence import validation_result
from msoic_pipeline.model.evidence_rows import ValidationResult
from msoic_pipeline.warehouse.rows import bind_key, bulk_insert, has_key, index_rows, key_columns


def record_findings(
    connection: Connection, scope: sa.ColumnElement[bool], findings: Sequence[ValidationResult], today: dt.date
) -> None:
    """Bring the findings within ``scope`` up to date: what is found anew, or otherwise than before, stands from today.

    ``scope`` is a condition on validation_result, within which ``findings`` are all that is found today. What is found
    as before stays as it is, so that an idle run writes nothing; of several runs on a day the last one's findings stay.

    For example a check that failed on Monday and Tuesday and holds on Friday: one row from Monday to Friday that says
    that it failed, and one from Friday on that says that it holds.

    Raises ValueError where two findings are of one check, table and release.
    """
    table = validation_result
    key = [name for name in key_columns(table) if name != "found_on"]
    found = index_rows(map(asdict, findings), key)
    if len(found) < len(findings):
        raise ValueError("two findings of one check, table and release: one would hide the other")
    # Days after today are those of a clock that was wrong: what ended on them stood until today, and what was found on
    # them is found today.
    is_standing = sa.or_(table.c.superseded_on.is_(None), table.c.superseded_on > today)
    query = sa.select(table).where(scope, sa.or_(is_standing, table.c.found_on >= today))
    recorded = [dict(row) for row in connection.execute(query).mappings()]
    standing = index_rows((row for row in recorded if row["superseded_on"] is None), key)
    unchanged = _find_unchanged(standing, found, today)
    ended = {tuple(row[name] for name in key) for row in recorded} - unchanged
    _end_findings(connection, key, ended, is_standing, today)
    begun = [
        found[identity] | {"found_on": today, "superseded_on": None} for identity in sorted(found.keys() - unchanged)
    ]
    bulk_insert(connection, table, make_arrow_rows(table, begun))


def _find_unchanged(
    standing: Mapping[tuple[Any, ...], Mapping[str, Any]],
    found: Mapping[tuple[Any, ...], Mapping[str, Any]],
    today: dt.date,
) -> set[tuple[Any, ...]]:
    """Return the keys of the findings that stand and are found again just so."""
    unchanged: set[tuple[Any, ...]] = set()
    for identity, row in standing.items():
        is_found_again = identity in found and all(row[name] == value for name, value in found[identity].items())
        # What was found on a day that has not come is found today.
        if is_found_again and row["found_on"] <= today:
            unchanged.add(identity)
    return unchanged


def _end_findings(
    connection: Connection, key: Sequence[str], ended: set[tuple[Any, ...]], is_standing: Any, today: dt.date
) -> None:
    """Let findings end today, by their keys; what was recorded of them today or later is taken back."""
    if not ended:
        return
    table = validation_result
    parameters = [bind_key(key, identity) for identity in sorted(ended)]
    is_ended = has_key(table, key)
    connection.execute(sa.delete(table).where(is_ended, table.c.found_on >= today), parameters)
    connection.execute(sa.update(table).where(is_ended, is_standing).values(superseded_on=today), parameters)
