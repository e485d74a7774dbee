"""Verdicts on claims: each held against what was known, and against what the same report says elsewhere."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.claims.claims import Claim, Measure, Period, Report, figure_words, load_reports
from msoic_pipeline.claims.figures import NOTHING, Figure, Knowledge, Release
from msoic_pipeline.kpis.definitions import FEWEST_REPORTERS, load_definitions
from msoic_pipeline.model.arrow import rows_to_arrow
from msoic_pipeline.model.evidence import release, report_claim
from msoic_pipeline.periods import period_end, period_start, periods, shift_months
from msoic_pipeline.warehouse.engine import bulk_insert, reading, writing

WHEN_PUBLISHED, TODAY = "when published", "today"
VERDICTS: tuple[str, ...] = report_claim.c.verdict.info["members"]
# A figure of which a smaller share of the reports due was received cannot speak against a claim.
ENOUGH = 0.95
# So many releases are named; of more it is said how many they are.
NAMED_RELEASES = 12

Pair = tuple[Claim, Claim]


@dataclass(frozen=True)
class Summary:
    """What came of the claims.

    ``written`` is how many rows of report_claim changed; ``counts`` has claims by report, by when they are known, and
    by verdict; ``disagreements`` are the pairs of claim ids that say different things, by report.
    """

    written: int
    counts: dict[str, dict[str, dict[str, int]]]
    disagreements: dict[str, list[tuple[str, str]]]


@dataclass(frozen=True)
class Reading:
    """A way to understand a claim.

    ``words`` say how it departs from the statement; empty for the statement itself. The level of a longer period is
    divided by ``quarters`` for an average.
    """

    words: str
    kind: str
    measure: Measure
    period: Period | None
    base: Period | None
    quarters: int = 1


@dataclass(frozen=True)
class Finding:
    """What the data say of a claim: the verdict by them alone, our value, the reading it is of, and why."""

    verdict: str
    why: str
    value: float | None = None
    reading: Reading | None = None
    holds_for: str = ""
    releases: frozenset[Release] = field(default_factory=frozenset)


def compute_claims(engine: Engine, today: dt.date, reports: Sequence[Report] | None = None) -> Summary:
    """Bring report_claim up to date in one transaction; rows that stay as they are are not written.

    Every claim is judged by what was known when its report was published, and by what is known ``today``. ``reports``
    default to those of the package.
    """
    reports = load_reports() if reports is None else reports
    table = report_claim
    keys = [column.name for column in table.primary_key]
    with reading(engine) as connection:
        wanted = {_key(row, keys): row for report in reports for row in claim_rows(connection, report, today)}
        stored = {_key(row, keys): dict(row) for row in connection.execute(sa.select(table)).mappings()}
    changed = [row for key, row in wanted.items() if stored.get(key) != row]
    going = [key for key, row in stored.items() if wanted.get(key) != row]
    if changed or going:
        with writing(engine) as connection:
            if going:
                connection.execute(sa.delete(table).where(sa.tuple_(*table.primary_key).in_(going)))
            bulk_insert(connection, table, rows_to_arrow(table, changed))
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for report in reports:
        rows = [row for row in wanted.values() if row["report"] == report.report]
        counts[report.report] = {
            known: dict(Counter(row["verdict"] for row in rows if row["known"] == known))
            for known in (WHEN_PUBLISHED, TODAY)
        }
    pairs = {report.report: [(one.id, other.id) for one, other in disagreements(report.claims)] for report in reports}
    return Summary(len(set(going) | {_key(row, keys) for row in changed}), counts, pairs)


def _key(row: Any, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[key] for key in keys)


def claim_rows(connection: Connection, report: Report, today: dt.date) -> list[dict[str, Any]]:
    """Return the rows of report_claim of a report."""
    published = sa.and_(release.c.published_on <= today, release.c.status == "accepted")
    latest = connection.scalar(sa.select(sa.func.max(release.c.published_on)).where(published))
    rows = []
    against = _by_claim(disagreements(report.claims))
    beside = _by_claim(_restatements(report.claims))
    for known, as_at in ((WHEN_PUBLISHED, report.published_on), (TODAY, latest or today)):
        knowledge = Knowledge(connection, as_at)
        findings = {claim.id: judge(claim, knowledge) for claim in report.claims}
        for position, claim in enumerate(report.claims, start=1):
            others = against.get(claim.id, [])
            finding = findings[claim.id]
            verdict = _verdict(finding, [findings[other.id] for other in others])
            said = [f"{other.id} ({other.says()}, {findings[other.id].verdict})" for other in others]
            also = [f"{other.id} ({other.says()})" for other in beside.get(claim.id, [])]
            sentences = [
                finding.why,
                f"Elsewhere the report says otherwise: {', '.join(said)}." if said else "",
                f"Elsewhere it is put differently, but the two agree: {', '.join(also)}." if also else "",
                _releases_words(finding.releases),
                claim.note,
            ]
            reading = finding.reading
            rows.append(
                {
                    "report": report.report,
                    "claim_id": claim.id,
                    "known": known,
                    "as_at": as_at,
                    "position": position,
                    "section": f"{claim.section} {report.sections[claim.section]}",
                    "place": claim.place,
                    "words": claim.words,
                    "topics": "; ".join(claim.topics),
                    "kind": claim.kind,
                    "period_label": claim.period.label if claim.period else "",
                    "base_label": claim.base.label if claim.base else "",
                    "geography": claim.geography,
                    "comparator": claim.comparator,
                    "claimed_value": claim.claimed,
                    "unit": claim.unit,
                    "measure": _measure_words(claim),
                    "computed_value": finding.value,
                    "verdict": verdict,
                    "holds_for": finding.holds_for,
                    "contradicts": ", ".join(other.id for other in others),
                    "release_ids": _release_ids(finding.releases),
                    "is_synthetic": any(each.is_synthetic for each in finding.releases),
                    "trace": _trace(claim, reading, as_at if known == WHEN_PUBLISHED else None) if reading else "",
                    "explanation": " ".join(filter(None, sentences)),
                }
            )
    return rows


def _verdict(finding: Finding, others: Sequence[Finding]) -> str:
    """Return the verdict on a claim, given the findings on those that say otherwise."""
    if finding.verdict == "differs" and any(other.verdict == "reproduced" for other in others):
        return "contradicted"
    if finding.verdict == "not computable" and others:
        return "contradicted"
    return finding.verdict


# --- A claim against the data ----------------------------------------------------------------------------------------


def judge(claim: Claim, knowledge: Knowledge) -> Finding:
    """Return what the data say of a claim."""
    if claim.missing or not claim.measure:
        if claim.kind == "placeholder":
            return Finding("not a figure", f"The report leaves the figures out: {claim.written}.")
        return Finding("not computable", f"What would be needed: {claim.missing}.")
    as_stated, *others = readings(claim)
    figure, words = _read(claim, as_stated, knowledge)
    releases = _rests_on(claim, as_stated, knowledge)
    if claim.kind == "placeholder":
        why = f"The report leaves the figures out: {claim.written}. Ours: {words}."
        return Finding("not a figure", why, None, as_stated, "", releases)
    if figure.value is not None and claim.allows(figure.value):
        return Finding("reproduced", f"{words}.", figure.value, as_stated, "", releases)
    holds_for, found = "", ""
    for other in others:
        its_figure, its_words = _read(claim, other, knowledge)
        if its_figure.value is not None and its_figure.share_received >= ENOUGH and claim.allows(its_figure.value):
            holds_for = other.words
            where = its_words if other.measure != claim.measure else f"{holds_for}: {its_words}"
            found = f" {claim.says()} holds for {where}."
            if not claim.stated:
                releases = _rests_on(claim, other, knowledge)
                why = f"{words}.{found} The report does not say which is meant."
                return Finding("reproduced", why, its_figure.value, other, holds_for, releases)
            break
    if figure.value is None:
        return Finding("not computable", f"{words}.{found}", None, as_stated, holds_for, releases)
    if figure.share_received < ENOUGH:
        why = f"{words}: too few to speak against the claim.{found}"
        return Finding("not computable", why, figure.value, as_stated, holds_for, releases)
    if not holds_for and claim.kind == "level" and not claim.of:
        for since, value in knowledge.earlier(claim.measure, claim.period, claim.geography):
            if claim.allows(value):
                holds_for = f"the figure published on {since}"
                found = f" {claim.says()} was the figure published on {since}, revised since."
                break
    why = f"{words}, where the claim allows {_allowed(claim)}.{found}"
    return Finding("differs", why, figure.value, as_stated, holds_for, releases)


def readings(claim: Claim) -> list[Reading]:
    """Return the ways to understand a claim that are tried, in this order.

    As stated; for other periods (``other_periods``); a year's sum as an average per quarter; a change of a share in
    percentage points; of what else may be meant.
    """
    assert claim.measure
    stated = Reading("", claim.kind, claim.measure, claim.period, claim.base)
    found = [stated]
    if claim.period:
        for words, period, base in other_periods(claim.period, claim.base):
            labels = f"{base.words} to {period.words}" if base else period.words
            found.append(replace(stated, words=f"{words}, {labels}", period=period, base=base))
    if claim.kind == "level" and claim.period and claim.period.is_year and claim.measure.is_sum and not claim.of:
        found.append(replace(stated, words=f"an average per quarter, {claim.period.words}", quarters=4))
    if claim.kind == "change" and (claim.of or _is_share(claim.measure)):
        found.append(replace(stated, words="percentage points", kind="difference"))
    found += [replace(stated, words=other.words(), measure=other) for other in claim.or_measure]
    return found


def other_periods(period: Period, base: Period | None) -> Iterator[tuple[str, Period, Period | None]]:
    """Yield the other periods that a statement may be about: words, period, base.

    Financial or calendar years; for a change also the first quarter of the earlier financial year to the last of the
    later one, and that last quarter against the same a year before. The calendar year of a financial year is the one
    that it begins in, the financial year of a calendar year the one that begins in it.
    """
    if period.first != period.last:
        return
    seen = {(period, base)}
    later = period_start("financial_year", period.end)
    if period.kind == "calendar_year":
        later = period_start("financial_year", shift_months(period.first, 3))
    year_before = shift_months(later, -12)
    choices: list[tuple[str, Period, Period | None]] = []
    for words, kind, start in (
        ("financial years" if base else "the financial year", "financial_year", later),
        ("calendar years" if base else "the calendar year", "calendar_year", dt.date(later.year, 1, 1)),
    ):
        before = shift_months(start, -12)
        choices.append((words, _single(kind, start), _single(kind, before) if base else None))
    if base:
        last = period_start("quarter", period_end("financial_year", later))
        choices += [
            ("first quarter to last", _single("quarter", last), _single("quarter", year_before)),
            (
                "the last quarter on that of a year before",
                _single("quarter", last),
                _single("quarter", shift_months(last, -12)),
            ),
        ]
    for choice in choices:
        if choice[1:] not in seen:
            seen.add(choice[1:])
            yield choice


def _single(kind: str, start: dt.date) -> Period:
    return Period(kind, start, start)


def _is_share(measure: Measure) -> bool:
    return {kpi.unit for kpi in load_definitions() if kpi.kpi_id in measure.kpi} == {"share"}


def _read(claim: Claim, reading: Reading, knowledge: Knowledge) -> tuple[Figure, str]:
    """Return the figure that a reading of a claim gives, and the words for it, without a full stop."""
    name, geography = reading.measure.words(), claim.geography
    asked = [period for period in (reading.base, reading.period) if period]
    asked_or_none: list[Period | None] = [*asked] or [None]
    figures = [_level(claim, reading.measure, period, knowledge) for period in asked_or_none]
    if any(figure.value is None for figure in figures):
        absent = [p.words for p, figure in zip(asked, figures, strict=True) if figure.value is None]
        return NOTHING, f"No figure of {name} for {' and '.join(absent)} had been published by {knowledge.as_at}"
    values = [figure.value / reading.quarters for figure in figures if figure.value is not None]
    least = min(figures, key=lambda figure: figure.share_received)
    is_sensitive = any(measure.is_sensitive for measure in (reading.measure, claim.of) if measure)
    is_of_few = any(_is_of_few(figure, period) for figure, period in zip(figures, asked_or_none, strict=True))
    is_hidden = is_sensitive and (geography != "national" or is_of_few)
    unit = "percent" if claim.of or _is_share(reading.measure) else claim.unit if reading.kind == "level" else ""
    shown = [figure_words(value, unit).strip() for value in values]
    parts = [f"{text} in {period.words}" for text, period in zip(shown, asked, strict=True)] if asked else shown
    words = f"{name}: {'figures withheld' if is_hidden else ', '.join(parts)}"
    value = values[-1]
    if reading.kind != "level" and len(values) == 2:
        if reading.kind == "change" and values[0] == 0:
            return NOTHING, words if is_hidden else f"{words}: there is no change relative to nothing"
        value = values[1] - values[0] if reading.kind == "difference" else (values[1] / values[0] - 1) * 100
        its_unit = claim.unit if reading.kind == claim.kind else "percentage points"
        if claim.kind != "placeholder" and not is_hidden:
            words += f", {figure_words(value, its_unit, signed=True)}"
    if least.received < least.expected:
        words += f" ({least.received} of {least.expected} reports received)"
    return Figure(value, least.received, least.expected), words


def _is_of_few(figure: Figure, period: Period | None) -> bool:
    """Return whether the monthly reports behind a figure may be those of a reporter or two."""
    months = len(list(periods("month", period.first, period.end))) if period else 1
    return figure.received < FEWEST_REPORTERS * months


def _level(claim: Claim, measure: Measure, period: Period | None, knowledge: Knowledge) -> Figure:
    figure = knowledge.figure(measure, period, claim.geography)
    if not claim.of:
        return figure
    whole = knowledge.figure(claim.of, period, claim.geography)
    if figure.value is None or not whole.value:
        return NOTHING
    least = min(figure, whole, key=lambda each: each.share_received)
    return Figure(figure.value / whole.value * 100, least.received, least.expected)


def _rests_on(claim: Claim, reading: Reading, knowledge: Knowledge) -> frozenset[Release]:
    measures = [measure for measure in (reading.measure, claim.of) if measure]
    asked = [period for period in (reading.base, reading.period) if period]
    sets = [knowledge.releases(measure, period, claim.geography) for measure in measures for period in asked]
    return frozenset().union(*sets)


def _allowed(claim: Claim) -> str:
    low, high = (f"{end:,.10g}" for end in claim.bounds)
    return {"inf": f"{low} and more"}.get(high, {"-inf": f"{high} and less"}.get(low, f"{low} to {high}"))


def _releases_words(releases: frozenset[Release]) -> str:
    if not releases:
        return ""
    by_source: dict[str, list[Release]] = defaultdict(list)
    for each in sorted(releases):
        by_source[each.source].append(each)
    parts = []
    for source, its in by_source.items():
        days = " to ".join(dict.fromkeys(str(day) for day in (its[0].published_on, its[-1].published_on)))
        parts.append(f"{len(its)} release{'s' if len(its) > 1 else ''} of {source} published {days}")
    synthetic = sum(each.is_synthetic for each in releases)
    share = "all synthetic sample data" if synthetic == len(releases) else f"{synthetic} of them synthetic sample data"
    return f"Rests on {' and '.join(parts)}{f', {share}' if synthetic else ''}."


def _release_ids(releases: frozenset[Release]) -> str:
    if len(releases) > NAMED_RELEASES:
        return f"{len(releases)} releases"
    return ", ".join(each.release_id for each in sorted(releases))


def _measure_words(claim: Claim) -> str:
    measures = [measure for measure in (claim.measure, claim.of) if measure]
    return " out of ".join(measure.definition() for measure in measures)


def _trace(claim: Claim, reading: Reading, as_at: dt.date | None) -> str:
    """Return the commands that lead to the cells; where it is no KPI, the rows of the fact."""
    lasting = {kpi.kpi_id for kpi in load_definitions() if kpi.over_time == "last"}
    parts = []
    for measure in (measure for measure in (reading.measure, claim.of) if measure):
        for period in (period for period in (reading.base, reading.period) if period and measure.kpi):
            place = "" if claim.geography == "national" else f" '{claim.geography}'"
            for kpi_id in measure.kpi:
                starts = [period.last] if kpi_id in lasting else period.starts
                labels = [_single(period.kind, start).label for start in starts]
                parts += [f"msoic trace {kpi_id} {x}{place}{f' --as-at {as_at}' if as_at else ''}" for x in labels]
        if not measure.kpi:
            parts.append(measure.definition())
    return "; ".join(parts)


# --- Claims against each other ---------------------------------------------------------------------------------------


def disagreements(claims: Sequence[Claim]) -> list[Pair]:
    """Return the pairs of claims that cannot both be true, each in the order of the report.

    Two that speak of the same thing disagree where no range of figures would bear out both. A change disagrees with the
    two levels that it is between where these make another change.
    """
    pairs = [(one, other) for one, other in _comparable(claims) if not _meet(one.bounds, other.bounds)]
    for change, before, after in _changes_between_levels(claims):
        (low, high), (base_low, base_high) = after.bounds, before.bounds
        if change.kind == "difference":
            made = (low - base_high, high - base_low)
        elif base_low > 0:
            made = ((low / base_high - 1) * 100, (high / base_low - 1) * 100)
        else:
            continue
        if not _meet(made, change.bounds):
            pairs += [(change, before), (change, after)]
    places = {claim.id: number for number, claim in enumerate(claims)}
    ordered = {tuple(sorted((places[one.id], places[other.id]))) for one, other in pairs}
    return [(claims[one], claims[other]) for one, other in sorted(ordered)]


def _restatements(claims: Sequence[Claim]) -> list[Pair]:
    """Return the pairs of claims that say the same thing in different figures or words, and can both be true."""
    return [
        (one, other)
        for one, other in _comparable(claims)
        if (one.claimed, one.comparator) != (other.claimed, other.comparator) and _meet(one.bounds, other.bounds)
    ]


def _comparable(claims: Sequence[Claim]) -> Iterator[Pair]:
    for number, one in enumerate(claims):
        for other in claims[number + 1 :]:
            same = (one.kind, one.unit, one.geography) == (other.kind, other.unit, other.geography)
            periods_known = one.stated and other.stated
            if (
                same
                and one.value
                and other.value
                and set(one.topics) & set(other.topics)
                and (not periods_known or (one.period, one.base) == (other.period, other.base))
            ):
                yield one, other


def _changes_between_levels(claims: Sequence[Claim]) -> Iterator[tuple[Claim, Claim, Claim]]:
    """Yield changes with the levels of the same topic from and to which they are."""
    levels = [claim for claim in claims if claim.kind == "level" and claim.period]
    for change in claims:
        if change.kind in ("change", "difference") and change.value and change.base:
            its = [c for c in levels if set(c.topics) & set(change.topics) and c.geography == change.geography]
            for before in (level for level in its if level.period == change.base):
                for after in (level for level in its if level.period == change.period and level.unit == before.unit):
                    yield change, before, after


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1]) - 1e-9


def _by_claim(pairs: Sequence[Pair]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = defaultdict(list)
    for one, other in pairs:
        found[one.id].append(other)
        found[other.id].append(one)
    return found


# --- For people ------------------------------------------------------------------------------------------------------


def claim_lines(connection: Connection, report: str | None = None) -> list[str]:
    """Return the verdicts as lines of text: counts, every claim by section, and the statements that disagree.

    ``report`` names one report; all are printed where it is left out. Raises LookupError where there is no such report.
    """
    declared = {each.report: each for each in load_reports()}
    if report is not None and report not in declared:
        raise LookupError(f"no report {report!r}: expected one of {', '.join(declared)}")
    lines: list[str] = []
    for name in [report] if report else list(declared):
        query = sa.select(report_claim).where(report_claim.c.report == name).order_by(report_claim.c.position)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        lines += [*_report_lines(declared[name], rows), ""] if rows else [f"{name}: not judged yet: run msoic run", ""]
    return lines[:-1]


def _report_lines(report: Report, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    known = {when: {row["claim_id"]: row for row in rows if row["known"] == when} for when in (WHEN_PUBLISHED, TODAY)}
    yield f"{report.title}: {len(known[TODAY])} claims"
    days = [next(iter(its.values()))["as_at"] for its in known.values()]
    yield f"{'verdict':<18}{WHEN_PUBLISHED:>16}{TODAY:>14}"
    yield f"{'as at':<18}{days[0]!s:>16}{days[1]!s:>14}"
    for verdict in VERDICTS:
        numbers = [sum(row["verdict"] == verdict for row in its.values()) for its in known.values()]
        yield f"{verdict:<18}{numbers[0]:>16}{numbers[1]:>14}"
    claims = {claim.id: claim for claim in report.claims}
    section = ""
    for claim_id, row in known[TODAY].items():
        claim = claims.get(claim_id)
        if claim is None:
            continue
        if row["section"] != section:
            section = row["section"]
            yield f"\n{section}"
        then = known[WHEN_PUBLISHED][claim_id]["verdict"]
        before = f" ({then} when published)" if then != row["verdict"] else ""
        yield f"  {row['verdict'] + before}: {claim_id}, {claim.says()}: “{row['words']}”"
        if row["verdict"] != "reproduced" or row["holds_for"] or row["contradicts"]:
            yield f"      {row['explanation']}"
        if row["verdict"] in ("differs", "contradicted") and row["trace"]:
            yield f"      {row['trace']}"
    pairs = disagreements(report.claims)
    yield f"\nStatements that disagree: {len(pairs)} pairs"
    for one, other in pairs:
        shared = "; ".join(topic for topic in one.topics if topic in other.topics)
        yield f"  {shared}: {one.id} ({one.says()}) and {other.id} ({other.says()})"
