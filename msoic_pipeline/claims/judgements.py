"""A claim against the data: the figure that each reading of it gives, as known on a day, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msoic_pipeline.claims.claims import Claim, figure_words
from msoic_pipeline.claims.knowledge import Knowledge, UnderlyingRelease
from msoic_pipeline.claims.known_figures import NOTHING, KnownFigure
from msoic_pipeline.claims.measures import ClaimedMeasure, Period
from msoic_pipeline.claims.readings import Reading, readings
from msoic_pipeline.kpis.definitions import FEWEST_REPORTERS
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.periods import periods

# A figure of which a smaller share of the reports due was received cannot speak against a claim.
ENOUGH = 0.95


@dataclass(frozen=True)
class Judgement:
    """What the data say of a claim, before other claims are heard.

    The verdict by them alone, and why; our value and the reading that it is of; for what else the claim holds; and the
    releases that the value rests on.
    """

    verdict: str
    why: str
    value: float | None = None
    reading: Reading | None = None
    holds_for: str = ""
    releases: frozenset[UnderlyingRelease] = field(default_factory=frozenset)


def judge_claim(claim: Claim, knowledge: Knowledge) -> Judgement:
    """Return what the data say of a claim.

    It is *reproduced* where the figure as known on the day lies within what its words allow (``Claim.bounds``), or,
    where the report does not say of which periods it speaks, where that of another reading does. It *differs* where
    enough of the reports due had been received and their figure lies elsewhere; for what else the claim then holds is
    named: another reading, or the same figure before it was revised. It is *not computable* where there is no figure,
    or one of too few reports.

    Example: a report of 31 July 2022 claims 12,727 referrals in 2021, which allows 12,726.5 to 12,727.5. What was known
    on that day is the vintage of 3 March 2022, 12,727: reproduced. What is known today is the vintage of 7 March 2024,
    12,700: it differs, and holds for "the figure published on 2022-03-03".
    """
    if claim.missing or not claim.measure:
        return _judge_without_measure(claim)
    as_stated, *other_readings = readings(claim)
    stated = figure_of_reading(claim, as_stated, knowledge)
    releases = _releases_behind(claim, as_stated, knowledge)
    if claim.kind == "placeholder":
        why = f"The report leaves the figures out: {claim.written}. Ours: {stated.text}."
        return Judgement("not a figure", why, None, as_stated, "", releases)
    if stated.value is not None and claim.allows(stated.value):
        return Judgement("reproduced", f"{stated.text}.", stated.value, as_stated, "", releases)

    other = _other_reading_that_holds(claim, other_readings, knowledge)
    holds_for = other.reading.departure if other else ""
    addition = _also_holds(claim, other) if other else ""
    if other and not claim.stated:
        why = f"{stated.text}.{addition} The report does not say which is meant."
        releases = _releases_behind(claim, other.reading, knowledge)
        return Judgement("reproduced", why, other.value, other.reading, holds_for, releases)
    if stated.value is None:
        return Judgement("not computable", f"{stated.text}.{addition}", None, as_stated, holds_for, releases)
    if stated.figure.share_received < ENOUGH:
        why = f"{stated.text}: too few to speak against the claim.{addition}"
        return Judgement("not computable", why, stated.value, as_stated, holds_for, releases)
    if not other:
        revised_since = _earlier_figure_that_holds(claim, knowledge)
        if revised_since:
            holds_for = f"the figure published on {revised_since}"
            addition = f" {claim.in_short()} was the figure published on {revised_since}, revised since."
    why = f"{stated.text}, where the claim allows {_range_allowed(claim)}.{addition}"
    return Judgement("differs", why, stated.value, as_stated, holds_for, releases)


def _judge_without_measure(claim: Claim) -> Judgement:
    if claim.kind == "placeholder":
        return Judgement("not a figure", f"The report leaves the figures out: {claim.written}.")
    return Judgement("not computable", f"What would be needed: {claim.missing}.")


def _other_reading_that_holds(
    claim: Claim, other_readings: Sequence[Reading], knowledge: Knowledge
) -> FigureOfReading | None:
    """Return the figure of the first reading that bears the claim out, if one does."""
    for reading in other_readings:
        other = figure_of_reading(claim, reading, knowledge)
        is_reported_enough = other.figure.share_received >= ENOUGH
        if other.value is not None and is_reported_enough and claim.allows(other.value):
            return other
    return None


def _also_holds(claim: Claim, other: FigureOfReading) -> str:
    """Return a sentence on the other reading that bears a claim out; of another measure the figure says it all."""
    is_of_other_measure = other.reading.measure != claim.measure
    where = other.text if is_of_other_measure else f"{other.reading.departure}: {other.text}"
    return f" {claim.in_short()} holds for {where}."


def _earlier_figure_that_holds(claim: Claim, knowledge: Knowledge) -> str:
    """Return the day of the latest vintage before the one known that bears a claim out; empty where there is none."""
    if claim.kind != "level" or claim.of or not claim.measure:
        return ""
    for earlier in knowledge.find_earlier_figures(claim.measure, claim.period, claim.geography):
        if claim.allows(earlier.value):
            return str(earlier.since)
    return ""


def _range_allowed(claim: Claim) -> str:
    low, high = (f"{end:,.10g}" for end in claim.bounds)
    if high == "inf":
        return f"{low} and more"
    if low == "-inf":
        return f"{high} and less"
    return f"{low} to {high}"


# --- The figure of a reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FigureOfReading:
    """The figure that a reading of a claim gives, and how it comes about, without a full stop."""

    reading: Reading
    figure: KnownFigure
    text: str

    @property
    def value(self) -> float | None:
        """The figure's value."""
        return self.figure.value


@dataclass(frozen=True)
class _Level:
    """The figure of a period; of members of a dimension, of none."""

    period: Period | None
    figure: KnownFigure


def figure_of_reading(claim: Claim, reading: Reading, knowledge: Knowledge) -> FigureOfReading:
    """Return the figure that a reading of a claim gives: a level, or the change between two.

    Example, of a change from 2020/21 to 2021/22: charges were 290 and 493, which makes 70.0, told as "Suspects charged:
    290 in 2020/21, 493 in 2021/22, +70%". Figures that would tell a force's return are left out of the text.
    """
    asked: list[Period | None] = [*reading.periods] or [None]
    levels = [_Level(period, _figure_claimed(claim, reading.measure, period, knowledge)) for period in asked]
    values = [level.figure.value / reading.quarters for level in levels if level.figure.value is not None]
    if len(values) < len(levels):
        return FigureOfReading(reading, NOTHING, _tell_absent(reading, levels, knowledge))
    value = _value_claimed(reading, values)
    shown = "figures withheld" if _is_withheld(claim, reading, levels) else _tell_values(claim, reading, values, value)
    text = f"{reading.measure.title()}: {shown}"
    if value is None:
        return FigureOfReading(reading, NOTHING, text)
    least = min((level.figure for level in levels), key=lambda figure: figure.share_received)
    if least.received < least.expected:
        text += f" ({least.received} of {least.expected} reports received)"
    return FigureOfReading(reading, KnownFigure(value, least.received, least.expected), text)


def _tell_absent(reading: Reading, levels: Sequence[_Level], knowledge: Knowledge) -> str:
    labels = [level.period.full_label for level in levels if level.period and level.figure.value is None]
    for_periods = f" for {' and '.join(labels)}" if labels else ""
    return f"No figure of {reading.measure.title()}{for_periods} had been published by {knowledge.as_at}"


def _value_claimed(reading: Reading, values: Sequence[float]) -> float | None:
    """Return the value that a reading speaks of: of its last period, or what changed between its two.

    A change is relative, in percent; there is none relative to nothing.
    """
    if reading.kind == "level" or len(values) != 2:
        return values[-1]
    before, after = values
    if reading.kind == "difference":
        return after - before
    return (after / before - 1) * 100 if before else None


def _tell_values(claim: Claim, reading: Reading, values: Sequence[float], value: float | None) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22, +70%``: the figures of the periods, and what is made of them."""
    text = _levels_text(claim, reading, values)
    if value is None:
        return f"{text}: there is no change relative to nothing"
    is_change = reading.kind != "level" and len(values) == 2
    if is_change and claim.kind != "placeholder":
        unit = claim.unit if reading.kind == claim.kind else "percentage points"
        text += f", {figure_words(value, unit, signed=True)}"
    return text


def _figure_claimed(claim: Claim, measure: ClaimedMeasure, period: Period | None, knowledge: Knowledge) -> KnownFigure:
    """Return the figure of a measure in a period; in percent of the whole where the claim is of a share."""
    figure = knowledge.find_figure(measure, period, claim.geography)
    if not claim.of:
        return figure
    whole = knowledge.find_figure(claim.of, period, claim.geography)
    if figure.value is None or not whole.value:
        return NOTHING
    least = min(figure, whole, key=lambda each: each.share_received)
    return KnownFigure(figure.value / whole.value * 100, least.received, least.expected)


def _levels_text(claim: Claim, reading: Reading, values: Sequence[float]) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22``; a unit stands where it is that of a level."""
    unit = claim.unit if reading.kind == "level" else ""
    if claim.of or reading.measure.is_share:
        unit = "percent"
    figures = [figure_words(value, unit).strip() for value in values]
    if reading.periods:
        figures = [f"{text} in {period.full_label}" for text, period in zip(figures, reading.periods, strict=True)]
    return ", ".join(figures)


def _is_withheld(claim: Claim, reading: Reading, levels: Sequence[_Level]) -> bool:
    """Return whether the text may not show the figures: of sensitive returns, those of a force or of very few."""
    measures = [measure for measure in (reading.measure, claim.of) if measure]
    if not any(measure.is_sensitive for measure in measures):
        return False
    return claim.place_name != NATIONAL or any(map(_is_of_few, levels))


def _is_of_few(level: _Level) -> bool:
    """Return whether the monthly reports behind a figure may be those of a reporter or two."""
    months = len(list(periods("month", level.period.first, level.period.end))) if level.period else 1
    return level.figure.received < FEWEST_REPORTERS * months


def _releases_behind(claim: Claim, reading: Reading, knowledge: Knowledge) -> frozenset[UnderlyingRelease]:
    """Return the releases that the figure of a reading rests on."""
    releases: set[UnderlyingRelease] = set()
    for measure in (reading.measure, claim.of):
        if measure:
            for period in reading.periods:
                releases |= knowledge.find_releases(measure, period, claim.geography)
    return frozenset(releases)
