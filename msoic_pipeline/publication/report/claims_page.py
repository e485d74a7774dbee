"""The reports' claims, as the page shows them: published figures first, the sample apart, and contradictions.

Claims are judged as known when their report was published and as known on the page's day; of reports that came out
later nothing is said. A verdict on what one force returned would tell of its return, to who has the claim before him:
it is kept back, and counted so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import Claim, Report, load_reports, tell_with_unit
from msoic_pipeline.claims.disagreements import Disagreement, find_disagreements
from msoic_pipeline.claims.interpretations import Interpretation
from msoic_pipeline.claims.verdict_words import PUBLISHED, SAMPLE, VERDICT_GROUPS
from msoic_pipeline.claims.verdicts import TODAY, WHEN_PUBLISHED, JudgedClaim, judge_claims
from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.geography import NATIONAL, GeographyKey
from msoic_pipeline.publication.report.parts import AskableFigure, PartMaker
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.wording import tell_count

KEPT_BACK = "kept back"
WHY_KEPT_BACK = "The verdict would tell what a force or two returned."
# What a report contradicts itself over, and how that is called.
OVER: dict[Literal["figure", "thing", "period", "place"], str] = {
    "figure": "Different figures of the same thing",
    "thing": "The same figure, said to be of different things",
    "period": "The same change, said to be between different periods",
    "place": "The same figure, said to be of different places",
}


@dataclass(frozen=True)
class FigureBehind:
    """A KPI value behind a claim, as known on the page's day: what it is of, and the figure."""

    label: str
    figure: AskableFigure


@dataclass(frozen=True)
class ShownOpinion:
    """What is thought of a claim as known on a day: our figure in words, empty where there is none, and the verdict."""

    as_at: dt.date
    figure: str
    verdict: str


@dataclass(frozen=True)
class ShownClaim:
    """A claim with all that stands beside it; ``anchor`` is by what the page leads to it.

    One that ``counts_a_list`` is held against a list that comes with the warehouse, such as that of forces: no file
    stands behind it.
    """

    anchor: str
    claim_id: str
    words: str
    stands_in: str
    claimed: str
    measure: str
    counts_a_list: bool
    when_published: ShownOpinion
    now: ShownOpinion
    figures: tuple[FigureBehind, ...]
    explanation: str


@dataclass(frozen=True)
class ClaimsOfVerdict:
    """The claims that have a verdict as known on the page's day, and how many had it when the report came out."""

    verdict: str
    claims: tuple[ShownClaim, ...]
    when_published: int


@dataclass(frozen=True)
class ShownVerdictGroup:
    """The verdicts that rest on the same; ``is_sample`` where that is synthetic."""

    title: str
    is_sample: bool
    verdicts: tuple[ClaimsOfVerdict, ...]


@dataclass(frozen=True)
class ShownPassage:
    """A passage of a report: one of the two of a disagreement."""

    anchor: str
    stands_in: str
    words: str


@dataclass(frozen=True)
class ShownDisagreement:
    """Two passages of a report that contradict each other, and how, in a sentence."""

    first: ShownPassage
    second: ShownPassage
    sentence: str


@dataclass(frozen=True)
class ShownDisagreements:
    """The disagreements of a report over the same."""

    title: str
    pairs: tuple[ShownDisagreement, ...]


@dataclass(frozen=True)
class ClaimsOfReport:
    """A report's claims as the page shows them."""

    report: str
    title: str
    published_on: dt.date
    published_on_because: str
    headline: str
    sentence: str
    groups: tuple[ShownVerdictGroup, ...]
    disagreements: tuple[ShownDisagreements, ...]

    @property
    def contradictions(self) -> int:
        """In how many pairs of places the report contradicts itself."""
        return sum(len(over.pairs) for over in self.disagreements)


class ClaimsMaker:
    """Makes the page of claims from the figures known on a day, and notes which of them can be asked for."""

    def __init__(self, connection: Connection, reader: FigureReader, parts: PartMaker, day: dt.date) -> None:
        self._connection = connection
        self._reader = reader
        self._parts = parts
        self._day = day

    def make_claims(self, reports: Sequence[Report] | None = None) -> tuple[ClaimsOfReport, ...]:
        """Return the claims of the reports that had been published by the day; ``reports`` default to all there are."""
        reports = load_reports() if reports is None else reports
        return tuple(self._make_report(report) for report in reports if report.published_on <= self._day)

    def _make_report(self, report: Report) -> ClaimsOfReport:
        judged = judge_claims(self._connection, report, self._day)
        when_published = {each.claim.id: each for each in judged if each.row.known == WHEN_PUBLISHED}
        now = [each for each in judged if each.row.known == TODAY]
        claims = [self._make_claim(report, when_published[each.claim.id], each) for each in now]
        groups = _group_claims(claims)
        return ClaimsOfReport(
            report=report.report,
            title=report.title,
            published_on=report.published_on,
            published_on_because=report.published_on_because,
            headline=tell_headline(claims),
            sentence=_tell_rest(claims),
            groups=groups,
            disagreements=tuple(_list_disagreements(report)),
        )

    def _make_claim(self, report: Report, when_published: JudgedClaim, now: JudgedClaim) -> ShownClaim:
        claim = now.claim
        is_kept_back = any(_is_kept_back(each) for each in (when_published, now))
        return ShownClaim(
            anchor=_anchor(report, claim),
            claim_id=claim.id,
            words=claim.words,
            stands_in=f"{claim.stands_in}: {report.sections[claim.section]}",
            claimed=_tell_claimed(claim),
            measure=" out of ".join(measure.title() for measure in claim.measures),
            counts_a_list=bool(claim.measure and claim.measure.members),
            when_published=_make_opinion(when_published, is_kept_back),
            now=_make_opinion(now, is_kept_back),
            figures=() if is_kept_back else tuple(self._list_figures(now.judgement.interpretation)),
            explanation=WHY_KEPT_BACK if is_kept_back else now.row.explanation,
        )

    def _list_figures(self, interpretation: Interpretation | None) -> Iterator[FigureBehind]:
        """Yield the KPI values that an interpretation's figure is made of, as known on the page's day."""
        if interpretation is None:
            return
        for measure in interpretation.measures:
            for kpi in measure.kpis:
                for figure in self._find_figures(interpretation, kpi):
                    yield FigureBehind(f"{kpi.title}, {figure.period_label}", self._parts.ask(figure))

    def _find_figures(self, interpretation: Interpretation, kpi: Kpi) -> list[ShownFigure]:
        """Return the values of a KPI of the periods and the place that an interpretation is of."""
        figures = self._reader.read_kpi(kpi)
        geography = kpi.find_geography(interpretation.claim.geography)
        found: list[ShownFigure] = []
        for period in interpretation.periods:
            for start in period.starts_that_count(is_stock=kpi.is_stock):
                found += [each for each in figures if _is_of(each, period.kind, start, geography)]
        return found


def _is_of(figure: ShownFigure, period_kind: str, start: dt.date, geography: GeographyKey) -> bool:
    """Return whether a figure is of a period and a geography."""
    known = figure.known
    return (known.period_kind, known.period_start, known.geography) == (period_kind, start, geography)


def _is_kept_back(judged: JudgedClaim) -> bool:
    """Return whether a verdict would tell of a force's return: its figures are withheld, or of a place of returns."""
    claim = judged.claim
    is_of_returns = any(measure.is_sensitive for measure in (*claim.measures, *claim.or_measure))
    return judged.judgement.is_withheld or (is_of_returns and claim.geography_name != NATIONAL)


def _make_opinion(judged: JudgedClaim, is_kept_back: bool) -> ShownOpinion:
    verdict = KEPT_BACK if is_kept_back else judged.row.verdict
    return ShownOpinion(judged.row.as_at, "" if is_kept_back else _tell_our_figure(judged), verdict)


def _tell_our_figure(judged: JudgedClaim) -> str:
    """Return our figure in the claim's unit; a share that changed is told in points where these bear the claim out."""
    value, interpretation, claim = judged.row.computed_value, judged.judgement.interpretation, judged.claim
    if value is None or interpretation is None:
        return ""
    unit = claim.unit if interpretation.kind == claim.kind else "percentage points"
    return tell_with_unit(value, unit, signed=claim.kind != "level")


def _tell_claimed(claim: Claim) -> str:
    """Return what is claimed: ``over +50% (charges), from 2020/21 to 2021/22``."""
    said = f"{claim.in_short()} ({claim.said_of})" if claim.said_of else claim.in_short()
    if not claim.period:
        return said
    periods = f"from {claim.base.full_label} to {claim.period.full_label}" if claim.base else claim.period.full_label
    return f"{said}, {periods}{'' if claim.stated else ' (taken to be meant: the report does not say)'}"


def _anchor(report: Report, claim: Claim) -> str:
    return f"claim-{report.report}-{claim.id}"


# --- Verdicts --------------------------------------------------------------------------------------------------------


def _group_claims(claims: Sequence[ShownClaim]) -> tuple[ShownVerdictGroup, ...]:
    """Return the claims by what their verdicts rest on and by verdict, published figures first; none is left out."""
    then = Counter(claim.when_published.verdict for claim in claims)

    def collect(verdict: str) -> ClaimsOfVerdict:
        return ClaimsOfVerdict(verdict, tuple(claim for claim in claims if claim.now.verdict == verdict), then[verdict])

    groups = [
        ShownVerdictGroup(group.title, group is SAMPLE, tuple(collect(verdict) for verdict in group.verdicts))
        for group in VERDICT_GROUPS
    ]
    if then[KEPT_BACK]:
        groups.append(ShownVerdictGroup("kept back", False, (collect(KEPT_BACK),)))
    return tuple(groups)


def tell_headline(claims: Sequence[ShownClaim]) -> str:
    """Return what published figures say of the claims, and of how many only the sample says anything.

    For example ``Of 167 claims published figures or lists bear out 4, and these or the report itself refute 0; of 149
    only synthetic sample data say anything, which confirm and refute nothing``.
    """
    counts = Counter(claim.now.verdict for claim in claims)
    by_sample = sum(counts[verdict] for verdict in SAMPLE.verdicts)
    borne_out, *refuted = PUBLISHED.verdicts
    headline = (
        f"Of {tell_count(len(claims), 'claim')} published figures or lists bear out {counts[borne_out]:,}, "
        f"and these or the report itself refute {sum(counts[verdict] for verdict in refuted):,}"
    )
    if by_sample:
        headline += f"; of {by_sample:,} only synthetic sample data say anything, which confirm and refute nothing"
    return headline


def _tell_rest(claims: Sequence[ShownClaim]) -> str:
    """Return in sentences how many claims no published file bears out, are undecided, and are kept back."""
    counts = Counter(claim.now.verdict for claim in claims)
    of_lists = sum(claim.now.verdict == PUBLISHED.verdicts[0] and claim.counts_a_list for claim in claims)
    kept_back = f"; the verdict on {counts[KEPT_BACK]:,} is kept back" if counts[KEPT_BACK] else ""
    return (
        f"{of_lists:,} of those borne out only count what is in a list that comes with the warehouse, such as that of "
        "forces. "
        f"Of {counts['not computable']:,} what would be needed is not there, and in {counts['not a figure']:,} the "
        f"report leaves the figure out{kept_back}."
    )


# --- Disagreements ---------------------------------------------------------------------------------------------------


def _list_disagreements(report: Report) -> Iterator[ShownDisagreements]:
    """Yield where a report contradicts itself, by what it does so over."""
    found = find_disagreements(report.claims)
    for over, title in OVER.items():
        pairs = tuple(_show_disagreement(report, each) for each in found if each.over == over)
        if pairs:
            yield ShownDisagreements(title, pairs)


def _show_disagreement(report: Report, each: Disagreement) -> ShownDisagreement:
    first, second = (
        ShownPassage(_anchor(report, claim), claim.stands_in, claim.words) for claim in (each.first, each.second)
    )
    return ShownDisagreement(first, second, each.sentence)
