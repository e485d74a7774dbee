"""Verdicts on claims for people: counts, every claim by section, and the statements that disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import Claim, Report, load_reports
from msoic_pipeline.claims.disagreements import find_disagreements
from msoic_pipeline.claims.stored_verdicts import read_verdicts
from msoic_pipeline.claims.verdict_words import REFUTED, VERDICT_GROUPS
from msoic_pipeline.claims.verdicts import TODAY, WHEN_PUBLISHED, ReportClaimRow
from msoic_pipeline.model.evidence import SAMPLE_VERDICTS


def tell_verdicts(connection: Connection, report: str | None = None) -> list[str]:
    """Return the verdicts as lines of text.

    ``report`` names one report; all are printed where it is left out. Raises LookupError where there is no such report.
    """
    reports = {each.report: each for each in load_reports()}
    if report is not None and report not in reports:
        raise LookupError(f"no report {report!r}: expected one of {', '.join(reports)}")
    lines: list[str] = []
    for name in [report] if report else list(reports):
        rows = read_verdicts(connection, name)
        lines += _list_report_lines(reports[name], rows) if rows else [f"{name}: not judged yet: run msoic run"]
        lines.append("")
    return lines[:-1]


def _list_report_lines(report: Report, rows: Sequence[ReportClaimRow]) -> Iterator[str]:
    when_published = {row.claim_id: row for row in rows if row.known == WHEN_PUBLISHED}
    today = {row.claim_id: row for row in rows if row.known == TODAY}
    yield f"{report.title}: {len(today)} claims"
    yield from _list_count_lines(list(when_published.values()), list(today.values()))
    claims = {claim.id: claim for claim in report.claims}
    section = ""
    for claim_id, row in today.items():
        if claim_id not in claims:  # it is stored, and not declared any more
            continue
        if row.section != section:
            section = row.section
            yield f"\n{section}"
        yield from _list_claim_lines(claims[claim_id], row, when_published[claim_id])
    disagreements = find_disagreements(report.claims)
    yield f"\nStatements that disagree: {len(disagreements)} pairs"
    for each in disagreements:
        yield f"  {each.first.id}, {each.second.id}: {each.sentence}"


def _list_count_lines(when_published: Sequence[ReportClaimRow], today: Sequence[ReportClaimRow]) -> Iterator[str]:
    """Yield a table of how many claims have each verdict, as known then and today; published figures first."""
    yield f"{'verdict':<30}{WHEN_PUBLISHED:>16}{TODAY:>14}"
    yield f"{'as at':<30}{when_published[0].as_at!s:>16}{today[0].as_at!s:>14}"
    for group in VERDICT_GROUPS:
        yield group.title
        for verdict in group.verdicts:
            then = sum(row.verdict == verdict for row in when_published)
            now = sum(row.verdict == verdict for row in today)
            yield f"  {verdict:<28}{then:>16}{now:>14}"


def _list_claim_lines(claim: Claim, today: ReportClaimRow, when_published: ReportClaimRow) -> Iterator[str]:
    """Yield a claim with its verdict; why, where that is of interest; and how to trace a figure that speaks against."""
    verdict = today.verdict
    if when_published.verdict != verdict:
        verdict += f" ({when_published.verdict} when published)"
    yield f"  {verdict}: {claim.id}, {claim.in_short()}: “{today.words}”"
    is_reproduced = today.verdict in ("reproduced", SAMPLE_VERDICTS["reproduced"])
    if not is_reproduced or today.holds_for or today.contradicts:
        yield f"      {today.explanation}"
    if today.verdict in REFUTED and today.trace:
        yield f"      {today.trace}"
