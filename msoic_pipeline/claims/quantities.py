"""What a claim is about: what is counted, and in which periods."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.terms import Condition, Term
from msoic_pipeline.model import metadata
from msoic_pipeline.periods import financial_quarter_label, parse_period, period_end, period_label, periods
from msoic_pipeline.workbooks.layout import load_source

# --- Periods ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """A period, or several of a kind that follow each other: ``first`` and ``last`` are their first days."""

    kind: str
    first: dt.date
    last: dt.date

    @property
    def starts(self) -> list[dt.date]:
        """The first days of the periods."""
        return list(periods(self.kind, self.first, self.last))

    @property
    def end(self) -> dt.date:
        """The last day of all."""
        return period_end(self.kind, self.last)

    @property
    def is_single(self) -> bool:
        """Whether it is one period."""
        return self.first == self.last

    @property
    def is_year(self) -> bool:
        """Whether it is one year."""
        return self.kind.endswith("_year") and self.is_single

    @property
    def label(self) -> str:
        """``2021/22``, ``2022-Q1``, ``2021-04 to 2022-01``."""
        labels = dict.fromkeys(period_label(self.kind, start) for start in (self.first, self.last))
        return " to ".join(labels)

    @property
    def full_label(self) -> str:
        """The label; a quarter also as that of its financial year: ``2022-Q1 (2021/22 Q4)``."""
        if self.kind != "quarter" or not self.is_single:
            return self.label
        return f"{self.label} ({financial_quarter_label(self.first)})"


def single_period(kind: str, start: dt.date) -> Period:
    """Return the period of a kind that begins on a day."""
    return Period(kind, start, start)


def parse_periods(written: Any) -> Period:
    """Return the period written as for ``periods.parse_period``, or two with ``to`` between them.

    Raises ValueError where it is neither, or the two are of different kinds.
    """
    if isinstance(written, Period):
        return written
    parts = [parse_period(part) for part in str(written).split(" to ")]
    (kind, first), (last_kind, last) = parts[0], parts[-1]
    if len(parts) > 2 or kind != last_kind or last < first:
        raise ValueError(f"expected a period, or two of a kind such as 2021-04 to 2022-01; found {written!r}")
    return Period(kind, first, last)


def _as_tuple(written: Any) -> Any:
    return (written,) if isinstance(written, str | int | float) else written


PeriodAsWritten = Annotated[Period, BeforeValidator(parse_periods)]
OneOrMoreNames = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
OneOrMoreNumbers = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]


# --- What is counted -------------------------------------------------------------------------------------------------


class Quantity(Declaration):
    """What is counted: one of ``kpi``, ``term`` or ``members``.

    ``kpi``: a KPI, or several that are added; ``term``: a sum of facts, in the words in which KPIs are defined, which
    over time is added up or, for a stock, ``last``; ``members``: a dimension, of which those members count that meet
    ``where``. ``name`` is what to call it, where its definition does not read well.
    """

    name: str = ""
    kpi: OneOrMoreNames = ()
    term: Term | None = None
    over_time: Literal["sum", "last"] = "sum"
    members: str = ""
    where: dict[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refuse_what_is_not_known(self) -> Quantity:
        if sum(map(bool, (self.kpi, self.term, self.members))) != 1:
            raise ValueError("give one of kpi, term and members")
        if unknown := set(self.kpi) - {kpi.kpi_id for kpi in load_definitions()}:
            raise ValueError(f"no such KPI: {', '.join(sorted(unknown))}")
        if self.over_time == "last" and not self.term:
            raise ValueError("over_time is of a term: a KPI has its own")
        if bool(self.where) != bool(self.members):
            raise ValueError("members and where go together")
        if self.members and not self.members.startswith("dim_"):
            raise ValueError(f"members of a dimension are counted; found {self.members!r}")
        if self.members and (unknown := set(self.where) - set(self.dimension.columns.keys())):
            raise ValueError(f"{self.members} has no column {', '.join(sorted(unknown))}")
        return self

    @property
    def dimension(self) -> sa.Table:
        """The dimension whose members count."""
        if self.members not in metadata.tables:
            raise ValueError(f"no such dimension: {self.members}")
        return metadata.tables[self.members]

    @property
    def kpis(self) -> list[Kpi]:
        """The KPIs that are added, in the order in which they are defined."""
        return [kpi for kpi in load_definitions() if kpi.kpi_id in self.kpi]

    @property
    def terms(self) -> tuple[tuple[Term, str], ...]:
        """The terms that it rests on, each with ``sum`` or ``last``."""
        if self.term:
            return ((self.term, self.over_time),)
        return tuple((term, kpi.over_time) for kpi in self.kpis for term in kpi.terms)

    @property
    def is_sum(self) -> bool:
        """Whether a longer period's figure is the sum of its months' or quarters'."""
        if self.term:
            return self.over_time == "sum"
        return bool(self.kpis) and all(kpi.over_time == "sum" and not kpi.denominator for kpi in self.kpis)

    @property
    def is_share(self) -> bool:
        """Whether it is a share, which is told in percent."""
        return bool(self.kpis) and all(kpi.is_share for kpi in self.kpis)

    @property
    def is_sensitive(self) -> bool:
        """Whether it rests on a source whose parts are to be kept out of messages."""
        return any(load_source(term.source).sensitive for term, _ in self.terms)

    def definition(self) -> str:
        """Return the measure as it is defined."""
        if self.term:
            return self.term.words()
        if self.members:
            conditions = [f"{column} is {values}" for column, values in _values_by_column(self.where).items()]
            return f"members of {self.members} where {' and '.join(conditions)}"
        return " + ".join(self.kpi)

    def title(self) -> str:
        """Return the measure as it is read."""
        if self.name or self.members:
            return self.name or self.definition()
        if self.term:
            return ", ".join(_values_by_column(self.term.where).values())
        titles = {kpi.kpi_id: kpi.title for kpi in self.kpis}
        return " and ".join(titles[kpi_id] for kpi_id in self.kpi)


def _values_by_column(where: dict[str, Condition]) -> dict[str, str]:
    """Return the values that a column must have, in words: ``Victim or Suspect``, ``not Unknown``."""
    return {
        column: f"{'not ' if condition.negated else ''}{' or '.join(map(str, condition.values))}"
        for column, condition in where.items()
    }
