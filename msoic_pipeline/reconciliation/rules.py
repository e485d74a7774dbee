"""What a reconciliation rule is, as ``rules.yaml`` says.

A rule holds sums of facts, in the words in which KPIs are defined, against each other or against the totals that the
publisher gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

import sqlalchemy as sa
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration, parse_list
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.compared_geography import compared_divisions
from msoic_pipeline.model.geography import NATIONAL, PUBLISHER, ComparedDivision, Nation
from msoic_pipeline.periods import PERIOD_MONTHS, PeriodKind, as_written, parse_period
from msoic_pipeline.workbooks.source import load_source

RULES_FILE = "msoic_pipeline/reconciliation/rules.yaml"
PUBLISHED_TOTALS = "published totals"
Severity = Literal["block", "warn"]


def _listed(written: Any) -> Any:
    return [written] if isinstance(written, dict | str) else written


# As people write it; what it means is read where it is used.
PeriodText = Annotated[str, AfterValidator(as_written(parse_period))]


class Summand(Term):
    """One of the terms that a side of a comparison adds up, ``times`` a factor.

    ``at`` takes the figure of the period before or of the same period a year before. ``share`` multiplies it by the
    share of one national sum in another, of the same period.
    """

    times: float = 1
    at: Literal["period", "previous", "year_before"] = "period"
    share: Share | None = None

    @model_validator(mode="after")
    def _never_zero(self) -> Summand:
        if self.missing_row != "missing":
            raise ValueError("a reconciliation never takes a missing side for zero: leave missing_row out")
        return self


Summands = Annotated[tuple[Summand, ...], BeforeValidator(_listed)]


class Share(Declaration):
    """A national share: ``part`` over ``whole``, both of sources that one publisher reports."""

    part: Summands
    whole: Summands

    @model_validator(mode="after")
    def _national(self) -> Share:
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
    def _ceiling_is_of_what_is_usual(self) -> Tolerance:
        if self.ceiling is not None and not self.usual:
            raise ValueError("a ceiling limits what is usual: give usual, or no ceiling")
        if self.ceiling is not None and self.ceiling < self.relative:
            raise ValueError(f"the ceiling, {self.ceiling:g}, is lower than relative, {self.relative:g}")
        return self

    def words(self) -> str:
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
    def _groups_figures_by_their_columns(self) -> Comparison:
        for columns in self.by:
            for column_name in columns:
                for summand in self.summands():
                    _check_grouping(summand.table, column_name)
        return self

    @model_validator(mode="after")
    def _is_like_published_totals(self) -> Comparison:
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
    def _lets_no_side_vanish(self) -> Comparison:
        if self.compare in ("equal", "at least") and self.tolerance.relative >= 1:
            raise ValueError("a tolerance of the whole right side lets the left one vanish: compare at most")
        return self

    @model_validator(mode="after")
    def _has_one_right_side(self) -> Comparison:
        if self.elsewhere and (self.right or self.by != ((),)):
            raise ValueError("figures published elsewhere are the right side, and are not grouped")
        return self

    @property
    def names_right_side(self) -> bool:
        """Whether it names what its right side is."""
        return bool(self.right or self.elsewhere)

    def may_have(self, item: str) -> bool:
        """Return whether a result may be of an item: of ``air``, or by sex of ``air; sex=Male``."""
        if not item.startswith(self.item):
            return False
        members = item.removeprefix(self.item).removeprefix("; ")
        columns = tuple(_COLUMN_OF_MEMBER.findall(members))
        begins_with_a_member = bool(_COLUMN_OF_MEMBER.match(members))
        return columns in self.by and (begins_with_a_member or not members)

    def summands(self) -> Iterator[Summand]:
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


class Rule(Declaration):
    """What is held against what, of which releases, and how much they may differ and why.

    ``geography`` is the nation's name, or what it is divided into; ``force`` means the forces of England and Wales and
    the British Transport Police. ``only`` keeps the results of which that side is there, and where there are very many
    members of these the *breaks* alone, explained ones among them.

    ``releases``: *current*, the latest figures of each period of which all reports were received; *same*, both sides of
    one release, each release in turn; *same day*, releases published on one day; *consecutive*, each release's figure
    (left) against that of the release before (right, so none is given).
    """

    rule_id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    compares: str
    may_differ: str
    severity: Severity
    periods: tuple[PeriodKind, ...]
    geography: Nation | ComparedDivision
    releases: Literal["current", "same", "same day", "consecutive"] = "current"
    only: Annotated[tuple[Literal["left", "right", "breaks"], ...], BeforeValidator(_listed)] = ()
    comparisons: tuple[Comparison, ...]

    @model_validator(mode="after")
    def _can_be_applied(self) -> Rule:
        for comparison in self.comparisons:
            self._check_right_side(comparison)
            for summand in comparison.summands():
                self._check_summand(summand)
        return self

    def _check_right_side(self, comparison: Comparison) -> None:
        """Raise ValueError where a comparison's right side cannot be had of the rule's releases or geography."""
        if comparison.names_right_side and self.releases == "consecutive":
            raise ValueError("of consecutive releases the release before is the right side: give none")
        if comparison.right == PUBLISHED_TOTALS and (self.releases, self.geography_kind) != ("same", NATIONAL):
            raise ValueError("published totals are held against national parts of the same release")
        if comparison.elsewhere and (self.releases, self.geography_kind) != ("current", NATIONAL):
            raise ValueError("figures published elsewhere are held against the current ones of the nation")
        if comparison.tolerance.usual and self.releases != "consecutive":
            raise ValueError("what is usual is known of consecutive releases alone")

    def _check_summand(self, summand: Summand) -> None:
        """Raise ValueError where the rule asks for figures that a summand has not."""
        if self.releases != "current" and (summand.at != "period" or summand.share):
            raise ValueError("another period or a share can be had of current figures alone")
        if self.geography_kind not in (NATIONAL, *compared_divisions(summand.table)):
            raise ValueError(f"{summand.fact} cannot be divided by {self.geography}")
        shortest = summand.reporters.every if self.releases == "current" else summand.finest_period
        if any(PERIOD_MONTHS[kind] < PERIOD_MONTHS[shortest] for kind in self.periods):
            raise ValueError(f"{summand.fact} has figures of a {shortest} and of longer periods")

    def row(self) -> dict[str, str | bool]:
        """Return the rule as a row of reconciliation_rule."""
        return {
            "rule_id": self.rule_id,
            "title": self.title,
            "compares": self.compares,
            "may_differ": self.may_differ,
            "severity": self.severity,
            "releases": self.releases,
            "tolerances": self.tolerances(),
            "is_sensitive": self.is_sensitive,
        }

    def tolerances(self) -> str:
        """Return the differences that are allowed, in words: once where they are the same, else for each item."""
        compared = [comparison for comparison in self.comparisons if self.has_right_side(comparison)]
        words = [comparison.tolerance.words() for comparison in compared]
        if len(set(words)) == 1:
            return words[0]
        by_item = zip((comparison.item for comparison in compared), words, strict=True)
        return "; ".join(f"{item}: {allowed}" if item else allowed for item, allowed in by_item)

    def has_right_side(self, comparison: Comparison) -> bool:
        """Return whether one of the rule's comparisons has a right side, or merely shows the left one."""
        return comparison.names_right_side or self.releases == "consecutive"

    @property
    def is_sensitive(self) -> bool:
        """Whether figures of the rule are to be kept out of messages."""
        sources = {summand.source for comparison in self.comparisons for summand in comparison.summands()}
        return any(load_source(source).sensitive for source in sources)

    @property
    def geography_kind(self) -> str:
        """The kind of geography, as the results name it."""
        return self.geography if self.geography in get_args(ComparedDivision) else NATIONAL


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules that a text declares. Raises DeclarationError which says what is wrong and where."""
    return parse_list(text, Rule, RULES_FILE, "rule_id")


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the rules of ``rules.yaml``."""
    return parse_rules(files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8"))
