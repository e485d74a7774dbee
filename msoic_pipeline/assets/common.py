"""What the assets share: partitions, the resource, and how results and failures look in Dagster's pages."""

from __future__ import annotations

import datetime as dt
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field, PrivateAttr
from sqlalchemy import event

from msoic_pipeline.assets.run_endings import record_broken_run
from msoic_pipeline.model.dictionary import type_name
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.running.error_words import may_be_told, tell_exception
from msoic_pipeline.running.runs import hold_warehouse, holder_words, show_alive
from msoic_pipeline.settings import Settings
from msoic_pipeline.texts import cut_off
from msoic_pipeline.warehouse.engine import open_engine, prepare

# Backfill policies are marked beta; they are what makes a backfill one run.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

# The quarter that is running counts: monthly returns arrive within it.
QUARTERS = dg.TimeWindowPartitionsDefinition(
    cron_schedule="0 0 1 1,4,7,10 *", fmt="%Y-%m-%d", start=FIRST_QUARTER.isoformat(), end_offset=1
)
SINGLE_RUN = dg.BackfillPolicy.single_run()
PREVIEW_ROWS = 10
# What Dagster calls our severities.
LEVELS = {"block": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}
# A check's description is read in a table's cell.
LONGEST_DESCRIPTION = 4000


class Warehouse(dg.ConfigurableResource):
    """Settings and the engine of the warehouse, which a run has for itself from its first step to its last."""

    url: str = Field(default="", description="SQLAlchemy URL; where it is empty, that of MSOIC_WAREHOUSE_URL.")
    _engine: sa.Engine | None = PrivateAttr(default=None)
    _is_prepared: bool = PrivateAttr(default=False)

    @property
    def settings(self) -> Settings:
        """The settings from the environment."""
        return Settings()

    @property
    def engine(self) -> sa.Engine:
        """The engine, with all tables and views in place."""
        if self._engine is None:
            self._engine = open_engine(self._warehouse_address)
        if not self._is_prepared:
            prepare(self._engine)
            self._is_prepared = True
        return self._engine

    @property
    def _warehouse_address(self) -> str:
        return self.url or self.settings.warehouse_url

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:
        """Wait until no other run is at work on the warehouse, then keep all others off it.

        In the end, whatever ended the run, note a step that broke in the warehouse and close all connections.
        """
        run = context.run
        if run and context.instance:
            show_alive(context.instance, run.run_id)
        holder = holder_words(run.run_id if run else "without name")
        with hold_warehouse(self._warehouse_address, holder, context.log.info if context.log else print) as lock:
            self._engine = open_engine(self._warehouse_address)
            event.listen(self._engine, "begin", lambda _: lock.check())
            try:
                yield self
            finally:
                if run and context.instance:
                    record_broken_run(self._engine, context.instance, run.run_id)
                self._engine.dispose()


def all_quarters() -> list[dt.date]:
    """Return the first days of all quarters that are loaded, up to the one that is running."""
    return [dt.date.fromisoformat(key) for key in QUARTERS.get_partition_keys()]


def quarters_of(context: dg.AssetExecutionContext) -> list[dt.date]:
    """Return the quarters that a run is about, be it one or a range."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


def schema_of(table: sa.Table) -> dg.TableSchema:
    """Return a table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type_name(column),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
            )
            for column in table.columns
        ]
    )


def as_table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    """Return rows as a table for Dagster's pages."""
    names = list(rows[0]) if rows else ["nothing"]
    records = [dg.TableRecord({name: _plain_value(row[name]) for name in names}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name, "text") for name in names]))


def _plain_value(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


@dataclass(frozen=True)
class SeverityFailures:
    """What failed of one severity: ``words`` say what, or that all holds; ``rows`` are some of the failures, and
    ``metadata`` is what else is to be told.
    """

    number: int
    words: str
    rows: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None


def checks_by_severity(
    names: Mapping[str, str], failures_of: Callable[[str], SeverityFailures], rest: str
) -> list[dg.AssetCheckResult]:
    """Return a check of Dagster's for each severity: it fails where anything of that severity did.

    ``names`` has the check by severity, such as ``{"block": "no_breaks", "warn": "no_warnings"}``; ``rest`` says where
    all failures stand, for those that are too many to be told.
    """
    checks = []
    for severity, name in names.items():
        failures = failures_of(severity)
        metadata = dict(failures.metadata or {})
        if failures.rows:
            metadata["failed"] = as_table(failures.rows)
        check = dg.AssetCheckResult(
            check_name=name,
            passed=not failures.number,
            severity=LEVELS[severity],
            description=cut_off(failures.words, LONGEST_DESCRIPTION, rest),
            metadata=metadata,
        )
        checks.append(check)
    return checks


def log_failure(context: dg.AssetExecutionContext, what: str, error: Exception) -> str:
    """Write to the run's log where something broke, and return what it was in a line.

    Of an error that may quote a cell only its kind and place are told.
    """
    trace = traceback.extract_tb(error.__traceback__)
    words = tell_exception(error)
    if not may_be_told(words):
        words = f"{words} at {Path(trace[-1].filename).name}:{trace[-1].lineno}"
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in trace]
    context.log.error("%s failed: %s\n%s", what, words, "\n".join(frames))
    return cut_off(words, LONGEST_DESCRIPTION, "the run's log")


def attempt(
    context: dg.AssetExecutionContext, check: str, work: Callable[[], dg.MaterializeResult]
) -> dg.MaterializeResult:
    """Do a source's work; where it fails say so in the check and go on, so that the others reach their figures."""
    try:
        result = work()
    except Exception as error:
        failed = dg.AssetCheckResult(check_name=check, passed=False, description=log_failure(context, check, error))
        others = sorted(key.name for key in context.selected_asset_check_keys if key.name != check)
        not_made = [
            dg.AssetCheckResult(
                check_name=name,
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"not looked at, since {check} failed",
            )
            for name in others
        ]
        return dg.MaterializeResult(check_results=[failed, *not_made])
    passed = dg.AssetCheckResult(check_name=check, passed=True)
    return result._replace(check_results=[*(result.check_results or []), passed])
