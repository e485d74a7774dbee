"""What a KPI is: a figure of one fact table, or one figure over another, as ``definitions.yaml`` declares it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field, model_validator
from sqlalchemy.engine import Connection

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.declarations import Declaration, parse_list
from msoic_pipeline.model import metadata
from msoic_pipeline.model.estimates import maturity_estimate, revision_triangle
from msoic_pipeline.model.evidence import IN_FORCE, release
from msoic_pipeline.model.facts import FACTS, breakdown_column, finest_period, finest_period_column
from msoic_pipeline.model.geography import Division, Nation, list_divisions_of
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS
from msoic_pipeline.workbooks.source import Reporters, load_source

FILE = "msoic_pipeline/kpis/definitions.yaml"
# Of sensitive returns no figure is told that fewer reporters than these made up: of two, each could tell the other's.
FEWEST_REPORTERS = 3

# The unit of a KPI that is a part of a whole.
SHARE = "share"
# The tables of figures that refer to a KPI's definition.
FIGURES_OF_KPIS = (kpi_value, revision_triangle, maturity_estimate)

PeriodKind = Literal["month", "quarter", "calendar_year", "financial_year"]


class Condition(Declaration):
    """The values that a column must have, or must not. Written ``value``, ``[value, …]`` or ``{not: …}``."""

    values: tuple[str | bool, ...]
    negated: bool = False

    @model_validator(mode="before")
    @classmethod
    def _written(cls, written: Any) -> Any:
        negated = isinstance(written, dict) and set(written) == {"not"}
        values = written["not"] if negated else written
        values = list(values) if isinstance(values, list | tuple) else [values]
        if not values or not all(isinstance(value, str | bool) for value in values):
            raise ValueError(
                f"expected a text in quotes, true or false, a list of them, or {{not: …}}; found {written!r}"
            )
        return {"values": tuple(values), "negated": negated}

    def holds(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition on ``column``."""
        return column.not_in(self.values) if self.negated else column.in_(self.values)


class Term(Declaration):
    """The sum of a measure over the rows of a fact that meet ``where``.

    ``measure`` may be left out where the fact has only one. ``where`` names columns of the fact, or, such as
    ``dim_force.kind``, of a dimension that it refers to. A row that is not there is missing; with ``missing_row: zero``
    it counts as zero where the release covers the period (and, where forces or areas report, has any row of the one in
    question): for tables that list only what occurred.
    """

    fact: str
    measure: str = ""
    where: dict[str, Condition] = Field(default_factory=dict)
    missing_row: Literal["missing", "zero"] = "missing"

    @model_validator(mode="after")
    def _known(self) -> Term:
        if self.fact not in FACTS:
            raise ValueError(f"unknown fact {self.fact!r}: expected one of {', '.join(FACTS)}")
        measures = self.table.info["measures"]
        if self.measure not in measures and (self.measure or len(measures) > 1):
            raise ValueError(f"{self.fact} has no measure {self.measure!r}: expected one of {', '.join(measures)}")
        for name, condition in self.where.items():
            _, column = self.column(name)
            _check_values(name, column, condition.values)
        divided = breakdown_column(self.table)
        if divided and (len(self.breakdown_values()) != 1 or self.where[divided].negated):
            raise ValueError(
                f"{self.fact} holds several breakdowns of the same cases: fix one of them by {divided!r} in where"
            )
        return self

    @property
    def table(self) -> sa.Table:
        """The fact table."""
        return FACTS[self.fact]

    @property
    def figure(self) -> sa.Column[Any]:
        """The column that is summed."""
        return self.table.c[self.measure or self.table.info["measures"][0]]

    @property
    def finest_period(self) -> str:
        """month or quarter: the period of the fact's rows."""
        return finest_period(self.table)

    @property
    def period_column(self) -> str:
        """The fact's column with the first day of that period."""
        return finest_period_column(self.table)

    @property
    def reporters(self) -> Reporters:
        """Who should report the fact."""
        return load_source(self.table.info["source"]).reporters

    @property
    def breakdown(self) -> str:
        """The breakdown of the fact, as the vintage table names it."""
        return str(next(iter(self.breakdown_values()), ""))

    def breakdown_values(self) -> tuple[str | bool, ...]:
        """Return the values that ``where`` gives the column which divides the fact."""
        condition = self.where.get(breakdown_column(self.table))
        return condition.values if condition else ()

    def column(self, name: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
        """Return the fact's column that ``name`` is about, and the column itself: a dimension's, perhaps.

        Raises ValueError where there is no such column or the fact does not refer to the dimension.
        """
        dimension, _, attribute = name.rpartition(".")
        if not dimension:
            if attribute not in self.table.columns:
                raise ValueError(
                    f"{self.fact} has no column {attribute!r}: expected one of {', '.join(self.table.columns.keys())}"
                )
            return self.table.c[attribute], self.table.c[attribute]
        references = {
            column.info["references"].split(".")[0]: column
            for column in self.table.columns
            if str(column.info.get("references", "")).startswith("dim_")
        }
        if dimension not in references:
            raise ValueError(f"{self.fact} does not refer to {dimension!r}: expected one of {', '.join(references)}")
        columns = metadata.tables[dimension].columns
        if attribute not in columns:
            raise ValueError(f"{dimension} has no column {attribute!r}: expected one of {', '.join(columns.keys())}")
        return references[dimension], columns[attribute]

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield the conditions on the rows of the fact that the term sums."""
        for name, condition in self.where.items():
            own, column = self.column(name)
            meets = condition.holds(column)
            if own is not column:  # the dimension's members that meet the condition
                meets = own.in_(sa.select(next(iter(column.table.primary_key))).where(meets))
            yield meets

    def words(self) -> str:
        """Return the term in words."""
        conditions = [
            f"{name} is {'not ' if condition.negated else ''}{' or '.join(str(value) for value in condition.values)}"
            for name, condition in self.where.items()
        ]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"{self.figure.name} of {self.fact}{where}"


def _check_values(name: str, column: sa.Column[Any], values: tuple[str | bool, ...]) -> None:
    wanted = bool if isinstance(column.type, sa.Boolean) else str
    wrong = [value for value in values if not isinstance(value, wanted)]
    if wrong:
        raise ValueError(f"{name} is {'true or false' if wanted is bool else 'a text in quotes'}; found {wrong[0]!r}")
    members: tuple[str, ...] = column.info.get("members", ())
    unknown = [value for value in values if members and value not in members]
    if unknown:
        raise ValueError(f"{name} has no member {unknown[0]!r}: expected one of {', '.join(members)}")


class Target(Declaration):
    """What a KPI is to come to, and who has said so."""

    value: float
    source: str


class Kpi(Declaration):
    """A figure by which the programme is measured.

    ``denominator`` is a term, or ``periods reported``: the quarters (months, where the fact is monthly) that have been
    reported, which makes an average. ``over_time`` says how months or quarters make a longer period: ``sum``; or
    ``last`` for stocks, each reporter's last one in the period. ``national`` is what the nation is called, by the
    ground that the source covers; ``below`` are the geographies into which it is divided. ``matures`` names the column
    of kpi_value that keeps growing for years after its period: what it will come to is estimated (``kpis.maturity``).
    """

    kpi_id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    description: str
    unit: str
    direction: Literal["good", "bad", "neutral"]
    caveat: str = ""
    numerator: Term
    denominator: Term | Literal["periods reported"] | None = None
    over_time: Literal["sum", "last"] = "sum"
    period_kinds: tuple[PeriodKind, ...] = ()
    national: Nation
    below: tuple[Division, ...] = ()
    matures: Literal["value", "numerator"] | None = None
    target: Target | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Kpi:
        term, other = self.numerator, self.denominator
        allowed = set(list_divisions_of(term.table))
        if not allowed.issuperset(self.below):
            raise ValueError(
                f"{term.fact} can be divided by {', '.join(sorted(allowed)) or 'nothing'} below the nation"
            )
        if "month" in self.period_kinds and term.finest_period == "quarter":
            raise ValueError(f"{term.fact} is quarterly: there can be no figure of a month")
        if isinstance(other, Term):
            if (other.finest_period, other.reporters.dimension) != (term.finest_period, term.reporters.dimension):
                raise ValueError(
                    "numerator and denominator must be of the same months or quarters and the same reporters"
                )
        elif other and (self.over_time == "last" or set(self.kinds) & {term.finest_period}):
            raise ValueError(
                f"an average over periods is a sum over time, for periods longer than a {term.finest_period}"
            )
        return self

    @property
    def terms(self) -> tuple[Term, ...]:
        """Its numerator, and its denominator where that is a term."""
        return tuple(term for term in (self.numerator, self.denominator) if isinstance(term, Term))

    @property
    def sources(self) -> set[str]:
        """The sources of the facts that it is a figure of."""
        return {term.table.info["source"] for term in self.terms}

    @property
    def is_share(self) -> bool:
        """Whether its value is a part of a whole, from 0 to 1: checked to be so, and told in percent."""
        return self.unit == SHARE

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of period it is computed for: by default all that are not shorter than its fact's."""
        shortest = PERIOD_MONTHS[self.numerator.finest_period]
        return self.period_kinds or tuple(kind for kind, months in PERIOD_MONTHS.items() if months >= shortest)

    @property
    def is_sensitive(self) -> bool:
        """Whether its numerator or its denominator rests on sensitive returns."""
        return any(load_source(source).sensitive for source in self.sources)

    @property
    def is_provisional(self) -> bool:
        """Whether a publisher of its figures calls them provisional."""
        return any(load_source(source).provisional for source in self.sources)

    def row(self) -> dict[str, str]:
        """Return the row of kpi_definition, as far as it is declared."""
        term, other = self.numerator, self.denominator
        over_time = {"sum": "sum of", "last": f"at the last {term.finest_period} that each reporter has in the period,"}
        words = f"{over_time[self.over_time]} {term.words()}"
        if term.missing_row == "zero":
            words += "; what a release or return does not list is zero"
        return {
            "kpi_id": self.kpi_id,
            "title": self.title,
            "description": self.description,
            "unit": self.unit,
            "numerator": words,
            "denominator": f"{over_time[self.over_time]} {other.words()}"
            if isinstance(other, Term)
            else f"{term.finest_period}s reported"
            if other
            else "",
            "direction": self.direction,
            "caveat": self.caveat,
        }


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


def write_definitions(connection: Connection) -> None:
    """Bring kpi_definition up to date; a KPI that is no longer declared goes, with its values and estimates.

    Nothing is written where nothing has changed: neither the declarations nor whether the files in force are synthetic.
    """
    synthetic = set(
        connection.scalars(
            sa.select(release.c.source).where(release.c.is_synthetic, release.c.status.in_(IN_FORCE)).distinct()
        )
    )
    wanted = {
        kpi.kpi_id: kpi.row() | {"is_synthetic": not synthetic.isdisjoint(kpi.sources)} for kpi in load_definitions()
    }
    known = {row["kpi_id"]: dict(row) for row in connection.execute(sa.select(kpi_definition)).mappings()}
    if gone := sorted(set(known) - set(wanted)):
        for table in (*FIGURES_OF_KPIS, kpi_definition):
            connection.execute(sa.delete(table).where(table.c.kpi_id.in_(gone)))
    if new := [row for kpi_id, row in wanted.items() if kpi_id not in known]:
        connection.execute(sa.insert(kpi_definition), new)
    for kpi_id, row in wanted.items():
        if kpi_id in known and known[kpi_id] != row:
            connection.execute(sa.update(kpi_definition).where(kpi_definition.c.kpi_id == kpi_id).values(row))
