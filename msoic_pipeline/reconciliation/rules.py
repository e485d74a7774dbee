"""What a reconciliation rule is, as ``rules.yaml`` says.

A rule holds sums of facts, in the words in which KPIs are defined, against each other or against the totals that the
publisher gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration, list_written, parse_list
from msoic_pipeline.model.compared_geography import list_compared_divisions
from msoic_pipeline.model.geography import NATIONAL, ComparedDivision, Nation
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.periods import PERIOD_MONTHS, PeriodKind
from msoic_pipeline.reconciliation.comparisons import PUBLISHED_TOTALS, Comparison, Summand
from msoic_pipeline.workbooks.source import load_source

RULES_FILE = "msoic_pipeline/reconciliation/rules.yaml"
# Of which releases figures are held against each other: see ``Rule``.
ReleaseChoice = Literal["current", "same", "same day", "consecutive"]


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
    period_kinds: tuple[PeriodKind, ...]
    geography: Nation | ComparedDivision
    releases: ReleaseChoice = "current"
    only: Annotated[tuple[Literal["left", "right", "breaks"], ...], BeforeValidator(list_written)] = ()
    comparisons: tuple[Comparison, ...]

    @model_validator(mode="after")
    def _check_comparisons(self) -> Rule:
        for comparison in self.comparisons:
            self._check_right_side(comparison)
            for summand in comparison.list_summands():
                self._check_summand(summand)
        for summand in self._list_all_summands():
            self._check_finest_period(summand)
        return self

    def _check_right_side(self, comparison: Comparison) -> None:
        """Raise ValueError where a comparison's right side cannot be had of the rule's releases or geography."""
        if comparison.names_right_side and self.compares_consecutive:
            raise ValueError("of consecutive releases the release before is the right side: give none")
        if comparison.right == PUBLISHED_TOTALS and (self.releases, self.geography_kind) != ("same", NATIONAL):
            raise ValueError("published totals are held against national parts of the same release")
        if comparison.elsewhere and (self.releases, self.geography_kind) != ("current", NATIONAL):
            raise ValueError("figures published elsewhere are held against the current ones of the nation")
        if comparison.tolerance.usual and not self.compares_consecutive:
            raise ValueError("what is usual is known of consecutive releases alone")

    def _check_summand(self, summand: Summand) -> None:
        """Raise ValueError where the rule asks for figures of releases or a geography that a summand has not."""
        if not self.compares_latest and (summand.at != "period" or summand.share):
            raise ValueError("another period or a share can be had of current figures alone")
        if self.geography_kind not in (NATIONAL, *list_compared_divisions(summand.table)):
            raise ValueError(f"{summand.fact} cannot be divided by {self.geography}")

    def _check_finest_period(self, summand: Summand) -> None:
        """Raise ValueError where the rule compares shorter periods than those that a summand, or a share's, is of."""
        shortest = summand.reporters.every if self.compares_latest else summand.finest_period
        if any(PERIOD_MONTHS[kind] < PERIOD_MONTHS[shortest] for kind in self.period_kinds):
            raise ValueError(f"{summand.fact} has figures of a {shortest} and of longer periods")

    def make_row(self) -> dict[str, str | bool]:
        """Return the rule as a row of reconciliation_rule."""
        return {
            "rule_id": self.rule_id,
            "title": self.title,
            "compares": self.compares,
            "may_differ": self.may_differ,
            "severity": self.severity,
            "releases": self.releases,
            "tolerances": self.tell_tolerances(),
            "is_sensitive": self.is_sensitive,
        }

    def tell_tolerances(self) -> str:
        """Return the differences that are allowed, in words: once where they are the same, else for each item."""
        compared = [comparison for comparison in self.comparisons if self.has_right_side(comparison)]
        words = [comparison.tolerance.tell() for comparison in compared]
        if len(set(words)) == 1:
            return words[0]
        by_item = zip((comparison.item for comparison in compared), words, strict=True)
        return "; ".join(f"{item}: {allowed}" if item else allowed for item, allowed in by_item)

    def has_right_side(self, comparison: Comparison) -> bool:
        """Return whether one of the rule's comparisons has a right side, or merely shows the left one."""
        return comparison.names_right_side or self.compares_consecutive

    @property
    def compares_latest(self) -> bool:
        """Whether it compares the latest figures, of which every report must have been received."""
        return self.releases == "current"

    @property
    def compares_within_release(self) -> bool:
        """Whether both sides are of one release."""
        return self.releases == "same"

    @property
    def compares_consecutive(self) -> bool:
        """Whether each release is held against the one before."""
        return self.releases == "consecutive"

    @property
    def facts(self) -> frozenset[str]:
        """The facts that it compares, and those of which a share is taken."""
        return frozenset(summand.fact for summand in self._list_all_summands())

    @property
    def sources(self) -> frozenset[str]:
        """The sources of these facts."""
        return frozenset(summand.source for summand in self._list_all_summands())

    def _list_all_summands(self) -> Iterator[Summand]:
        """Yield the summands of both sides of every comparison, and of their shares."""
        for comparison in self.comparisons:
            for summand in comparison.list_summands():
                yield summand
                if summand.share:
                    yield from (*summand.share.part, *summand.share.whole)

    @property
    def is_sensitive(self) -> bool:
        """Whether figures of the rule are to be kept out of messages."""
        return any(load_source(source).sensitive for source in self.sources)

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
