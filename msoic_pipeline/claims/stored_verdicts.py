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
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence import report_claim
from msoic_pipeline.model.values import Known
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.rows import bulk_insert


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
        stored = read_verdicts(connection)
    written = _replace_changed(engine, {row.key: row for row in wanted}, {row.key: row for row in stored})
    counts = tuple(_count_verdicts(wanted, report, known) for report in reports for known in (WHEN_PUBLISHED, TODAY))
    return ClaimSummary(written, counts, {report.report: find_disagreements(report.claims) for report in reports})


def read_verdicts(connection: Connection, report: str | None = None) -> list[ReportClaimRow]:
    """Return the rows of report_claim, of a report or of all, in the order of its claims."""
    query = sa.select(report_claim).order_by(report_claim.c.position)
    if report is not None:
        query = query.where(report_claim.c.report == report)
    return [ReportClaimRow(**row) for row in connection.execute(query).mappings()]


RowsByKey = dict[tuple[str, str, str], ReportClaimRow]


def _replace_changed(engine: Engine, wanted: RowsByKey, stored: RowsByKey) -> int:
    """Write the rows that are not stored as they are wanted, and remove those that go; return how many differ."""
    changed = {key: row for key, row in wanted.items() if stored.get(key) != row}
    outdated = {key for key, row in stored.items() if wanted.get(key) != row}
    if changed or outdated:
        with write_transaction(engine) as connection:
            if outdated:
                key_columns = sa.tuple_(*report_claim.primary_key)
                connection.execute(sa.delete(report_claim).where(key_columns.in_(list(outdated))))
            rows = [asdict(row) for row in changed.values()]
            bulk_insert(connection, report_claim, make_arrow_rows(report_claim, rows))
    return len(outdated | set(changed))


def _count_verdicts(rows: Iterable[ReportClaimRow], report: Report, known: Known) -> ReportCounts:
    verdicts = Counter(row.verdict for row in rows if (row.report, row.known) == (report.report, known))
    return ReportCounts(report.report, known, dict(verdicts))
