"""Claims: the statements of the programme's reports, held against the data."""

import logging
from collections.abc import Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.assets.checks import AssetCheck, make_specs
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.tables import describe_columns, show_table
from msoic_pipeline.claims.stored_verdicts import ClaimSummary, compute_claims
from msoic_pipeline.claims.verdict_words import PUBLISHED, REFUTED, VERDICT_GROUPS
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.evidence import report_claim
from msoic_pipeline.periods import find_today
from msoic_pipeline.warehouse.engine import read_transaction

_LOG = logging.getLogger(__name__)

CLAIMS_BORNE_OUT = AssetCheck("claims_borne_out", "warn", "No claim differs or is contradicted.")


@dg.asset(
    name="report_claim",
    deps=["kpi_value"],
    group_name="h_published",
    description=report_claim.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(report_claim)},
    check_specs=make_specs((CLAIMS_BORNE_OUT,), "report_claim"),
)
def claims(warehouse: Warehouse) -> dg.MaterializeResult:
    """Hold every figure of the programme's reports against the data."""
    with logged_work(_LOG, "judging the reports' claims") as work:
        summary = compute_claims(warehouse.engine, find_today())
        work.add("reports", len(summary.disagreements))
        work.add("rows written", summary.written)
    with read_transaction(warehouse.engine) as connection:
        refuted = _read_refuted_claims(connection)
    return dg.MaterializeResult(
        metadata={
            "verdicts": show_table(_list_claims_by_verdict(summary)),
            "disagreeing_pairs": sum(len(pairs) for pairs in summary.disagreements.values()),
        },
        check_results=[_make_claims_check(refuted)],
    )


def _read_refuted_claims(connection: Connection) -> list[dict[str, Any]]:
    """Return the claims that differ or are contradicted, one row for each time at which they do."""
    columns = (report_claim.c[name] for name in ("report", "claim_id", "known", "verdict", "words", "explanation"))
    query = (
        sa.select(*columns)
        .where(report_claim.c.verdict.in_(REFUTED))
        .order_by(report_claim.c.report, report_claim.c.known, report_claim.c.position)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _list_claims_by_verdict(summary: ClaimSummary) -> list[dict[str, Any]]:
    """Return how many claims have each verdict, by report, when they are known, and on what the verdict rests."""
    rows = []
    for counts in summary.counts:
        for group in VERDICT_GROUPS:
            for verdict in group.verdicts:
                rows.append(
                    {
                        "report": counts.report,
                        "known": counts.known,
                        "decided": group.title,
                        "verdict": verdict,
                        "claims": counts.claims_by_verdict.get(verdict, 0),
                    }
                )
    return rows


def _make_claims_check(refuted: Sequence[dict[str, Any]]) -> dg.AssetCheckResult:
    """Return the check that warns where a claim is refuted, be it as known when it was published or as known today.

    Those that sample data alone refute are counted apart.
    """
    claims_refuted = {(row["report"], row["claim_id"]) for row in refuted}
    by_published = {(row["report"], row["claim_id"]) for row in refuted if row["verdict"] in PUBLISHED.verdicts}
    by_sample_alone = claims_refuted - by_published
    words = (
        f"{len(by_published)} claims are refuted by published figures or by the report itself, "
        f"{len(by_sample_alone)} by sample data alone, as known when published or today; msoic claims lists them"
    )
    metadata = {"refuted": show_table(_put_published_first(refuted))} if refuted else {}
    return CLAIMS_BORNE_OUT.make_result(not refuted, words, metadata)


def _put_published_first(refuted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(refuted, key=lambda row: row["verdict"] not in PUBLISHED.verdicts)
