"""What a reconciliation rule is, as ``rules.yaml`` says.

A rule holds sums of facts, in the words in which KPIs are defined, against each other or against the totals that the
publisher gives.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration, list_written, parse_list
from msoic_pipeline.model.compared_geography import list_compared_divisions
from msoic_pipeline.model.geography import NATIONAL, ComparedDivision, Nation
from msoic_pipeline.periods import PERIOD_MONTHS, PeriodKind
from msoic_pipeline.reconciliation.comparisons import PUBLISHED_TOTALS, Comparison, Summand
from msoic_pipeline.workbooks.source import load_source

RULES_FILE = "msoic_pipeline/reconciliation/rules.yaml"
Severity = Literal["block", "warn"]


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
    only: Annotated[tuple[Literal["left", "right", "breaks"], ...], BeforeValidator(list_written)] = ()
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
        if self.geography_kind not in (NATIONAL, *list_compared_divisions(summand.table)):
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
