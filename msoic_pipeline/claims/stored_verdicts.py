"""The verdicts on all reports as they stand in ``report_claim``: brought up to date, and read again."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.claims.claims import Report, load_reports
from msoic_pipeline.claims.disagreements import Disagreement, find_disagreements
from msoic_pipeline.claims.verdicts import TODAY, WHEN_PUBLISHED, ReportClaimRow, judge_report
from msoic_pipeline.model.evidence import report_claim
from msoic_pipeline.model.values import Known
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.rows import write_changed_rows


@dataclass(frozen=True)
class ReportCounts:
    """How many claims of a report have each verdict, as known at one time; what none has is not named."""

    report: str
    known: Known
    claims_by_verdict: Mapping[str, int]


@dataclass(frozen=True)
class ClaimSummary:
    """What came of the claims.

    ``written`` is how many rows of report_claim changed; ``counts`` has the claims of each report by their verdicts, as
    known when it was published and today; ``disagreements`` are where claims contradict each other, by report.
    """

    written: int
    counts: tuple[ReportCounts, ...]
    disagreements: dict[str, list[Disagreement]]


def compute_claims(engine: Engine, today: dt.date, reports: Sequence[Report] | None = None) -> ClaimSummary:
    """Bring report_claim up to date in one transaction; rows that stay as they are are not written.

    Every claim is judged by what was known when its report was published, and by what is known ``today``. ``reports``
    default to those of the package; rows of any other report go.
    """
    reports = load_reports() if reports is None else reports
    with read_transaction(engine) as connection:
        wanted = [row for report in reports for row in judge_report(connection, report, today)]
    with write_transaction(engine) as connection:
        written = write_changed_rows(connection, report_claim, sa.true(), map(asdict, wanted)).total
    counts = tuple(_count_verdicts(wanted, report, known) for report in reports for known in (WHEN_PUBLISHED, TODAY))
    return ClaimSummary(written, counts, {report.report: find_disagreements(report.claims) for report in reports})


def read_verdicts(connection: Connection, report: str | None = None) -> list[ReportClaimRow]:
    """Return the rows of report_claim, of a report or of all, in the order of its claims."""
    query = sa.select(report_claim).order_by(report_claim.c.position)
    if report is not None:
        query = query.where(report_claim.c.report == report)
    return [ReportClaimRow(**row) for row in connection.execute(query).mappings()]


def _count_verdicts(rows: Iterable[ReportClaimRow], report: Report, known: Known) -> ReportCounts:
    verdicts = Counter(row.verdict for row in rows if (row.report, row.known) == (report.report, known))
    return ReportCounts(report.report, known, dict(verdicts))
