"""In what the header of a sheet differs from what a layout expects, in words, with the line that would accept it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rapidfuzz import fuzz, process, utils

from msoic_pipeline.periods import period_label
from msoic_pipeline.wording import WITHHELD
from msoic_pipeline.workbooks.layout import BETWEEN_NAMES, HeaderTier, Layout

# The member that stands for the total over all others. No cell can hold it: an unprintable character becomes an escape.
TOTAL = "\0total"
# Two headers are likened to each other from this score on, of 100.
_LEAST_LIKENESS = 70

# The members under which a column of figures stands, one for each tier, outermost first.
MemberPath = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """One way in which a sheet's header differs from what a layout expects.

    ``to`` is the tidy column that it is about, and empty where the layout knows of none. ``found`` is what stands in
    ``cell``; both are empty where something is missing. What is missing or renamed is a label or a measure, by its
    accepted ``headers``; or the column under ``members``, where an empty path stands for any column. Of an unknown
    header of an open set ``expected`` is what its parser says: what it reads, and where to add what is new.
    """

    kind: Literal["missing", "renamed", "unknown", "ambiguous"]
    to: str
    found: str = ""
    cell: str = ""
    headers: tuple[str, ...] = ()
    members: MemberPath = ()
    expected: str = ""

    @property
    def wanted(self) -> str:
        """What is missing or renamed, in words: ``header 'Force' or 'Police Force'``; ``column Adult / positive``."""
        if self.headers:
            return f"header {join_alternatives(self.headers)}"
        if self.members:
            return f"column {BETWEEN_NAMES.join(_tell_member(member) for member in self.members)}"
        return f"column of a {self.to}"

    @property
    def is_new_member(self) -> bool:
        """Whether it is a header of an open set that may be a new member of it."""
        return self.kind == "unknown" and bool(self.expected)

    def words(self, withhold: bool) -> str:
        """Return the difference as a person reads it, without what stands in the sheet if that is to be withheld."""
        at = f" in {self.cell}" if self.cell else ""
        found = WITHHELD if withhold else repr(self.found)
        if self.kind == "missing":
            return f"no {self.wanted}"
        if self.kind == "renamed":
            return f"header {found}{at} where {self.wanted} was expected"
        if self.kind == "ambiguous":
            return f"header {found} more than once ({self.cell})"
        # The nearest members, which a parser names, would tell what stands there.
        expected = f": expected {self.expected}" if self.expected and not withhold else ""
        return f"unknown header {found}{at}{expected}"


def _tell_member(member: Any) -> str:
    if member == TOTAL:
        return "Total"
    return period_label("quarter", member) if isinstance(member, dt.date) else str(member)


def join_alternatives(texts: Sequence[str]) -> str:
    """Return texts of which any will do, in words."""
    return " or ".join(repr(text) for text in texts)


def pair_renamed(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences, a missing and an unknown header that look alike as one renamed header."""
    unpaired = list(differences)
    renamed: list[Difference] = []
    for missing in [difference for difference in differences if difference.kind == "missing"]:
        unknown = [difference for difference in unpaired if difference.kind == "unknown"]
        best = process.extractOne(
            missing.wanted.removeprefix("header "),  # a word of ours, which is like no header
            [difference.found for difference in unknown],
            scorer=fuzz.partial_token_set_ratio,
            processor=utils.default_process,
            score_cutoff=_LEAST_LIKENESS,
        )
        if best:
            _, _, number = best
            alike = unknown[number]
            unpaired.remove(missing)
            unpaired.remove(alike)
            renamed.append(replace(missing, kind="renamed", found=alike.found, cell=alike.cell))
    return [*unpaired, *renamed]


def propose_line(difference: Difference, layout: Layout) -> str:
    """Return the layout line that would accept a difference, or an empty text where no line would do."""
    found = difference.found
    tier = next((tier for tier in layout.tiers if tier.to == difference.to), None)
    if difference.kind == "missing":
        return f"if {difference.wanted} is no longer published, add a layout `from:` this release without it"
    if difference.kind == "renamed":
        return _propose_member(difference, tier) if tier else f"under `to: {difference.to}` add to header: [{found}]"
    if difference.kind == "ambiguous" or difference.is_new_member:
        return ""
    if not layout.tiers:
        return f"to leave the column out, add to ignore: [{found}]"
    return f"under tier `to: {difference.to}` add a member or a spelling for: {found}"


def _propose_member(difference: Difference, tier: HeaderTier) -> str:
    """Return the line that would accept another spelling of a member of a tier, or of its total."""
    innermost = difference.members[-1] if difference.members else None
    if innermost == TOTAL:
        return f"under tier `to: {tier.to}` add to totals: [{difference.found}]"
    if tier.is_open:  # it has no members in the layout to which a spelling could be added
        return ""
    return f"under tier `to: {tier.to}` add to member {innermost}: [{difference.found}]"
