"""What a rule compares: two sides, each a sum of summands, with how much they may differ.

``rules.yaml`` has them under ``comparisons``; they are made of the terms of which KPIs are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration, list_written
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.geography import PUBLISHER
from msoic_pipeline.periods import as_written, parse_period
from msoic_pipeline.reconciliation.compared_period import At

PUBLISHED_TOTALS = "published totals"


# As people write it; what it means is read where it is used.
PeriodText = Annotated[str, AfterValidator(as_written(parse_period))]


class Summand(Term):
    """One of the terms that a side of a comparison adds up, ``times`` a factor.

    ``at`` takes the figure of the period before or of the same period a year before. ``share`` multiplies it by the
    share of one national sum in another, of the same period.
    """

    times: float = 1
    at: At = "period"
    share: Share | None = None

    @model_validator(mode="after")
    def _check_missing_row(self) -> Summand:
        if self.missing_row != "missing":
            raise ValueError("a reconciliation never takes a missing side for zero: leave missing_row out")
        return self


Summands = Annotated[tuple[Summand, ...], BeforeValidator(list_written)]


class Share(Declaration):
    """A national share: ``part`` over ``whole``, both of sources that one publisher reports."""

    part: Summands
    whole: Summands

    @model_validator(mode="after")
    def _check_is_national(self) -> Share:
        for summand in (*self.part, *self.whole):
            if summand.reporters.dimension != PUBLISHER or summand.share or summand.at != "period":
                raise ValueError(f"a share is of figures of the nation and the period alone: {summand.fact}")
        return self


Summand.model_rebuild()


class Tolerance(Declaration):
    """The difference that a rule allows.

    It is the largest of ``absolute``, of ``relative`` times the right side, and of the right side times ``usual`` times
    the median size of the revisions, known by then, of the same figure in the twelve quarters before. The last of these
    is no more than ``ceiling`` times the right side, where that is given.
    """

    absolute: float = Field(default=0, ge=0)
    relative: float = Field(default=0, ge=0)
    usual: float = Field(default=0, ge=0)
    ceiling: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check_ceiling(self) -> Tolerance:
        if self.ceiling is not None and not self.usual:
            raise ValueError("a ceiling limits what is usual: give usual, or no ceiling")
        if self.ceiling is not None and self.ceiling < self.relative:
            raise ValueError(f"the ceiling, {self.ceiling:g}, is lower than relative, {self.relative:g}")
        return self

    def tell(self) -> str:
        """Return the tolerance in words."""
        parts = [f"{self.absolute:g}"] if self.absolute else []
        parts += [f"{100 * self.relative:g}% of the right side"] if self.relative else []
        most = "" if self.ceiling is None else f" (but no more than {100 * self.ceiling:g}% of the right side)"
        parts += [f"{self.usual:g} times the usual revision{most}"] if self.usual else []
        if len(parts) > 1:
            return f"the {'larger' if len(parts) == 2 else 'largest'} of {', '.join(parts[:-1])} and {parts[-1]}"
        return parts[0] if parts else "none"


class FigureElsewhere(Declaration):
    """A figure of the nation that was published elsewhere than in the files that are loaded, and where."""

    period: PeriodText
    value: float
    publication: str


class Comparison(Declaration):
    """Two sides held against each other.

    ``left`` and ``right`` are sums of summands. ``by`` lists the groupings, each a list of columns that all facts of
    the two sides have; a row's item is ``item`` followed by its members, written as in published_total. ``right`` may
    be ``published totals``: those of the left side's fact and breakdown. Or figures published ``elsewhere`` are the
    right side. Without any the left one is shown, as part of an explanation.

    ``compare``: *equal*; *at most*, the left side may not exceed the right; *at least*, it may not fall short of it;
    *differ*, equal figures are the fault.
    """

    item: str = ""
    by: tuple[tuple[str, ...], ...] = ((),)
    left: Summands
    right: Summands | Literal["published totals"] | None = None
    elsewhere: tuple[FigureElsewhere, ...] = ()
    compare: Literal["equal", "at most", "at least", "differ"] = "equal"
    tolerance: Tolerance = Tolerance()
    may_differ: str = ""

    @model_validator(mode="after")
    def _check_groupings(self) -> Comparison:
        for columns in self.by:
            for column_name in columns:
                for summand in self.list_summands():
                    _check_grouping(summand.table, column_name)
        return self

    @model_validator(mode="after")
    def _check_published_totals(self) -> Comparison:
        if self.right != PUBLISHED_TOTALS:
            return self
        if len(self.left) != 1:
            raise ValueError("published totals are of one fact: give one left side")
        order = self.left[0].table.columns.keys()
        for columns in self.by:
            if list(columns) != sorted(columns, key=order.index):
                raise ValueError(f"by: totals are named in the order of the fact's columns, not {list(columns)}")
        return self

    @model_validator(mode="after")
    def _check_tolerance(self) -> Comparison:
        if self.compare in ("equal", "at least") and self.tolerance.relative >= 1:
            raise ValueError("a tolerance of the whole right side lets the left one vanish: compare at most")
        return self

    @model_validator(mode="after")
    def _check_right_side(self) -> Comparison:
        if self.elsewhere and (self.right or self.by != ((),)):
            raise ValueError("figures published elsewhere are the right side, and are not grouped")
        return self

    @property
    def names_right_side(self) -> bool:
        """Whether it names what its right side is."""
        return bool(self.right or self.elsewhere)

    def may_have(self, item: str) -> bool:
        """Return whether a result may be of an item: of ``air``, or by sex of ``air; sex=Male``."""
        if item == self.item:
            return () in self.by
        beginning = f"{self.item}; " if self.item else ""
        if not item.startswith(beginning):
            return False
        members = item.removeprefix(beginning)
        begins_with_a_member = bool(re.match(r"\w+=", members))
        return begins_with_a_member and tuple(_COLUMN_OF_MEMBER.findall(members)) in self.by

    def list_summands(self) -> Iterator[Summand]:
        """Yield the summands of both sides."""
        yield from self.left
        if isinstance(self.right, tuple):
            yield from self.right


def _check_grouping(fact: sa.Table, column_name: str) -> None:
    """Raise ValueError where figures of a fact cannot be grouped by a column."""
    if column_name not in fact.columns:
        raise ValueError(f"by: {fact.name} has no column {column_name!r}")
    if not isinstance(fact.c[column_name].type, sa.String | sa.Date):
        raise ValueError(f"by: {column_name!r} of {fact.name} is a figure; expected a column of texts or days")


# The names of columns in members as they are written in one text (see ``model.total_members``).
_COLUMN_OF_MEMBER = re.compile(r"(?:^|; )(\w+)=")
