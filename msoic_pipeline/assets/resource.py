"""The warehouse as Dagster's steps are given it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa
from pydantic import Field, PrivateAttr
from sqlalchemy import event

from msoic_pipeline.assets.run_endings import record_broken_run
from msoic_pipeline.running.lost_runs import show_alive
from msoic_pipeline.running.processes import tell_holder
from msoic_pipeline.running.termination import heed_signals
from msoic_pipeline.running.warehouse_lock import hold_warehouse
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.preparing import prepare


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
        """The engine, with all tables and views in place. Raises KeyboardInterrupt where the run was asked to end."""
        heed_signals()
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
        holder = tell_holder(run.run_id if run else "without name")
        with hold_warehouse(self._warehouse_address, holder, context.log.info if context.log else print) as lock:
            self._engine = open_engine(self._warehouse_address)
            event.listen(self._engine, "begin", lambda _: lock.check())
            try:
                yield self
            finally:
                if run and context.instance:
                    record_broken_run(self._engine, context.instance, run.run_id)
                self._engine.dispose()
