"""What a KPI is: a figure of one fact table, or one figure over another, as ``definitions.yaml`` declares it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, model_validator

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.declarations import Declaration, parse_list
from msoic_pipeline.kpis.terms import OverTime, Term
from msoic_pipeline.model.geography import (
    NATIONAL,
    Division,
    GeographyKey,
    Nation,
    find_geographies,
    list_divisions_of,
)
from msoic_pipeline.model.values import Direction
from msoic_pipeline.periods import PERIOD_MONTHS, PeriodKind
from msoic_pipeline.wording import first_of
from msoic_pipeline.workbooks.source import load_source

FILE = "msoic_pipeline/kpis/definitions.yaml"
# The unit of a KPI that is a part of a whole.
SHARE = "share"


class Target(Declaration):
    """What a KPI is to come to, and who has said so."""

    value: float
    source: str


class Kpi(Declaration):
    """A figure by which the programme is measured.

    ``denominator`` is a term, or ``periods reported``: the quarters (months, where the fact is monthly) that have been
    reported, which makes an average. ``over_time`` says how months or quarters make a longer period: ``sum``; or
    ``last`` for stocks, each reporter's last one in the period. ``nation`` is what the nation is called, by the ground
    that the source covers; ``divisions`` are the geographies into which it is divided. ``matures`` names the column of
    kpi_value that keeps growing, or shrinking, for years after its period: what it will come to is estimated
    (``kpis.maturity``).
    ``target`` is what its figures are to reach: of a KPI with a good or a bad direction alone.
    """

    kpi_id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    description: str
    unit: str
    direction: Direction
    caveat: str = ""
    numerator: Term
    denominator: Term | Literal["periods reported"] | None = None
    over_time: OverTime = "sum"
    period_kinds: tuple[PeriodKind, ...] = ()
    nation: Nation
    divisions: tuple[Division, ...] = ()
    matures: Literal["value", "numerator"] | None = None
    target: Target | None = None

    @model_validator(mode="after")
    def _check_target(self) -> Kpi:
        if self.target and self.direction == "neutral":
            raise ValueError("a target is for a KPI of which a rise is good or bad")
        return self

    @model_validator(mode="after")
    def _check_divisions_and_periods(self) -> Kpi:
        fact, finest_period = self.numerator.fact, self.numerator.finest_period
        allowed = set(list_divisions_of(self.numerator.table))
        if not allowed.issuperset(self.divisions):
            raise ValueError(f"{fact} can be divided by {', '.join(sorted(allowed)) or 'nothing'} below the nation")
        if "month" in self.period_kinds and finest_period == "quarter":
            raise ValueError(f"{fact} is quarterly: there can be no figure of a month")
        return self

    @model_validator(mode="after")
    def _check_denominator(self) -> Kpi:
        numerator, denominator = self.numerator, self.denominator
        if isinstance(denominator, Term):
            has_same_periods = denominator.finest_period == numerator.finest_period
            has_same_reporters = denominator.reporters.dimension == numerator.reporters.dimension
            if not (has_same_periods and has_same_reporters):
                raise ValueError(
                    "numerator and denominator must be of the same months or quarters and the same reporters"
                )
        elif denominator and (self.is_stock or numerator.finest_period in self.computed_kinds):
            raise ValueError(
                f"an average over periods is a sum over time, for periods longer than a {numerator.finest_period}"
            )
        return self

    @property
    def terms(self) -> tuple[Term, ...]:
        """Its numerator, and its denominator where that is a term."""
        return tuple(term for term in (self.numerator, self.denominator) if isinstance(term, Term))

    @property
    def sources(self) -> set[str]:
        """The sources of the facts that it is a figure of."""
        return {term.source for term in self.terms}

    @property
    def is_stock(self) -> bool:
        """Whether a longer period's figure is of each reporter's last month or quarter, not of all of them."""
        return self.over_time == "last"

    @property
    def is_share(self) -> bool:
        """Whether its value is a part of a whole, from 0 to 1: checked to be so, and told in percent."""
        return self.unit == SHARE

    @property
    def computed_kinds(self) -> tuple[str, ...]:
        """The kinds of period it is computed for: by default all that are not shorter than its fact's."""
        shortest = PERIOD_MONTHS[self.numerator.finest_period]
        return self.period_kinds or tuple(kind for kind, months in PERIOD_MONTHS.items() if months >= shortest)

    @property
    def is_sensitive(self) -> bool:
        """Whether its numerator or its denominator rests on sensitive returns."""
        return any(load_source(source).sensitive for source in self.sources)

    @property
    def is_of_published_sources(self) -> bool:
        """Whether all that its numerator and its denominator rest on is published."""
        return all(load_source(source).is_published for source in self.sources)

    @property
    def is_provisional(self) -> bool:
        """Whether a publisher of its figures calls them provisional."""
        return any(load_source(source).provisional for source in self.sources)

    @property
    def national_geography(self) -> GeographyKey:
        """The nation that its national values are of, as a geography."""
        return GeographyKey(NATIONAL, self.nation)

    def find_geography(self, text: str) -> GeographyKey:
        """Return the one of its geographies that a text means. Raises LookupError where it is none, or several."""
        its = [key for key in find_geographies(text) if key == self.national_geography or key.kind in self.divisions]
        if not its:
            kinds = ", ".join((NATIONAL, *self.divisions))
            raise LookupError(f"{self.kpi_id} has no figures of {text!r}: expected one of its geographies ({kinds})")
        if len(its) > 1:
            raise LookupError(f"{text!r} is several geographies of {self.kpi_id}: name one of {_list_written(its)}")
        return its[0]

    def row(self) -> dict[str, Any]:
        """Return the row of kpi_definition, as far as it is declared."""
        numerator = self._describe_term(self.numerator)
        if self.numerator.counts_unlisted_as_zero:
            numerator += "; what a release or return does not list is zero"
        denominator = ""
        if isinstance(self.denominator, Term):
            denominator = self._describe_term(self.denominator)
        elif self.denominator:
            denominator = f"{self.numerator.finest_period}s reported"
        return {
            "kpi_id": self.kpi_id,
            "title": self.title,
            "description": self.description,
            "unit": self.unit,
            "numerator": numerator,
            "denominator": denominator,
            "direction": self.direction,
            "caveat": self.caveat,
            "target": self.target.value if self.target else None,
            "target_source": self.target.source if self.target else None,
        }

    def _describe_term(self, term: Term) -> str:
        if self.is_stock:
            return f"at the last {self.numerator.finest_period} that each reporter has in the period, {term.words()}"
        return f"sum of {term.words()}"


def _list_written(geographies: Sequence[GeographyKey]) -> str:
    return first_of([geography.written for geography in geographies])


def parse_definitions(text: str) -> tuple[Kpi, ...]:
    """Return the KPIs that a definition file's text declares.

    Raises DeclarationError which says of every wrong KPI what is wrong and where.
    """
    return parse_list(text, Kpi, FILE, "kpi_id", under="kpis")


@cache
def load_definitions() -> tuple[Kpi, ...]:
    """Return the declared KPIs. Raises DeclarationError where the file is not well formed, saying how."""
    return parse_definitions(_definitions_text())


def find_definition(kpi_id: str) -> Kpi:
    """Return the KPI of that name. Raises LookupError where there is none, naming those that there are."""
    by_id = {kpi.kpi_id: kpi for kpi in load_definitions()}
    if kpi_id not in by_id:
        raise LookupError(f"no KPI {kpi_id!r}; KPIs are {', '.join(by_id)}")
    return by_id[kpi_id]


@cache
def digest_definitions() -> str:
    """Return a digest of the definitions and of the code that computes them: when it changes, so may every value."""
    code = digest_code("msoic_pipeline.kpis.compute")
    return hashlib.sha256(f"{_definitions_text()}{code}".encode()).hexdigest()


def _definitions_text() -> str:
    return files(__package__).joinpath("definitions.yaml").read_text(encoding="utf-8")
