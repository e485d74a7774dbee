"""The figure that an interpretation of a claim gives, as known on a day, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.claims.claims import Claim, tell_with_unit
from msoic_pipeline.claims.interpretations import Interpretation
from msoic_pipeline.claims.knowledge import Knowledge, UnderlyingRelease
from msoic_pipeline.claims.known_figures import NOTHING, KnownFigure
from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.period import Period
from msoic_pipeline.kpis.few_returns import CountedReturns, tells_a_return
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.periods import PERIOD_MONTHS


@dataclass(frozen=True)
class InterpretedFigure:
    """The figure that an interpretation of a claim gives, and how it comes about, without a full stop.

    Of one that ``is_withheld`` nobody may be shown the value; the text leaves it out.
    """

    interpretation: Interpretation
    figure: KnownFigure
    text: str
    is_withheld: bool = False

    @property
    def value(self) -> float | None:
        """The figure's value."""
        return self.figure.value


@dataclass(frozen=True)
class _PeriodFigure:
    """The figure of a period; of members of a dimension, of none."""

    period: Period | None
    figure: KnownFigure


def find_interpreted_figure(claim: Claim, interpretation: Interpretation, knowledge: Knowledge) -> InterpretedFigure:
    """Return the figure that an interpretation of a claim gives: that of a period, or the change between two.

    Example, of a change from 2020/21 to 2021/22: charges were 290 and 493, which makes 70.0, told as "Suspects charged:
    290 in 2020/21, 493 in 2021/22, +70%". Figures that would tell a force's return are left out of the text.
    """
    asked: list[Period | None] = [*interpretation.periods] or [None]
    found = [_PeriodFigure(period, _find_claimed(claim, interpretation.measure, period, knowledge)) for period in asked]
    values = [each.figure.value / interpretation.quarters for each in found if each.figure.value is not None]
    if len(values) < len(found):
        return InterpretedFigure(interpretation, NOTHING, _tell_absent(interpretation, found, knowledge))
    value = _value_claimed(interpretation, values)
    shown = _tell_values(claim, interpretation, values, value)
    is_withheld = _is_withheld(claim, interpretation, knowledge)
    if is_withheld:
        shown = "figures withheld"
    text = f"{interpretation.measure.title()}: {shown}"
    if value is None:
        return InterpretedFigure(interpretation, NOTHING, text, is_withheld)
    least = min((each.figure for each in found), key=lambda figure: figure.share_received)
    if least.received < least.expected:
        text += f" ({least.received} of {least.expected} reports received)"
    return InterpretedFigure(interpretation, KnownFigure(value, least.received, least.expected), text, is_withheld)


def _find_claimed(claim: Claim, measure: Measure, period: Period | None, knowledge: Knowledge) -> KnownFigure:
    """Return the figure of a measure in a period; in percent of the whole where the claim is of a share."""
    figure = knowledge.find_figure(measure, period, claim.geography)
    if not claim.of:
        return figure
    whole = knowledge.find_figure(claim.of, period, claim.geography)
    if figure.value is None or not whole.value:
        return NOTHING
    least = min(figure, whole, key=lambda each: each.share_received)
    return KnownFigure(figure.value / whole.value * 100, least.received, least.expected)


def _value_claimed(interpretation: Interpretation, values: Sequence[float]) -> float | None:
    """Return the value that an interpretation speaks of: of its last period, or what changed between its two.

    A change is relative, in percent; there is none relative to nothing.
    """
    if interpretation.kind == "level" or len(values) != 2:
        return values[-1]
    before, after = values
    if interpretation.kind == "difference":
        return after - before
    return (after / before - 1) * 100 if before else None


# --- In words --------------------------------------------------------------------------------------------------------


def _tell_absent(interpretation: Interpretation, found: Sequence[_PeriodFigure], knowledge: Knowledge) -> str:
    labels = [each.period.full_label for each in found if each.period and each.figure.value is None]
    for_periods = f" for {' and '.join(labels)}" if labels else ""
    return f"No figure of {interpretation.measure.title()}{for_periods} had been published by {knowledge.as_at}"


def _tell_values(claim: Claim, interpretation: Interpretation, values: Sequence[float], value: float | None) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22, +70%``: the figures of the periods, and what is made of them."""
    text = _tell_period_figures(claim, interpretation, values)
    if value is None:
        return f"{text}: there is no change relative to nothing"
    is_change = interpretation.kind != "level" and len(values) == 2
    if is_change and claim.kind != "placeholder":
        unit = claim.unit if interpretation.kind == claim.kind else "percentage points"
        text += f", {tell_with_unit(value, unit, signed=True)}"
    return text


def _tell_period_figures(claim: Claim, interpretation: Interpretation, values: Sequence[float]) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22``; a unit stands where it is that of a period's figure."""
    unit = claim.unit if interpretation.kind == "level" else ""
    if claim.of or interpretation.measure.is_share:
        unit = "percent"
    texts = [tell_with_unit(value, unit).strip() for value in values]
    if interpretation.periods:
        labels = [period.full_label for period in interpretation.periods]
        texts = [f"{text} in {label}" for text, label in zip(texts, labels, strict=True)]
    return ", ".join(texts)


def _is_withheld(claim: Claim, interpretation: Interpretation, knowledge: Knowledge) -> bool:
    """Return whether nobody may be shown the figures: of sensitive returns, those of a force or of very few."""
    sensitive = [measure for measure in (interpretation.measure, claim.of) if measure and measure.is_sensitive]
    if not sensitive:
        return False
    if claim.place_name != NATIONAL:
        return True
    return any(
        _tells_a_return(measure, period, knowledge.find_figure(measure, period, claim.geography))
        for measure in sensitive
        for period in interpretation.periods
    )


def _tells_a_return(measure: Measure, period: Period, figure: KnownFigure) -> bool:
    """Return whether a measure's figure of a period would tell what a reporter or two returned.

    The reports of a KPI are counted by the period, where there are several of the one that fewest came of; those of a
    term are counted over all of them.
    """
    several = len(period.starts) if measure.term else 1
    return any(
        tells_a_return(
            CountedReturns(
                figure.received,
                figure.expected,
                over_time,
                months=PERIOD_MONTHS[period.kind] * several,
                months_of_return=PERIOD_MONTHS[term.finest_period],
            )
        )
        for term, over_time in measure.terms
    )


# --- What it rests on ------------------------------------------------------------------------------------------------


def find_releases_behind(
    claim: Claim, interpretation: Interpretation, knowledge: Knowledge
) -> frozenset[UnderlyingRelease]:
    """Return the releases that the figure of an interpretation rests on."""
    releases: set[UnderlyingRelease] = set()
    for measure in (interpretation.measure, claim.of):
        if measure:
            for period in interpretation.periods:
                releases |= knowledge.find_releases(measure, period, claim.geography)
    return frozenset(releases)
