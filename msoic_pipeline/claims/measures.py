"""What is counted: the measure of a claim, as its report's file declares it."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, model_validator

from msoic_pipeline.declarations import Declaration, list_written
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.terms import Condition, OverTime, Term, TermOverTime
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.workbooks.source import load_source

OneOrMoreNames = Annotated[tuple[str, ...], BeforeValidator(list_written)]


class Measure(Declaration):
    """What is counted: one of ``kpi``, ``term`` or ``members``.

    ``kpi``: a KPI, or several that are added; ``term``: a sum of facts, in the words in which KPIs are defined, which
    over time is added up or, for a stock, ``last``; ``members``: a dimension, of which those members count that meet
    ``where``. ``name`` is what to call it, where its definition does not read well.
    """

    name: str = ""
    kpi: OneOrMoreNames = ()
    term: Term | None = None
    over_time: OverTime = "sum"
    members: str = ""
    where: dict[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_what_is_counted(self) -> Measure:
        if sum(map(bool, (self.kpi, self.term, self.members))) != 1:
            raise ValueError("give one of kpi, term and members")
        if unknown := set(self.kpi) - {kpi.kpi_id for kpi in load_definitions()}:
            raise ValueError(f"no such KPI: {', '.join(sorted(unknown))}")
        if self.is_stock and not self.term:
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
        """The KPIs that are added, in the order in which the claim names them."""
        defined = {kpi.kpi_id: kpi for kpi in load_definitions()}
        return [defined[kpi_id] for kpi_id in self.kpi]

    @property
    def terms(self) -> tuple[TermOverTime, ...]:
        """The terms that it rests on."""
        if self.term:
            return (TermOverTime(self.term, self.over_time),)
        return tuple(TermOverTime(term, kpi.over_time) for kpi in self.kpis for term in kpi.terms)

    @property
    def is_stock(self) -> bool:
        """Whether its own term is one of which each reporter's last month or quarter stands for a longer period."""
        return self.over_time == "last"

    @property
    def is_sum(self) -> bool:
        """Whether a longer period's figure is the sum of its months' or quarters'."""
        if self.term:
            return not self.is_stock
        return bool(self.kpis) and all(not kpi.is_stock and not kpi.denominator for kpi in self.kpis)

    @property
    def is_share(self) -> bool:
        """Whether it is a share, which is told in percent."""
        return bool(self.kpis) and all(kpi.is_share for kpi in self.kpis)

    @property
    def is_sensitive(self) -> bool:
        """Whether it rests on a source whose parts are to be kept out of messages."""
        return any(load_source(each.term.source).sensitive for each in self.terms)

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
        return " and ".join(kpi.title for kpi in self.kpis)


def _values_by_column(where: dict[str, Condition]) -> dict[str, str]:
    """Return the values that a column must have, in words: ``Victim or Suspect``, ``not Unknown``."""
    return {
        column: f"{'not ' if condition.negated else ''}{' or '.join(map(str, condition.values))}"
        for column, condition in where.items()
    }
