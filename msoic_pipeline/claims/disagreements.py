"""Claims against each other: which of a report's statements cannot both be true, whatever the data say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from msoic_pipeline.claims.claims import ROUNDING_ERROR, Claim

# From where to where a figure may lie.
Bounds = tuple[float, float]


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
class _ChangeBetweenLevels:
    """A claimed change, and claimed levels from and to which it is."""

    change: Claim
    before: Claim
    after: Claim


def find_disagreements(claims: Sequence[Claim]) -> list[ClaimPair]:
    """Return the pairs of claims that cannot both be true.

    Two that speak of the same thing disagree where no range of figures would bear out both. A change disagrees with the
    two levels that it is between where these make another change.

    Example: +70% is 69.5 to 70.5 and "over 50%" 50 to 60: they disagree. 13,114 referrals in 2021 and 10,613 in 2020
    make a rise of 23.6%: "almost 24%" agrees with them (23 to 24), "30%" with neither.
    """
    pairs = [
        pair for pair in _pair_comparable_claims(claims) if not _bounds_overlap(pair.first.bounds, pair.second.bounds)
    ]
    for found in _changes_between_levels(claims):
        change_of_levels = _change_between(found)
        if change_of_levels is not None and not _bounds_overlap(change_of_levels, found.change.bounds):
            pairs += [ClaimPair(found.change, found.before), ClaimPair(found.change, found.after)]
    return _in_order_of_report(pairs, claims)


def find_restatements(claims: Sequence[Claim]) -> list[ClaimPair]:
    """Return the pairs of claims that say the same thing in different figures or words, and can both be true."""
    return [
        pair
        for pair in _pair_comparable_claims(claims)
        if (pair.first.claimed, pair.first.comparator) != (pair.second.claimed, pair.second.comparator)
        and _bounds_overlap(pair.first.bounds, pair.second.bounds)
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
    if (first.kind, first.unit, first.place_name) != (second.kind, second.unit, second.place_name):
        return False
    are_periods_stated = first.stated and second.stated
    return not are_periods_stated or (first.period, first.base) == (second.period, second.base)


def _changes_between_levels(claims: Sequence[Claim]) -> Iterator[_ChangeBetweenLevels]:
    """Yield changes with the levels of the same topic from and to which they are."""
    levels = [claim for claim in claims if claim.kind == "level" and claim.period]
    for change in claims:
        if change.kind not in ("change", "difference") or not change.value or not change.base:
            continue
        of_place = [level for level in levels if level.place_name == change.place_name]
        related = [level for level in of_place if set(level.topics) & set(change.topics)]
        for before in related:
            for after in related:
                is_between = (before.period, after.period) == (change.base, change.period)
                if is_between and before.unit == after.unit:
                    yield _ChangeBetweenLevels(change, before, after)


def _change_between(levels: _ChangeBetweenLevels) -> Bounds | None:
    """Return from where to where a change may lie, given its levels; None where there is none relative to nothing."""
    low_before, high_before = levels.before.bounds
    low_after, high_after = levels.after.bounds
    if levels.change.kind == "difference":
        return low_after - high_before, high_after - low_before
    if low_before <= 0:
        return None
    return (low_after / high_before - 1) * 100, (high_after / low_before - 1) * 100


def _bounds_overlap(bounds: Bounds, others: Bounds) -> bool:
    """Return whether two ranges have more than an end in common: 50 to 60 and 60 to 70 have not."""
    return max(bounds[0], others[0]) < min(bounds[1], others[1]) - ROUNDING_ERROR


def _in_order_of_report(pairs: Sequence[ClaimPair], claims: Sequence[Claim]) -> list[ClaimPair]:
    """Return pairs in the order in which their claims stand, each once."""
    places = {claim.id: place for place, claim in enumerate(claims)}
    ordered = {tuple(sorted((places[pair.first.id], places[pair.second.id]))) for pair in pairs}
    return [ClaimPair(claims[first], claims[second]) for first, second in sorted(ordered)]
