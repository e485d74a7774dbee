"""The words on what a release changed: for the report, Dagster's pages and the terminal alike."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.changes import KINDS, Change
from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.held_values import HeldValue
from msoic_pipeline.kpis.publication_days import PublishedFile
from msoic_pipeline.kpis.usual_revisions import UsualRevision
from msoic_pipeline.publication.value_words import tell_difference, tell_value
from msoic_pipeline.wording import WITHHELD, tell_count, tell_day, tell_figure
from msoic_pipeline.workbooks.source import load_source

NO_VALUE = "none"


@dataclass(frozen=True)
class ChangeRow:
    """A change in words; each text is empty where there is nothing to say."""

    published_on: str
    kpi: str
    period: str
    change: str
    before: str
    after: str
    difference: str
    usual: str


def tell_change(change: Change) -> ChangeRow:
    """Return a change in words. Of a sensitive KPI from what to what it moved is withheld."""
    before, after, difference = WITHHELD, WITHHELD, WITHHELD
    if not change.is_withheld:
        before, after = tell_held_value(change.kpi, change.before), tell_held_value(change.kpi, change.after)
        difference = tell_change_difference(change)
    return ChangeRow(
        change.published_on.isoformat(),
        change.kpi.title,
        change.series.period_label,
        change.kind,
        before,
        after,
        difference,
        tell_usual(change),
    )


def tell_held_value(kpi: Kpi, value: HeldValue | None) -> str:
    """Return a value in words, with a reservation where it is incomplete: ``9,401 (incomplete)``."""
    if value is None or value.value is None:
        return NO_VALUE
    told = tell_value(value.value, kpi.unit)
    return told if value.is_complete else f"{told} (incomplete)"


def tell_change_difference(change: Change) -> str:
    """Return by how much a value moved: ``21 less (-0.2%)``; nothing where one of the two is missing."""
    if change.difference is None or change.before is None or change.after is None:
        return ""
    assert change.before.value is not None and change.after.value is not None
    return tell_difference(change.after.value, change.before.value, change.kpi.unit)


def tell_usual(change: Change) -> str:
    """Return whether a revision is more than usual, and what that is; nothing where the value was not revised."""
    if change.kind != "revised" or change.is_withheld:
        return ""
    if change.usual is None:
        return "not judged: it was not complete before, or since when is not known"
    if change.usual.median is None or change.usual.ninetieth is None:
        return f"not judged: {_tell_too_few(change.usual)}"
    if change.relative is None:
        return "not judged: the value before was zero"
    verdict = "MORE THAN USUAL" if change.is_more_than_usual else "no more than usual"
    return (
        f"{verdict}: of {change.usual.revisions} earlier revisions at this age half were by "
        f"{tell_part(change.usual.median)} or less, nine in ten by {tell_part(change.usual.ninetieth)} or less"
    )


def _tell_too_few(usual: UsualRevision) -> str:
    return f"{tell_count(usual.revisions, 'earlier revision')} at this age, too few to say what is usual"


def tell_part(part: float) -> str:
    """Return a part of one in percent, to two digits: 0.00165 is ``0.17%``."""
    return f"{tell_figure(part * 100, 2)}%"


def tell_releases(files: Sequence[PublishedFile]) -> str:
    """Return by source what was published on a day: ``CPS data summaries (1 release)``.

    Of a sensitive source not which they are: a release's name may be a force's.
    """
    numbers = Counter(file.source for file in files)
    told = [f"{load_source(source).title} ({tell_count(number, 'release')})" for source, number in numbers.items()]
    return "; ".join(told)


def tell_day_changes(day: dt.date, changes: Sequence[Change]) -> str:
    """Return in a sentence how many values moved on a day, by kind, and how many by more than usual."""
    return f"What was published on {tell_day(day)} moved {tell_moved(changes)}"


def tell_moved(changes: Sequence[Change]) -> str:
    """Return how many values moved: ``16 national figures: 9 revised, 7 new. Of those revised 2 moved by more …``."""
    if not changes:
        return "no national figure."
    numbers = Counter(change.kind for change in changes)
    kinds = [f"{numbers[kind]:,} {kind}" for kind in KINDS if numbers[kind]]
    return f"{tell_count(len(changes), 'national figure')}: {', '.join(kinds)}.{_tell_judged(changes)}"


def _tell_judged(changes: Sequence[Change]) -> str:
    """Return how many of the revised values were revised by more than usual; nothing where none may be told of."""
    revised = [change for change in changes if change.kind == "revised" and not change.is_withheld]
    if not revised:
        return ""
    judged = Counter(change.is_more_than_usual for change in revised)
    told = f" Of those revised {judged[True]:,} moved by more than usual, {judged[False]:,} by no more"
    return f"{told}; {judged[None]:,} cannot be judged." if judged[None] else f"{told}."
