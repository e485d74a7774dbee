"""The warehouse's facts: one step a source, which fills its fact tables quarter by quarter."""

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg
import sqlalchemy as sa

from msoic_pipeline.assets import source_steps
from msoic_pipeline.assets.common import (
    PREVIEW_ROWS,
    QUARTERS,
    SINGLE_RUN,
    Warehouse,
    as_table,
    log_failure,
    quarters_of,
    schema_of,
)
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import period_label
from msoic_pipeline.warehouse.engine import reading
from msoic_pipeline.warehouse.loading import LoadedQuarter, load_quarters
from msoic_pipeline.warehouse.registering import prune_releases
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

_LOG = logging.getLogger(__name__)


def _facts_asset(source: Source) -> dg.AssetsDefinition:
    names = source.facts

    @dg.multi_asset(
        name=f"load_{source.source}",
        specs=[
            dg.AssetSpec(
                name,
                deps=[["validated", source.source]],
                group_name="d_warehouse",
                description=f"{FACTS[name].comment} Grain: {FACTS[name].info['grain']}.",
                kinds={"table"},
                metadata={"dagster/column_schema": schema_of(FACTS[name]), "dagster/table_name": name},
            )
            for name in names
        ],
        check_specs=[dg.AssetCheckSpec("loaded", asset=name) for name in names],
        partitions_def=QUARTERS,
        backfill_policy=SINGLE_RUN,
        can_subset=True,
    )
    def facts(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        quarters = quarters_of(context)
        error = ""
        loaded: list[LoadedQuarter] = []
        try:
            with logged_work(_LOG, f"loading {source.source}") as work:
                intake, verdicts = source_steps.validate(warehouse.settings, warehouse.engine, source)
                # What facts refer to, in case a quarter is backfilled before the validated asset has run.
                source_steps.record(warehouse.engine, source, intake, verdicts, dt.date.today())
                accepted = source_steps.accepted(intake, verdicts)
                loaded = load_quarters(warehouse.engine, source, quarters, accepted)
                prune_releases(warehouse.engine, source, intake.landing)
                work.add("releases", len(accepted.releases))
                work.add("quarters looked at", len(loaded))
                work.add("quarters rewritten", sum(entry.changed for entry in loaded))
                work.add("rows written", sum(sum(entry.rows.values()) for entry in loaded))
        except Exception as problem:
            error = log_failure(context, f"loading {source.source}", problem)
        taken_along = [entry.quarter_start for entry in loaded if entry.quarter_start not in quarters]
        for name in names:
            if dg.AssetKey(name) not in context.selected_asset_keys:
                continue
            for quarter in taken_along:
                context.log_event(dg.AssetMaterialization(name, partition=quarter.isoformat()))
            # Also where loading failed: what depends on all sources goes on with the last good figures of this one.
            metadata = (
                {"failed": error} if error else _loaded_metadata(warehouse.engine, source, name, loaded, taken_along)
            )
            yield dg.MaterializeResult(asset_key=name, metadata=metadata)
            yield dg.AssetCheckResult(asset_key=name, check_name="loaded", passed=not error, description=error or None)

    return facts


def _loaded_metadata(
    engine: sa.Engine, source: Source, name: str, loaded: list[LoadedQuarter], taken_along: list[dt.date]
) -> dict[str, Any]:
    fact = FACTS[name]
    changed = [entry for entry in loaded if entry.changed]
    quarters = [entry.quarter_start for entry in loaded]
    # Of a sensitive source only how much came in: one of its releases is one force's return.
    measures = {} if source.sensitive else {name: sa.func.sum(fact.c[name]) for name in fact.info["measures"]}
    title = sa.literal(source.title).label("title") if source.sensitive else release.c.title
    with reading(engine) as connection:
        within = fact.c.quarter_start.in_(quarters)
        per_release = connection.execute(
            sa.select(
                title,
                release.c.published_on,
                sa.func.count().label("rows"),
                *(v.label(k) for k, v in measures.items()),
            )
            .join_from(fact, release, release.c.release_id == fact.c.release_id)
            .where(within)
            .group_by(release.c.release_id, release.c.title, release.c.published_on)
            .order_by(release.c.published_on.desc(), release.c.release_id)
            .limit(PREVIEW_ROWS)
        ).mappings()
        by_release = [dict(row) for row in per_release]
        preview = (
            []
            if source.sensitive
            else [dict(row) for row in connection.execute(sa.select(fact).where(within).limit(PREVIEW_ROWS)).mappings()]
        )
        rows = connection.scalar(sa.select(sa.func.count()).select_from(fact).where(within))
    return {
        "dagster/row_count": int(rows or 0),
        "quarters": len(quarters),
        "quarters_rewritten": len(changed),
        "taken along": _taken_along_words(taken_along),
        "rows_written": sum(entry.rows.get(name, 0) for entry in changed),
        "latest_releases": as_table(by_release),
        **({"preview": as_table(preview)} if preview else {}),
    }


def _taken_along_words(taken_along: list[dt.date]) -> str:
    if not taken_along:
        return "none"
    first, last = (period_label("quarter", quarter) for quarter in (taken_along[0], taken_along[-1]))
    return (
        f"{len(taken_along)} quarters from {first} to {last}: a release that has changed covers them too, and the "
        "figures of a year never mix it with the one before"
    )


def fact_assets() -> list[dg.AssetsDefinition]:
    """Return the facts of every source."""
    return [_facts_asset(load_source(source)) for source in SOURCES]
