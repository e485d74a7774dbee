"""The warehouse's facts: one step a source, which fills its fact tables quarter by quarter."""

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.assets.checks import AssetCheck, log_failure
from msoic_pipeline.assets.partitions import QUARTERS, SINGLE_RUN, list_quarters_of
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.source_steps import judge_source, record_source
from msoic_pipeline.assets.tables import PREVIEW_ROWS, describe_columns, show_table
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_table
from msoic_pipeline.periods import find_today, period_label
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.warehouse.loading import LoadedQuarter, load_quarters
from msoic_pipeline.warehouse.registering import prune_releases
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

_LOG = logging.getLogger(__name__)

LOADED = AssetCheck("loaded", "block", "The accepted releases could be loaded.")


def make_fact_assets() -> list[dg.AssetsDefinition]:
    """Return the facts of every source."""
    return [_make_facts_asset(load_source(source)) for source in SOURCES]


def _make_facts_asset(source: Source) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"load_{source.source}",
        specs=[_specify_fact(source, FACTS[name]) for name in source.facts],
        check_specs=[LOADED.make_spec(name) for name in source.facts],
        partitions_def=QUARTERS,
        backfill_policy=SINGLE_RUN,
        can_subset=True,
    )
    def facts(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        quarters = list_quarters_of(context)
        try:
            loaded = _load_source(warehouse, source, quarters)
        except Exception as problem:
            error = log_failure(context, f"loading {source.source}", problem)
            yield from _fail_facts(context, source, error)
            return
        yield from _show_facts(context, warehouse.engine, source, _LoadedSource(quarters, loaded))

    return facts


def _specify_fact(source: Source, fact: sa.Table) -> dg.AssetSpec:
    """Return what Dagster is to know of a fact: where it comes from, its grain and its columns."""
    return dg.AssetSpec(
        fact.name,
        deps=[["validated", source.source]],
        group_name="d_warehouse",
        description=f"{fact.comment} Grain: {traits_of_table(fact).grain}.",
        kinds={"table"},
        metadata={"dagster/column_schema": describe_columns(fact), "dagster/table_name": fact.name},
    )


@dataclass(frozen=True)
class _LoadedSource:
    """The quarters for which a source was to be loaded, and those that were looked at."""

    asked: list[dt.date]
    loaded: list[LoadedQuarter]

    @property
    def quarters(self) -> list[dt.date]:
        """The first days of all that were looked at."""
        return [entry.quarter_start for entry in self.loaded]

    @property
    def rewritten(self) -> list[LoadedQuarter]:
        """Those that were loaded anew."""
        return [entry for entry in self.loaded if entry.changed]

    @property
    def taken_along(self) -> list[dt.date]:
        """Those that nobody asked for: a release that has changed covers them too."""
        return [quarter for quarter in self.quarters if quarter not in self.asked]


def _load_source(warehouse: Warehouse, source: Source, quarters: list[dt.date]) -> list[LoadedQuarter]:
    """Load a source, and what its facts refer to: a quarter may be backfilled before the validated asset has run."""
    with logged_work(_LOG, f"loading {source.source}") as work:
        judged = judge_source(warehouse.settings, warehouse.engine, source)
        record_source(warehouse.engine, judged, find_today())
        accepted = judged.list_accepted()
        loaded = load_quarters(warehouse.engine, source, quarters, accepted)
        prune_releases(warehouse.engine, source, judged.intake.landing)
        work.add("releases", len(accepted.releases))
        work.add("quarters looked at", len(loaded))
        work.add("quarters rewritten", sum(entry.changed for entry in loaded))
        work.add("rows written", sum(sum(entry.rows.values()) for entry in loaded))
    return loaded


def _fail_facts(context: dg.AssetExecutionContext, source: Source, error: str) -> Iterator[Any]:
    """Yield, of each fact, that loading failed: what depends on all sources goes on with the last good figures."""
    for name in _list_facts_asked(context, source):
        yield dg.MaterializeResult(asset_key=name, metadata={"failed": error})
        yield LOADED.make_result(False, error, asset=name)


def _show_facts(
    context: dg.AssetExecutionContext, engine: sa.Engine, source: Source, loaded: _LoadedSource
) -> Iterator[Any]:
    """Yield, of each fact, what was loaded, and of quarters taken along that they were."""
    for name in _list_facts_asked(context, source):
        for quarter in loaded.taken_along:
            context.log_event(dg.AssetMaterialization(name, partition=quarter.isoformat()))
        yield dg.MaterializeResult(asset_key=name, metadata=_describe_loaded(engine, source, FACTS[name], loaded))
        yield LOADED.make_result(True, asset=name)


def _list_facts_asked(context: dg.AssetExecutionContext, source: Source) -> list[str]:
    """Return the facts of a source that the run was asked for."""
    return [name for name in source.facts if dg.AssetKey(name) in context.selected_asset_keys]


def _describe_loaded(engine: sa.Engine, source: Source, fact: sa.Table, loaded: _LoadedSource) -> dict[str, Any]:
    """Return what Dagster's pages show of a fact: numbers, the latest releases, and some rows."""
    with read_transaction(engine) as connection:
        within = fact.c.quarter_start.in_(loaded.quarters)
        rows = connection.scalar(sa.select(sa.func.count()).select_from(fact).where(within))
        by_release = _read_latest_releases(connection, source, fact, within)
        preview: list[dict[str, Any]] = []
        if not source.sensitive:
            some = connection.execute(sa.select(fact).where(within).limit(PREVIEW_ROWS)).mappings()
            preview = [dict(row) for row in some]
    described: dict[str, Any] = {
        "dagster/row_count": int(rows or 0),
        "quarters": len(loaded.quarters),
        "quarters_rewritten": len(loaded.rewritten),
        "taken along": _tell_taken_along(loaded.taken_along),
        "rows_written": sum(entry.rows.get(fact.name, 0) for entry in loaded.rewritten),
        "latest_releases": show_table(by_release),
    }
    if preview:
        described["preview"] = show_table(preview)
    return described


def _read_latest_releases(
    connection: Connection, source: Source, fact: sa.Table, within: sa.ColumnElement[bool]
) -> list[dict[str, Any]]:
    """Return the latest releases, each with how many rows it has and of how many quarters.

    Their figures are not added: rows of two breakdowns, or of two units, never add up. A release of a sensitive source
    is one force's return, and goes by the title of its source.
    """
    title = sa.literal(source.title).label("title") if source.sensitive else release.c.title
    quarters = sa.func.count(fact.c.quarter_start.distinct()).label("quarters")
    query = (
        sa.select(title, release.c.published_on, sa.func.count().label("rows"), quarters)
        .join_from(fact, release, release.c.release_id == fact.c.release_id)
        .where(within)
        .group_by(release.c.release_id, release.c.title, release.c.published_on)
        .order_by(release.c.published_on.desc(), release.c.release_id)
        .limit(PREVIEW_ROWS)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _tell_taken_along(taken_along: list[dt.date]) -> str:
    if not taken_along:
        return "none"
    first, last = (period_label("quarter", quarter) for quarter in (taken_along[0], taken_along[-1]))
    return (
        f"{len(taken_along)} quarters from {first} to {last}: a release that has changed covers them too, and the "
        "figures of a year never mix it with the one before"
    )
