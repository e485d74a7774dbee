"""What somebody can work out who knows some figures, and which of them are the sum of which others.

Each figure lies within a range that the reader knows: a published count is known exactly, a share that was rounded
leaves its count within a little, what is suppressed may be anything that is not negative. Sums tie the ranges together.
By linear programming follows how low and how high each figure can be, so that all sums hold.

Example: three regions add up to 100. 60 is published, and two are suppressed: each may be anything from 0 to 40. Were
30 published too, the third would be 10 and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Range:
    """Between what a figure is known to lie, both ends included."""

    low: float = 0
    high: float = math.inf

    @property
    def width(self) -> float:
        """How far its ends are apart."""
        return self.high - self.low


@dataclass(frozen=True)
class Sum(Generic[Name]):
    """That some figures add up to another."""

    total: Name
    parts: tuple[Name, ...]

    @property
    def names(self) -> tuple[Name, ...]:
        """All figures that it ties together."""
        return (self.total, *self.parts)


def find_possible_range(name: Name, ranges: Mapping[Name, Range], sums: Sequence[Sum[Name]]) -> Range:
    """Return how low and how high a figure can be, where others lie within ``ranges`` and all ``sums`` hold.

    Raises ValueError where nothing lies within all ranges.
    """
    tied = find_tied_sums(name, sums)
    if not tied:
        return ranges[name]
    names = sorted({each for one in tied for each in one.names}, key=str)
    places = {each: place for place, each in enumerate(names)}
    equations = lil_matrix((len(tied), len(names)))
    for row, one in enumerate(tied):
        equations[row, places[one.total]] = -1
        for part in one.parts:
            equations[row, places[part]] = 1
    bounds = [(ranges[each].low, None if math.isinf(ranges[each].high) else ranges[each].high) for each in names]
    ends = []
    for sign in (1, -1):
        objective = np.zeros(len(names))
        objective[places[name]] = sign
        found = linprog(objective, A_eq=equations.tocsr(), b_eq=np.zeros(len(tied)), bounds=bounds, method="highs")
        if found.status == 3:  # unbounded
            ends.append(math.inf)
        elif found.status == 0:
            ends.append(sign * found.fun)
        else:
            raise ValueError(f"no figures fit what is known of {name}: {found.message}")
    return Range(*ends)


def find_tied_sums(name: Name, sums: Sequence[Sum[Name]]) -> list[Sum[Name]]:
    """Return the sums that tell of a figure: those that it stands in, and on from each to those that share a figure."""
    reached: set[Name] = {name}
    tied: list[Sum[Name]] = []
    left = list(sums)
    while touched := [one for one in left if _shares_figure(one, reached)]:
        tied += touched
        left = [one for one in left if one not in touched]
        reached.update(each for one in touched for each in one.names)
    return tied


def _shares_figure(one: Sum[Name], names: Collection[Name]) -> bool:
    return any(each in names for each in one.names)
