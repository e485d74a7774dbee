"""A claim against the data: the answers to its interpretations, as known on a day, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from msoic_pipeline.claims.answers import Answer, find_answer, find_releases_behind
from msoic_pipeline.claims.claims import Claim
from msoic_pipeline.claims.interpretations import Interpretation, list_interpretations
from msoic_pipeline.claims.knowledge import Knowledge, UnderlyingRelease
from msoic_pipeline.claims.verdict_words import name_verdict

# A figure of which a smaller share of the reports due was received cannot speak against a claim.
ENOUGH = 0.95


@dataclass(frozen=True)
class Judgement:
    """What the data say of a claim, before other claims are heard.

    The verdict by them alone, and why; our value, unless it is withheld, and the interpretation that it is of; for what
    else the claim holds; and the releases that the value rests on. Of one that ``is_withheld`` the verdict too would
    tell of a force's return, to who has the claim before him.
    """

    verdict: str
    why: str
    value: float | None = None
    interpretation: Interpretation | None = None
    holds_for: str = ""
    releases: frozenset[UnderlyingRelease] = field(default_factory=frozenset)
    is_withheld: bool = False

    @property
    def is_synthetic(self) -> bool:
        """Whether any release that the value rests on is synthetic."""
        return any(each.is_synthetic for each in self.releases)

    @property
    def told_verdict(self) -> str:
        """The verdict by the word that says whether synthetic figures are behind it."""
        return name_verdict(self.verdict, is_synthetic=self.is_synthetic)


def judge_claim(claim: Claim, knowledge: Knowledge) -> Judgement:
    """Return what the data say of a claim.

    It is *reproduced* where the figure as known on the day lies within what its words allow (``Claim.bounds``), or,
    where the report does not say of which periods it speaks, where that of another interpretation does. It *differs*
    where enough of the reports due had been received and their figure lies elsewhere; for what else the claim then
    holds is named: another interpretation, or the same figure before it was revised. It is *not computable* where there
    is no figure, or one of too few reports.

    Example: a report of 31 July 2022 claims 12,727 referrals in 2021, which allows 12,726.5 to 12,727.5. What was known
    on that day is the vintage of 3 March 2022, 12,727: reproduced. What is known today is the vintage of 7 March 2024,
    12,700: it differs, and holds for "the figure published on 2022-03-03".
    """
    if claim.missing or not claim.measure:
        return _judge_without_measure(claim)
    as_stated, *others = list_interpretations(claim)
    stated = find_answer(as_stated, knowledge)
    if claim.kind == "placeholder":
        return _judge_placeholder(claim, stated, knowledge)
    if stated.value is not None and claim.allows(stated.value):
        return _make_judgement("reproduced", f"{stated.text}.", stated, knowledge)
    other = _find_other_that_holds(others, knowledge)
    if other and not claim.stated:
        return _reproduce_by_other(stated, other, knowledge)
    if stated.value is None or stated.figure.share_received < ENOUGH:
        return _leave_open(stated, other, knowledge)
    return _judge_differing(stated, other, knowledge)


def _judge_without_measure(claim: Claim) -> Judgement:
    if claim.kind == "placeholder":
        return Judgement("not a figure", f"The report leaves the figures out: {claim.written}.")
    return Judgement("not computable", f"What would be needed: {claim.missing}.")


def _judge_placeholder(claim: Claim, stated: Answer, knowledge: Knowledge) -> Judgement:
    """Return that there is nothing to judge, and in words what the report could have said."""
    why = f"The report leaves the figures out: {claim.written}. Ours: {stated.text}."
    return replace(_make_judgement("not a figure", why, stated, knowledge), value=None)


def _reproduce_by_other(stated: Answer, other: Answer, knowledge: Knowledge) -> Judgement:
    """Return that another interpretation bears out a claim that does not say how it is meant."""
    why = f"{stated.text}.{_tell_other(other)} The report does not say which is meant."
    return _make_judgement("reproduced", why, other, knowledge, holds_for=other.interpretation.departure)


def _leave_open(stated: Answer, other: Answer | None, knowledge: Knowledge) -> Judgement:
    """Return that there is no figure, or one of too few reports to speak against the claim."""
    few = "" if stated.value is None else ": too few to speak against the claim"
    why = f"{stated.text}{few}.{_tell_other(other)}"
    holds_for = other.interpretation.departure if other else ""
    return _make_judgement("not computable", why, stated, knowledge, holds_for=holds_for)


def _judge_differing(stated: Answer, other: Answer | None, knowledge: Knowledge) -> Judgement:
    """Return that the figure lies elsewhere, and for what else the claim holds."""
    claim = stated.interpretation.claim
    holds_for = other.interpretation.departure if other else ""
    addition = _tell_other(other)
    revised_since = "" if other else _find_earlier_that_holds(claim, knowledge)
    if revised_since:
        holds_for = f"the figure published on {revised_since}"
        addition = f" {claim.in_short()} was {holds_for}, revised since."
    why = f"{stated.text}, where the claim allows {_tell_range_allowed(claim)}.{addition}"
    return _make_judgement("differs", why, stated, knowledge, holds_for=holds_for)


def _make_judgement(verdict: str, why: str, answer: Answer, knowledge: Knowledge, *, holds_for: str = "") -> Judgement:
    """Return a judgement by the answer to an interpretation, with the releases behind it.

    A figure that is withheld from the words is not told beside them either.
    """
    releases = find_releases_behind(answer.interpretation, knowledge)
    value = None if answer.is_withheld else answer.value
    return Judgement(verdict, why, value, answer.interpretation, holds_for, releases, answer.is_withheld)


def _find_other_that_holds(others: Sequence[Interpretation], knowledge: Knowledge) -> Answer | None:
    """Return the answer to the first of the other interpretations that bears the claim out, if one does.

    That a withheld figure does is not told: the claim's own figure would tell it.
    """
    for interpretation in others:
        other = find_answer(interpretation, knowledge)
        if other.is_withheld:
            continue
        is_reported_enough = other.figure.share_received >= ENOUGH
        if other.value is not None and is_reported_enough and interpretation.claim.allows(other.value):
            return other
    return None


def _tell_other(other: Answer | None) -> str:
    """Return a sentence on another interpretation that holds, if there is one; of another measure its text says all."""
    if other is None:
        return ""
    interpretation = other.interpretation
    is_of_other_measure = interpretation.measure != interpretation.claim.measure
    where = other.text if is_of_other_measure else f"{interpretation.departure}: {other.text}"
    return f" {interpretation.claim.in_short()} holds for {where}."


def _find_earlier_that_holds(claim: Claim, knowledge: Knowledge) -> str:
    """Return the day of the latest vintage before the one known that bears a claim out; empty where there is none.

    Of sensitive returns no earlier vintage is told: its difference from the one known may be a single force's.
    """
    if claim.kind != "level" or claim.of or not claim.measure or claim.measure.is_sensitive:
        return ""
    for earlier in knowledge.find_earlier_figures(claim.measure, claim.period, claim.geography):
        if claim.allows(earlier.value):
            return str(earlier.since)
    return ""


def _tell_range_allowed(claim: Claim) -> str:
    low, high = (f"{end:,.10g}" for end in (claim.bounds.low, claim.bounds.high))
    if high == "inf":
        return f"{low} and more"
    if low == "-inf":
        return f"{high} and less"
    return f"{low} to {high}"
