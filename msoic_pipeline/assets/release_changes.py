"""What the releases that came in with a run changed, as Dagster's pages show it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import dagster as dg
from sqlalchemy.engine import Engine

from msoic_pipeline.assets.tables import LISTED_ROWS, show_table
from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.publication_days import read_published_files
from msoic_pipeline.publication.change_words import tell_change, tell_day_changes, tell_releases
from msoic_pipeline.warehouse.engine import read_transaction

# So many days of publication are told of, the latest ones: a first run brings in all that there are.
DAYS_SHOWN = 10


def read_changes(engine: Engine) -> ChangeFinder:
    """Return what the warehouse knows now of how its values moved."""
    with read_transaction(engine) as connection:
        return ChangeFinder(connection)


def describe_changes(engine: Engine, before: ChangeFinder) -> dict[str, Any]:
    """Return what Dagster's pages show of how a run moved the nation's values; ``before`` is from before the run.

    Told of are the days since which a value holds that did not hold before: those on which was published what came in.
    """
    after = read_changes(engine)
    days = after.list_days_that_differ(before)[-DAYS_SHOWN:][::-1]
    if not days:
        return {}
    with read_transaction(engine) as connection:
        files = read_published_files(connection, days)
    sentences: list[str] = []
    rows: list[dict[str, Any]] = []
    values = 0
    for day in days:
        changes = after.find_changes(day)
        of_day = [file for file in files if file.published_on == day]
        sentences.append(f"- {tell_day_changes(day, changes)} Published were: {tell_releases(of_day) or 'none'}.")
        open_changes = [change for change in changes if not change.is_withheld]
        values += len(open_changes)
        rows += [asdict(tell_change(change)) for change in open_changes[: LISTED_ROWS - len(rows)]]
    return {
        "what releases changed": dg.MetadataValue.md("\n".join(sentences)),
        f"values that moved, {len(rows)} of {values}": show_table(rows),
    }
