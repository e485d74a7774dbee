"""Reconciled, KPIs, checked warehouse, published: what is derived from the facts."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from xlsxwriter.exceptions import XlsxFileError

from msoic_pipeline.assets.common import (
    PREVIEW_ROWS,
    QUARTERS,
    SINGLE_RUN,
    Warehouse,
    all_quarters,
    as_table,
    quarters_of,
    schema_of,
)
from msoic_pipeline.assets.verdict import check_keys, failed_checks
from msoic_pipeline.model.estimates import maturity_estimate
from msoic_pipeline.model.evidence import (
    WHOLE_WAREHOUSE,
    load_log,
    pipeline_run,
    reconciliation_result,
    report_claim,
    validation_result,
)
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.warehouse.engine import reading, writing
from msoic_pipeline.warehouse.loading import record_findings


@dg.asset(
    name="reconciliation_result",
    deps=list(FACTS),
    partitions_def=QUARTERS,
    backfill_policy=SINGLE_RUN,
    group_name="e_reconciled",
    description=reconciliation_result.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": schema_of(reconciliation_result)},
    check_specs=[
        dg.AssetCheckSpec("no_breaks", asset="reconciliation_result", description="No rule that blocks is broken."),
        dg.AssetCheckSpec("no_warnings", asset="reconciliation_result", description="No rule that warns is broken."),
    ],
)
def reconciliation(warehouse: Warehouse) -> dg.MaterializeResult:
    """Hold sources against themselves and against each other."""
    from msoic_pipeline.reconciliation.apply import breaks, reconcile_quarters

    # Looking at all quarters costs next to nothing, and one that was backfilled may decide a later one's results.
    summary = reconcile_quarters(warehouse.engine, all_quarters())
    with reading(warehouse.engine) as connection:
        shown = breaks(connection, PREVIEW_ROWS * 10)
    counts: list[dict[str, Any]] = [
        {"rule": rule, "status": status, "results": number}
        for rule, statuses in summary.counts.items()
        for status, number in statuses.items()
    ]
    checks = []
    for check, severity, level, number in (
        ("no_breaks", "block", dg.AssetCheckSeverity.ERROR, summary.blocking),
        ("no_warnings", "warn", dg.AssetCheckSeverity.WARN, summary.warnings),
    ):
        words = "; ".join(line for line in summary.worst if line.startswith(severity))
        found = [row for row in shown if row["severity"] == severity]
        checks.append(
            dg.AssetCheckResult(
                check_name=check,
                passed=not number,
                severity=level,
                description=f"{number} broken: {words}" if number else "none broken",
                metadata={"broken": as_table(found)} if found else {},
            )
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(row["results"] for row in counts),
            "quarters_computed": len(summary.changed),
            "results": as_table(counts),
        },
        check_results=checks,
    )


def _loaded_quarters(engine: sa.Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return ``quarters``, and those of which facts have been loaded before."""
    loaded = sa.select(load_log.c.quarter_start).where(load_log.c.stage.startswith("load ")).distinct()
    with reading(engine) as connection:
        return sorted({*quarters, *connection.scalars(loaded)})


@dg.asset(
    name="kpi_value",
    deps=list(FACTS),
    partitions_def=QUARTERS,
    backfill_policy=SINGLE_RUN,
    group_name="f_kpis",
    description=kpi_value.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": schema_of(kpi_value)},
)
def kpis(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """Compute the KPIs of the periods that touch the quarters."""
    from msoic_pipeline.kpis.compute import compute_quarters
    from msoic_pipeline.kpis.definitions import load_definitions

    # A figure of the nation is that of a single force where only one has reported.
    open_kpis = [kpi.kpi_id for kpi in load_definitions() if not kpi.is_sensitive]
    quarters = quarters_of(context)
    # Facts of other quarters may have gone along; those of which nothing has changed cost next to nothing.
    compute_quarters(warehouse.engine, _loaded_quarters(warehouse.engine, quarters))
    with reading(warehouse.engine) as connection:
        preview = connection.execute(
            sa.text(
                "SELECT k.kpi_id, k.period_label, k.value, k.unit, k.status, k.as_of FROM current_kpi_value k "
                "WHERE k.geography_kind = 'national' AND k.period_kind = 'quarter' AND k.period_start = :start "
                "AND k.kpi_id IN :open_kpis ORDER BY k.kpi_id"
            ).bindparams(sa.bindparam("start", type_=sa.Date()), sa.bindparam("open_kpis", expanding=True)),
            {"start": quarters[-1], "open_kpis": open_kpis},
        ).mappings()
        shown = [dict(row) for row in preview]
        rows = connection.scalar(sa.select(sa.func.count()).select_from(kpi_value))
    return dg.MaterializeResult(
        metadata={"rows in the table": int(rows or 0), f"national {quarters[-1]}": as_table(shown)}
    )


@dg.asset(
    name="validation_result",
    deps=["kpi_value", "reconciliation_result"],
    group_name="g_checked",
    description=validation_result.comment,
    kinds={"table"},
    check_specs=[
        dg.AssetCheckSpec(
            "warehouse_blocking", asset="validation_result", description="Checks of the whole that block."
        ),
        dg.AssetCheckSpec(
            "warehouse_warnings", asset="validation_result", description="Coverage, freshness, level shifts."
        ),
    ],
)
def checked_warehouse(warehouse: Warehouse) -> dg.MaterializeResult:
    """Check the loaded warehouse as a whole: coverage, freshness, shares, level shifts."""
    from msoic_pipeline.quality.warehouse_checks import check_warehouse

    with reading(warehouse.engine) as connection:
        rows = check_warehouse(connection, dt.date.today())
    with writing(warehouse.engine) as connection:
        condition = validation_result.c.table_name == WHOLE_WAREHOUSE
        whole = [row | {"table_name": WHOLE_WAREHOUSE, "check_name": _check_name(row)} for row in rows]
        record_findings(connection, condition, whole, dt.date.today())
    checks = []
    for check, severity, level in (
        ("warehouse_blocking", "block", dg.AssetCheckSeverity.ERROR),
        ("warehouse_warnings", "warn", dg.AssetCheckSeverity.WARN),
    ):
        failed = [row for row in whole if row["severity"] == severity and not row["success"]]
        checks.append(
            dg.AssetCheckResult(
                check_name=check,
                passed=not failed,
                severity=level,
                description="; ".join(f"{row['source']}: {row['check_name']}: {row['detail']}" for row in failed[:5])[
                    :3000
                ]
                or "all hold",
                metadata={"failed": as_table(failed[: PREVIEW_ROWS * 5])} if failed else {},
            )
        )
    return dg.MaterializeResult(metadata={"checks": len(whole)}, check_results=checks)


def _check_name(row: dict[str, object]) -> str:
    table = str(row["table_name"])
    return str(row["check_name"]) if table == WHOLE_WAREHOUSE else f"{row['check_name']} ({table})"


@dg.asset(
    name="maturity_estimate",
    deps=["kpi_value"],
    group_name="f_kpis",
    description=maturity_estimate.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": schema_of(maturity_estimate)},
)
def maturity(warehouse: Warehouse) -> dg.MaterializeResult:
    """Estimate what figures that are still growing will come to."""
    from msoic_pipeline.kpis.maturity import estimate_maturity

    return dg.MaterializeResult(metadata={"dagster/row_count": estimate_maturity(warehouse.engine)})


@dg.asset(
    name="report_claim",
    deps=["kpi_value"],
    group_name="h_published",
    description=report_claim.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": schema_of(report_claim)},
    check_specs=[
        dg.AssetCheckSpec("claims_borne_out", asset="report_claim", description="No claim differs or is contradicted.")
    ],
)
def claims(warehouse: Warehouse) -> dg.MaterializeResult:
    """Hold every figure of the programme's reports against the data."""
    from msoic_pipeline.claims.verdicts import compute_claims

    summary = compute_claims(warehouse.engine, dt.date.today())
    claim = report_claim
    named = (claim.c[name] for name in ("report", "claim_id", "known", "verdict", "words", "explanation"))
    with reading(warehouse.engine) as connection:
        refuted = connection.execute(
            sa.select(*named)
            .where(claim.c.verdict.in_(("differs", "contradicted")))
            .order_by(claim.c.report, claim.c.known, claim.c.position)
        ).mappings()
        shown = [dict(row) for row in refuted]
    counts = [
        {"report": report, "known": known, "verdict": verdict, "claims": number}
        for report, by_known in summary.counts.items()
        for known, verdicts in by_known.items()
        for verdict, number in verdicts.items()
    ]
    check = dg.AssetCheckResult(
        check_name="claims_borne_out",
        passed=not shown,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(shown)} verdicts differ or are contradicted; msoic claims lists them",
        metadata={"refuted": as_table(shown)} if shown else {},
    )
    disagreeing = sum(len(pairs) for pairs in summary.disagreements.values())
    return dg.MaterializeResult(
        metadata={"verdicts": as_table(counts), "disagreeing_pairs": disagreeing}, check_results=[check]
    )


def published_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the exports, which come after all checks of ``watched`` and say on their face what failed."""
    keys = check_keys(watched)

    @dg.asset(
        name="published_kpis",
        deps=["kpi_value", "validation_result", "reconciliation_result", "maturity_estimate", "report_claim"],
        group_name="h_published",
        description="KPIs as a Parquet file and an accessible workbook, in the output folder: kpi.* where every "
        "blocking check holds; else kpi-unchecked.*, which say what failed.",
        kinds={"parquet", "xlsx"},
        check_specs=[
            dg.AssetCheckSpec("published", asset="published_kpis", description="The exports could be written.")
        ],
    )
    def published(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        from msoic_pipeline.publication.exports import write_exports

        folder = warehouse.settings.output_dir
        failed = failed_checks(context.instance, keys)
        try:
            with reading(warehouse.engine) as connection:
                paths = write_exports(connection, folder, dt.date.today(), failed)
        except (OSError, XlsxFileError) as error:
            context.log.error("the exports could not be written: %s", error)
            words = f"The exports could not be written to the output folder {folder}: {error}. Earlier ones stand."
            return dg.MaterializeResult(
                check_results=[
                    dg.AssetCheckResult(
                        check_name="published",
                        passed=False,
                        severity=dg.AssetCheckSeverity.ERROR,
                        description=f"{words} Make room there, or let it be written to; then materialise this again.",
                    )
                ]
            )
        return dg.MaterializeResult(
            metadata={"failed_checks": len(failed)}
            | {kind: dg.MetadataValue.path(str(path)) for kind, path in paths.items()},
            check_results=[dg.AssetCheckResult(check_name="published", passed=True)],
        )

    return published


def outcome_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the last asset: it records how the run ended, and fails it where a check of ``watched`` has failed."""
    keys = check_keys(watched)

    @dg.asset(
        name="pipeline_run",
        deps=["validation_result", "maturity_estimate", "reconciliation_result", "report_claim", "published_kpis"],
        group_name="h_published",
        description="How the run ended: it fails where any check of severity error failed.",
        kinds={"table"},
    )
    def outcome(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
        failed = failed_checks(context.instance, keys)
        entry = {
            "run_id": context.run.run_id,
            "finished_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
            "status": "failed" if failed else "succeeded",
            "summary": "\n".join(failed),
        }
        with writing(warehouse.engine) as connection:
            connection.execute(sa.insert(pipeline_run).values(entry))
        if failed:
            raise dg.Failure("; ".join(failed)[:4000], allow_retries=False)

    return outcome


def figure_assets() -> list[dg.AssetsDefinition]:
    """Return the assets derived from the facts."""
    return [reconciliation, kpis, maturity, checked_warehouse, claims]
