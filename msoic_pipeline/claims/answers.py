"""What was known on a day answers to an interpretation of a claim: a figure, and the words for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.claims.claims import tell_with_unit
from msoic_pipeline.claims.interpretations import Interpretation
from msoic_pipeline.claims.knowledge import Knowledge, UnderlyingRelease
from msoic_pipeline.claims.known_figures import NOTHING, KnownFigure, find_least_reported
from msoic_pipeline.claims.period import Period
from msoic_pipeline.model.geography import NATIONAL


@dataclass(frozen=True)
class Answer:
    """The figure that an interpretation gives, and how it comes about in words, without a full stop.

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


def find_answer(interpretation: Interpretation, knowledge: Knowledge) -> Answer:
    """Return the figure that an interpretation of a claim gives: that of a period, or the change between two.

    Example, of a change from 2020/21 to 2021/22: charges were 290 and 493, which makes 70.0, told as "Suspects charged:
    290 in 2020/21, 493 in 2021/22, +70%". Figures that would tell a force's return are left out of the text.
    """
    # Of members of a dimension there is one figure, of no period.
    asked: list[Period | None] = [*interpretation.periods] or [None]
    figures = [_find_figure_of_period(interpretation, period, knowledge) for period in asked]
    values = [figure.value / interpretation.quarters for figure in figures if figure.value is not None]
    if len(values) < len(figures):
        return Answer(interpretation, NOTHING, _tell_absent(interpretation, figures, knowledge.as_at))
    value = _compute_value(interpretation, values)
    is_withheld = _is_withheld(interpretation, knowledge)
    shown = "figures withheld" if is_withheld else _tell_values(interpretation, values, value)
    text = f"{interpretation.measure.title()}: {shown}"
    if value is None:
        return Answer(interpretation, NOTHING, text, is_withheld)
    least = find_least_reported(figures)
    if least.received < least.expected:
        text += f" ({least.received} of {least.expected} reports received)"
    return Answer(interpretation, KnownFigure(value, least.received, least.expected), text, is_withheld)


def find_releases_behind(interpretation: Interpretation, knowledge: Knowledge) -> frozenset[UnderlyingRelease]:
    """Return the releases that the figure of an interpretation rests on."""
    releases: set[UnderlyingRelease] = set()
    for measure in interpretation.measures:
        for period in interpretation.periods:
            releases |= knowledge.find_releases(measure, period, interpretation.claim.geography)
    return frozenset(releases)


def _find_figure_of_period(interpretation: Interpretation, period: Period | None, knowledge: Knowledge) -> KnownFigure:
    """Return the figure of a period; in percent of the whole where the claim is of a share."""
    claim = interpretation.claim
    figure = knowledge.find_figure(interpretation.measure, period, claim.geography)
    if not claim.of:
        return figure
    whole = knowledge.find_figure(claim.of, period, claim.geography)
    if figure.value is None or not whole.value:
        return NOTHING
    least = find_least_reported([figure, whole])
    return KnownFigure(figure.value / whole.value * 100, least.received, least.expected)


def _compute_value(interpretation: Interpretation, values: Sequence[float]) -> float | None:
    """Return the value that an interpretation speaks of: of its only period, or what changed between its two.

    A change is relative, in percent; there is none relative to nothing.
    """
    if not interpretation.is_change:
        return values[-1]
    before, after = values
    if interpretation.kind == "difference":
        return after - before
    return (after / before - 1) * 100 if before else None


# --- In words --------------------------------------------------------------------------------------------------------


def _tell_absent(interpretation: Interpretation, figures: Sequence[KnownFigure], as_at: dt.date) -> str:
    periods = zip(interpretation.periods, figures, strict=False)
    labels = [period.full_label for period, figure in periods if figure.value is None]
    for_periods = f" for {' and '.join(labels)}" if labels else ""
    return f"No figure of {interpretation.measure.title()}{for_periods} had been published by {as_at}"


def _tell_values(interpretation: Interpretation, values: Sequence[float], value: float | None) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22, +70%``: the figures of the periods, and what is made of them."""
    text = _tell_period_figures(interpretation, values)
    if value is None:
        return f"{text}: there is no change relative to nothing"
    claim = interpretation.claim
    if interpretation.is_change and claim.kind != "placeholder":
        unit = claim.unit if interpretation.kind == claim.kind else "percentage points"
        text += f", {tell_with_unit(value, unit, signed=True)}"
    return text


def _tell_period_figures(interpretation: Interpretation, values: Sequence[float]) -> str:
    """Return, say, ``290 in 2020/21, 493 in 2021/22``; a unit stands where it is that of a period's figure."""
    unit = interpretation.claim.unit if interpretation.kind == "level" else ""
    if interpretation.claim.of or interpretation.measure.is_share:
        unit = "percent"
    texts = [tell_with_unit(value, unit).strip() for value in values]
    if interpretation.periods:
        labels = [period.full_label for period in interpretation.periods]
        texts = [f"{text} in {label}" for text, label in zip(texts, labels, strict=True)]
    return ", ".join(texts)


# --- What may be shown -----------------------------------------------------------------------------------------------


def _is_withheld(interpretation: Interpretation, knowledge: Knowledge) -> bool:
    """Return whether nobody may be shown the figures: of sensitive returns, those of a force or of very few."""
    sensitive = [measure for measure in interpretation.measures if measure.is_sensitive]
    if sensitive and interpretation.claim.geography_name != NATIONAL:
        return True
    return any(knowledge.tells_a_return(measure, period) for measure in sensitive for period in interpretation.periods)
