"""What it is to accept a difference that a rule found, as ``accepted.yaml`` says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, Field

from msoic_pipeline.declarations import Declaration, DeclarationError, parse_list
from msoic_pipeline.model.compared_geography import list_compared_codes
from msoic_pipeline.periods import FIRST_QUARTER, find_today, last_quarter, parse_period, period_label
from msoic_pipeline.reconciliation.comparisons import PeriodText
from msoic_pipeline.reconciliation.rules import Rule, load_rules

ACCEPTANCES_FILE = "msoic_pipeline/reconciliation/accepted.yaml"
# The period that a release is about, as the table of releases writes it.
PeriodLabel = Annotated[str, AfterValidator(lambda text: period_label(*parse_period(text)))]


class Acceptance(Declaration):
    """A difference that somebody looked at and accepted: it counts as explained, until the day ``until``.

    It is of the rule's ``period``, and where these are given of the ``geography``, of the ``item``, of the releases of
    the ``reference_period`` (left side) alone, and of differences no larger than ``up_to``. A geography is a code, as
    in ``reconciliation_result``; an item is written as there.
    """

    rule: str
    period: PeriodText
    geography: str | None = None
    item: str | None = None
    reference_period: PeriodLabel | None = None
    up_to: float | None = Field(default=None, gt=0)
    accepted_by: str
    accepted_on: dt.date
    until: dt.date
    why: str

    def tell(self) -> str:
        """Return the acceptance in words."""
        return f"Accepted by {self.accepted_by} on {self.accepted_on} until {self.until}: {self.why}"


def select_acceptances_in_force(acceptances: Sequence[Acceptance], today: dt.date | None = None) -> list[Acceptance]:
    """Return the acceptances that have not ended on a day; today where it is left out."""
    day = today or find_today()
    return [acceptance for acceptance in acceptances if acceptance.until >= day]


def parse_acceptances(text: str, rules: Sequence[Rule]) -> tuple[Acceptance, ...]:
    """Return the acceptances that a text declares.

    Raises DeclarationError where one is not well formed, of no rule, or of nothing that its rule ever holds.
    """
    acceptances = parse_list(text, Acceptance, ACCEPTANCES_FILE, "rule", is_unique=False)
    rule_by_id = {rule.rule_id: rule for rule in rules}
    unknown = {acceptance.rule for acceptance in acceptances} - set(rule_by_id)
    wrong = [f"no such rules: {', '.join(sorted(unknown))}"] if unknown else []
    for acceptance in acceptances:
        if acceptance.rule in rule_by_id:
            misfits = find_misfits(acceptance, rule_by_id[acceptance.rule])
            wrong += [f"{acceptance.rule}, {acceptance.period}: {misfit}" for misfit in misfits]
    if wrong:
        raise DeclarationError("\n".join([f"{ACCEPTANCES_FILE} is to be mended:", *wrong]))
    return acceptances


def find_misfits(acceptance: Acceptance, rule: Rule) -> Iterator[str]:
    """Yield, in words, what of an acceptance no result of its rule can have: it would never explain anything."""
    if acceptance.until < acceptance.accepted_on:
        yield f"it ended on {acceptance.until}, before it was accepted on {acceptance.accepted_on}"
    kind, _ = parse_period(acceptance.period)
    if last_quarter(acceptance.period) < FIRST_QUARTER:
        yield f"nothing is loaded of a period before {FIRST_QUARTER}"
    if kind not in rule.period_kinds:
        yield f"the rule has results of each {' or '.join(rule.period_kinds)}, not of a {kind}"
    codes = list_compared_codes(rule.geography)
    if acceptance.geography is not None and acceptance.geography not in codes:
        yield f"the rule has no geography {acceptance.geography!r}: expected a code such as {min(codes)!r}"
    compared = [each for each in rule.comparisons if rule.has_right_side(each)]
    if acceptance.item is not None and not any(each.may_have(acceptance.item) for each in compared):
        yield f"the rule compares no item {acceptance.item!r}"


@cache
def load_acceptances() -> tuple[Acceptance, ...]:
    """Return the acceptances of ``accepted.yaml``."""
    text = files(__package__).joinpath("accepted.yaml").read_text(encoding="utf-8")
    return parse_acceptances(text, load_rules())
