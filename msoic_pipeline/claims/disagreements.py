"""Claims against each other: where a report contradicts itself, whatever the data say.

It gives the same thing different figures, of which only one can be true; or the same figure to different things,
periods or places: then the figure may be right, and the report does not know what it is of.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from msoic_pipeline.claims.claims import Bounds, Claim


@dataclass(frozen=True)
class ClaimPair:
    """Two claims of a report that speak of the same thing, in the order of the report."""

    first: Claim
    second: Claim

    @property
    def shared_topics(self) -> list[str]:
        """The topics that both speak of."""
        return [topic for topic in self.first.topics if topic in self.second.topics]


@dataclass(frozen=True)
class Disagreement(ClaimPair):
    """Two claims that contradict each other ``over`` the figure of a thing, or over what the same figure is of."""

    over: Literal["figure", "thing", "period", "place"]

    @property
    def sentence(self) -> str:
        """What each says and where, for example:

        ``Different figures of OIC sessions: 27 sessions in 2021/22 in section 2; 20 sessions in 2021/22 in section 6.``
        ``The same figure of charging, +97%: police referrals in section 3, box; charging decisions in section 4.``
        """
        first, second = self.first, self.second
        topics = " and ".join(self.shared_topics)
        if self.over == "figure":
            told = [f"{_tell_figure(claim)} in {claim.stands_in}" for claim in (first, second)]
            return f"Different figures of {topics}: {told[0]}; {told[1]}."
        tell = {"thing": _tell_thing, "period": _tell_thing_and_periods, "place": _tell_geography}[self.over]
        told = [f"{tell(claim)} in {claim.stands_in}" for claim in (first, second)]
        return f"The same figure of {topics}, {self._tell_common_figure()}: {told[0]}; {told[1]}."

    def _tell_common_figure(self) -> str:
        """Return the figure that both give; where they word it differently, both ways."""
        return " or ".join(dict.fromkeys((self.first.in_short(), self.second.in_short())))


@dataclass(frozen=True)
class _ChangeBetweenLevels:
    """A claimed change, and claimed levels from and to which it is."""

    change: Claim
    before: Claim
    after: Claim


def find_disagreements(claims: Sequence[Claim]) -> list[Disagreement]:
    """Return where claims contradict each other, in the order of the report; two may do so in more than one way.

    Over the figure: ``find_contradictions``. Over what a figure is of: two claims of a topic give the same figure, but
    to different things (``said_of``, or units), periods, or places. Of the same figure are those that one range of
    figures would bear out, where neither has an open end: 97% and almost 100%, but not 7,093 and hundreds. Over the
    period only changes disagree: two levels may well be the same at different times.

    Example: "compliance of referrals rose to 94%" and "94% of scripts were completed", of one topic: over the thing.
    "+97% from 2020/21 to 2021/22" and "+97% from the first quarter to the last": over the period.
    """
    found = find_contradictions(claims)
    for first, second in combinations(claims, 2):
        pair = ClaimPair(first, second)
        if pair.shared_topics and _give_the_same_figure(pair):
            if _differ_over_the_thing(pair):
                found.append(Disagreement(first, second, "thing"))
            if _differ_over_the_period(pair):
                found.append(Disagreement(first, second, "period"))
            if first.geography_name != second.geography_name:
                found.append(Disagreement(first, second, "place"))
    return _in_order_of_report(found, claims)


def find_contradictions(claims: Sequence[Claim]) -> list[Disagreement]:
    """Return the pairs of claims of which one figure must be wrong.

    Two that speak of the same thing disagree where no range of figures would bear out both. A change disagrees with the
    two levels that it is between where these make another change.

    Example: +70% is 69.5 to 70.5 and "over 50%" 50 to 60: they disagree. 13,114 referrals in 2021 and 10,613 in 2020
    make a rise of 23.6%: "almost 24%" agrees with them (23 to 24), "30%" with neither.
    """
    found = [
        Disagreement(pair.first, pair.second, "figure")
        for pair in _pair_comparable_claims(claims)
        if not pair.first.bounds.overlap(pair.second.bounds)
    ]
    for levels in _find_changes_between_levels(claims):
        change_of_levels = _compute_change_between(levels)
        if change_of_levels is not None and not change_of_levels.overlap(levels.change.bounds):
            for level in (levels.before, levels.after):
                found.append(Disagreement(levels.change, level, "figure"))
    return _in_order_of_report(found, claims)


def find_restatements(claims: Sequence[Claim]) -> list[ClaimPair]:
    """Return the pairs of claims that say the same thing in different figures or words, and can both be true."""
    return [
        pair
        for pair in _pair_comparable_claims(claims)
        if (pair.first.claimed, pair.first.comparator) != (pair.second.claimed, pair.second.comparator)
        and pair.first.bounds.overlap(pair.second.bounds)
        and not _differ_over_the_thing(pair)
    ]


def group_by_claim(pairs: Sequence[ClaimPair]) -> dict[str, list[Claim]]:
    """Return, by the id of a claim, the others that it is paired with."""
    others: dict[str, list[Claim]] = defaultdict(list)
    for pair in pairs:
        others[pair.first.id].append(pair.second)
        others[pair.second.id].append(pair.first)
    return others


def _pair_comparable_claims(claims: Sequence[Claim]) -> Iterator[ClaimPair]:
    """Yield the pairs of claims that speak of the same thing."""
    for first, second in combinations(claims, 2):
        if first.value and second.value and _speak_of_the_same(first, second):
            yield ClaimPair(first, second)


def _speak_of_the_same(first: Claim, second: Claim) -> bool:
    """Return whether two claims share a topic, kind, unit, geography and, as far as both state them, periods."""
    if not set(first.topics) & set(second.topics):
        return False
    if (first.kind, first.unit, first.geography_name) != (second.kind, second.unit, second.geography_name):
        return False
    return _state_the_same_periods(first, second)


def _find_changes_between_levels(claims: Sequence[Claim]) -> Iterator[_ChangeBetweenLevels]:
    """Yield changes with the levels of the same topic from and to which they are."""
    levels = [claim for claim in claims if claim.kind == "level" and claim.period]
    for change in claims:
        if change.kind not in ("change", "difference") or not change.value or not change.base:
            continue
        of_geography = [level for level in levels if level.geography_name == change.geography_name]
        related = [level for level in of_geography if set(level.topics) & set(change.topics)]
        for before in related:
            for after in related:
                is_between = (before.period, after.period) == (change.base, change.period)
                if is_between and before.unit == after.unit and _is_in_unit_of(change, before):
                    yield _ChangeBetweenLevels(change, before, after)


def _is_in_unit_of(change: Claim, level: Claim) -> bool:
    """Return whether a change can be made of levels: a difference has their unit, of shares it is in points."""
    if change.kind == "change":
        return True
    return change.unit == ("percentage points" if level.unit == "percent" else level.unit)


def _compute_change_between(levels: _ChangeBetweenLevels) -> Bounds | None:
    """Return from where to where a change may lie, given its levels; None where there is none relative to nothing.

    A level that has no lower end is not below nothing: from at least 100 to at most 50 is a fall of 50% to 100%.
    """
    before, after = levels.before.bounds, levels.after.bounds
    if levels.change.kind == "difference":
        return Bounds(after.low - before.high, after.high - before.low)
    if before.low <= 0:
        return None
    lowest_after = 0.0 if after.low == -math.inf else after.low
    return Bounds((lowest_after / before.high - 1) * 100, (after.high / before.low - 1) * 100)


# --- The same figure, of something else ------------------------------------------------------------------------------


def _give_the_same_figure(pair: ClaimPair) -> bool:
    """Return whether two claims are of a kind and give the same figure, in whatever unit."""
    first, second = pair.first, pair.second
    if first.kind != second.kind or not (first.value and second.value):
        return False
    if not (first.bounds.are_finite and second.bounds.are_finite):
        return False
    return first.bounds.overlap(second.bounds)


def _differ_over_the_thing(pair: ClaimPair) -> bool:
    """Return whether two claims, of the same periods as far as they state them, call what they count differently."""
    first, second = pair.first, pair.second
    if not _state_the_same_periods(first, second):
        return False
    is_said_differently = bool(first.said_of and second.said_of) and first.said_of != second.said_of
    return is_said_differently or first.unit != second.unit


def _differ_over_the_period(pair: ClaimPair) -> bool:
    """Return whether two claims say that the same change took place between different periods."""
    is_change = pair.first.base is not None and pair.second.base is not None
    return is_change and not _state_the_same_periods(pair.first, pair.second)


def _state_the_same_periods(first: Claim, second: Claim) -> bool:
    """Return whether two claims are of the same periods, as far as both state them."""
    are_periods_stated = first.stated and second.stated
    return not are_periods_stated or (first.period, first.base) == (second.period, second.base)


# --- In words --------------------------------------------------------------------------------------------------------


def _tell_figure(claim: Claim) -> str:
    """Return a claim's figure with what it is said to be of, and its periods where it states them."""
    parts = [claim.in_short()]
    if claim.said_of:
        parts.append(f"({claim.said_of})")
    if claim.period and claim.stated:
        parts.append(_tell_periods(claim))
    return " ".join(parts)


def _tell_thing(claim: Claim) -> str:
    return claim.said_of or claim.in_short()


def _tell_thing_and_periods(claim: Claim) -> str:
    return f"{claim.said_of} {_tell_periods(claim)}".strip()


def _tell_periods(claim: Claim) -> str:
    assert claim.period
    if claim.base:
        return f"from {claim.base.full_label} to {claim.period.full_label}"
    return f"in {claim.period.full_label}"


def _tell_geography(claim: Claim) -> str:
    return claim.geography_name


def _in_order_of_report(found: Sequence[Disagreement], claims: Sequence[Claim]) -> list[Disagreement]:
    """Return disagreements in the order in which their claims stand, each once, the earlier claim first."""
    positions = {claim.id: position for position, claim in enumerate(claims)}
    ordered: dict[tuple[int, int, str], Disagreement] = {}
    for each in found:
        first, second = sorted((each.first, each.second), key=lambda claim: positions[claim.id])
        ordered[positions[first.id], positions[second.id], each.over] = Disagreement(first, second, each.over)
    return [ordered[key] for key in sorted(ordered)]
