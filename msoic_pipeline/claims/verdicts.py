"""Verdicts on the claims of a report: each held against what was known, and against what the report says elsewhere."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import Claim, Report
from msoic_pipeline.claims.disagreements import (
    Disagreement,
    find_disagreements,
    find_restatements,
    group_by_claim,
)
from msoic_pipeline.claims.interpretations import Interpretation
from msoic_pipeline.claims.judgements import Judgement, judge_claim
from msoic_pipeline.claims.knowledge import Knowledge, UnderlyingRelease
from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.period import single_period
from msoic_pipeline.claims.verdict_words import name_verdict
from msoic_pipeline.model.evidence import IN_FORCE, release
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.values import ClaimKind, Known

WHEN_PUBLISHED: Known = "when published"
TODAY: Known = "today"
# So many releases are named; of more it is said how many they are.
NAMED_RELEASES = 12


@dataclass(frozen=True)
class ReportClaimRow:
    """A row of ``report_claim``: what a claim is, and the verdict on it as known when published, or as known today."""

    report: str
    claim_id: str
    known: Known
    as_at: dt.date
    position: int
    section: str
    place: str
    words: str
    topics: str
    kind: ClaimKind
    period_label: str
    base_label: str
    geography: str
    comparator: str
    claimed_value: float | None
    unit: str
    measure: str
    computed_value: float | None
    verdict: str
    holds_for: str
    contradicts: str
    release_ids: str
    is_synthetic: bool
    trace: str
    explanation: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The row's primary key."""
        return self.report, self.claim_id, self.known


@dataclass(frozen=True)
class JudgedClaim:
    """A claim, what the data say of it as known at one time, and the verdict that follows."""

    claim: Claim
    judgement: Judgement
    row: ReportClaimRow


def judge_report(connection: Connection, report: Report, today: dt.date) -> list[ReportClaimRow]:
    """Return the rows of report_claim of a report, as known when it was published and as known ``today``."""
    return [each.row for each in judge_claims(connection, report, today)]


def judge_claims(connection: Connection, report: Report, today: dt.date) -> list[JudgedClaim]:
    """Return the claims of a report as judged when it was published, and all of them again as judged ``today``.

    Today is the latest day, up to ``today``, on which anything was published: verdicts stay the same until something
    is.
    """
    has_been_published = sa.and_(release.c.published_on <= today, release.c.status.in_(IN_FORCE))
    latest = connection.scalar(sa.select(sa.func.max(release.c.published_on)).where(has_been_published))
    known_today = Knowledge(connection, latest or today)
    known_when_published = Knowledge(connection, report.published_on, later=known_today)
    judged = []
    for known, knowledge in ((WHEN_PUBLISHED, known_when_published), (TODAY, known_today)):
        judgements = {claim.id: judge_claim(claim, knowledge) for claim in report.claims}
        judged += _list_judged(report, known, knowledge.as_at, judgements)
    return judged


def _list_judged(report: Report, known: Known, as_at: dt.date, judgements: dict[str, Judgement]) -> list[JudgedClaim]:
    """Return the claims of a report as judged at one time, given what the data say of each."""
    disagreements = find_disagreements(report.claims)
    contradicting = group_by_claim([each for each in disagreements if each.over == "figure"])
    agreeing = group_by_claim(find_restatements(report.claims))
    judged = []
    for position, claim in enumerate(report.claims, start=1):
        judgement, against = judgements[claim.id], contradicting.get(claim.id, [])
        row = ReportClaimRow(
            report=report.report,
            claim_id=claim.id,
            known=known,
            as_at=as_at,
            position=position,
            section=f"{claim.section} {report.sections[claim.section]}",
            place=claim.part_of_section,
            words=claim.words,
            topics="; ".join(claim.topics),
            kind=claim.kind,
            period_label=claim.period.label if claim.period else "",
            base_label=claim.base.label if claim.base else "",
            geography=claim.geography_name,
            comparator=claim.comparator,
            claimed_value=claim.claimed,
            unit=claim.unit,
            measure=" out of ".join(measure.definition() for measure in claim.measures),
            computed_value=judgement.value,
            verdict=_choose_verdict(judgement, [judgements[other.id] for other in against]),
            holds_for=judgement.holds_for,
            contradicts=", ".join(other.id for other in against),
            release_ids=_name_releases(judgement.releases),
            is_synthetic=judgement.is_synthetic,
            trace=_tell_trace(judgement.interpretation, as_at if known == WHEN_PUBLISHED else None),
            explanation=_explain_verdict(claim, judgements, against, agreeing.get(claim.id, []), disagreements),
        )
        judged.append(JudgedClaim(claim, judgement, row))
    return judged


def _explain_verdict(
    claim: Claim,
    judgements: dict[str, Judgement],
    against: Sequence[Claim],
    agreeing: Sequence[Claim],
    disagreements: Sequence[Disagreement],
) -> str:
    """Return why a verdict is what it is, in sentences: by the data, by other claims, and by which releases."""
    judgement = judgements[claim.id]
    sentences = [
        judgement.why,
        _tell_contradictions(against, judgements),
        _tell_other_uses(claim, disagreements),
        _tell_agreement(agreeing),
        _tell_releases(judgement.releases),
        claim.note,
    ]
    return " ".join(filter(None, sentences))


def _choose_verdict(judgement: Judgement, others: Sequence[Judgement]) -> str:
    """Return the verdict on a claim, given what the data say of it and of those that say otherwise.

    A claim is *contradicted* where it differs from the data and one that says otherwise is reproduced; and where nobody
    can compute it, as soon as another says otherwise. Where both differ from the data, both do.

    A verdict that rests on synthetic figures has a word of its own. Such figures add nothing to published ones: a claim
    that differs from these is not contradicted by another that only the sample reproduces.

    ===================  ============================  ===========================
    the claim            another that says otherwise   verdict
    ===================  ============================  ===========================
    differs, published   reproduced, published         contradicted
    differs, published   reproduced, sample            differs
    differs, sample      reproduced, either            contradicted by sample data
    not computable       any                           contradicted
    reproduced, sample   any                           reproduced by sample data
    ===================  ============================  ===========================
    """
    if judgement.verdict == "not computable" and others:
        return "contradicted"
    if judgement.verdict == "differs":
        for other in others:
            adds_to_it = judgement.is_synthetic or not other.is_synthetic
            if other.verdict == "reproduced" and adds_to_it:
                return name_verdict("contradicted", is_synthetic=judgement.is_synthetic)
    return judgement.told_verdict


def _tell_contradictions(against: Sequence[Claim], judgements: dict[str, Judgement]) -> str:
    if not against:
        return ""
    claims = [f"{other.id} ({other.in_short()}, {_tell_verdict_of(judgements[other.id])})" for other in against]
    return f"Elsewhere the report says otherwise: {', '.join(claims)}."


def _tell_verdict_of(judgement: Judgement) -> str:
    return "verdict withheld" if judgement.is_withheld else judgement.told_verdict


def _tell_agreement(agreeing: Sequence[Claim]) -> str:
    if not agreeing:
        return ""
    claims = [f"{other.id} ({other.in_short()})" for other in agreeing]
    return f"Elsewhere it is put differently, but the two agree: {', '.join(claims)}."


def _tell_other_uses(claim: Claim, disagreements: Sequence[Disagreement]) -> str:
    """Return in sentences where the report gives a claim's figure to another thing, period or place."""
    of_claim = [each for each in disagreements if claim.id in (each.first.id, each.second.id)]
    return " ".join(each.sentence for each in of_claim if each.over != "figure")


def _tell_releases(releases: frozenset[UnderlyingRelease]) -> str:
    """Return a sentence on the releases that a value rests on, by source, and on how many are synthetic."""
    if not releases:
        return ""
    by_source: dict[str, list[UnderlyingRelease]] = defaultdict(list)
    for each in sorted(releases):
        by_source[each.source].append(each)
    parts = []
    for source, of_source in by_source.items():
        first, last = of_source[0].published_on, of_source[-1].published_on
        days = f"{first}" if first == last else f"{first} to {last}"
        parts.append(f"{len(of_source)} release{'s' if len(of_source) > 1 else ''} of {source} published {days}")
    text = f"Rests on {' and '.join(parts)}"
    synthetic = sum(each.is_synthetic for each in releases)
    if synthetic == len(releases):
        text += ", all synthetic sample data"
    elif synthetic:
        text += f", {synthetic} of them synthetic sample data"
    return f"{text}."


def _name_releases(releases: frozenset[UnderlyingRelease]) -> str:
    if len(releases) > NAMED_RELEASES:
        return f"{len(releases)} releases"
    return ", ".join(each.release_id for each in sorted(releases))


def _tell_trace(interpretation: Interpretation | None, as_at: dt.date | None) -> str:
    """Return the commands that lead to the cells of an interpretation's figures; of what is no KPI, its rows.

    For example ``msoic trace cps_charged 2020/21; msoic trace cps_charged 2021/22``.
    """
    if interpretation is None:
        return ""
    steps = []
    for measure in interpretation.measures:
        if measure.kpi:
            steps += _list_trace_commands(measure, interpretation, as_at)
        else:
            steps.append(measure.definition())
    return "; ".join(steps)


def _list_trace_commands(measure: Measure, interpretation: Interpretation, as_at: dt.date | None) -> list[str]:
    """Return a command for each value that a measure's figures are added up from: of a stock, the last alone."""
    commands = []
    for period in interpretation.periods:
        for kpi in measure.kpis:
            for start in period.starts_that_count(is_stock=kpi.is_stock):
                label = single_period(period.kind, start).label
                commands.append(_write_trace_command(kpi.kpi_id, label, interpretation.claim.geography, as_at))
    return commands


def _write_trace_command(kpi_id: str, period: str, geography: str, as_at: dt.date | None) -> str:
    place = "" if geography == NATIONAL else f" '{geography}'"
    day = f" --as-at {as_at}" if as_at else ""
    return f"msoic trace {kpi_id} {period}{place}{day}"
