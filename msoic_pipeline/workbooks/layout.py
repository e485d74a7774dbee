"""What may be said of a published table and of its layouts. A layout is data: it tells by their texts which sheet holds
the table, and what each column means. Nothing here knows a publisher.

Each table of a source (``source``) has one or more layouts, each valid for releases ``from`` a reference quarter,
open-ended unless ``until`` is given. Columns are found by header text alone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from msoic_pipeline.declarations import Declaration
from msoic_pipeline.model import members
from msoic_pipeline.model.facts import FACTS, breakdown_column
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.workbooks.values import find_parser, parser_of_members

# What stands between the names of several tidy columns that one tier of headers becomes, and between their members.
BETWEEN_NAMES = " / "


def _check_parser(name: str) -> str:
    """Return the name of a parser. Raises ValueError where there is none of it."""
    try:
        find_parser(name)
    except KeyError:
        raise ValueError(f"no parser is called {name!r}") from None
    return name


# The name of a parser, as ``values.find_parser`` knows it.
ParserName = Annotated[str, AfterValidator(_check_parser)]


def check_pattern(pattern: str) -> str:
    """Return a regular expression. Raises ValueError where it is none."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


# A regular expression that is known to be one before any file is read.
Pattern = Annotated[str, AfterValidator(check_pattern)]

# A closed set of members, each with its other spellings.
Members = dict[str, tuple[str, ...]]


class LabelColumn(Declaration):
    """A label column: its accepted header texts, how its cells are read, and the tidy column it becomes.

    Its cells hold the ``members`` that are listed, each with its other spellings, or what ``parse`` reads. A table's
    first column may have no header: its ``header`` is the empty text. Where one that is ``optional`` is not there, its
    labels are None. ``also`` names further tidy columns read from the same cells, each with its own parser.
    What is not ``stored`` is read and must be readable, but no column of the fact: a year beside its quarters.
    ``ignore_rows`` is a regular expression: rows whose cell matches it are left out on purpose, such as the regions in
    a table of local authorities.
    """

    to: str
    header: tuple[str, ...]
    parse: ParserName = "text"
    members: Members = Field(default_factory=dict)
    optional: bool = False
    totals: tuple[str, ...] = ()
    blank: Literal["reject", "allow"] = "reject"
    also: dict[str, ParserName] = Field(default_factory=dict)
    stored: bool = True
    ignore_rows: Pattern = ""

    @model_validator(mode="after")
    def _check_members_or_parser(self) -> LabelColumn:
        if self.members and "parse" in self.model_fields_set:
            raise ValueError(f"column {self.to!r}: give members or parse, not both")
        return self

    @property
    def parsers(self) -> dict[str, Callable[[Any], Any]]:
        """The parsers by which its cells are read, by the tidy column that each makes of them."""
        own_parser = parser_of_members(self.members) if self.members else find_parser(self.parse)
        return {self.to: own_parser, **{name: find_parser(parse) for name, parse in self.also.items()}}


class MeasureColumn(Declaration):
    """A column of figures: its accepted header texts, and how its cells are read.

    The figures under tiers have none of their own.
    """

    to: str
    header: tuple[str, ...] = ()
    parse: ParserName = "count"
    optional: bool = False


class HeaderTier(Declaration):
    """One tier of headers above the figures: the members it names, or how an open set of them is read.

    Every member that is not ``optional`` must be there, and so must a total where ``totals`` names one: it guards an
    open set against a dropped column. ``quarters`` is how many quarters, up to the release's own, must be there.

    Where one header names a member of several tidy columns, ``to`` lists these with `` / `` between, and ``members``
    theirs likewise: ``to: offence_category / measure``, ``members: {robbery / convictions: [Robbery convictions]}``.
    """

    to: str
    members: Members = Field(default_factory=dict)
    optional: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    parse: str = ""
    totals: tuple[str, ...] = ()
    quarters: int = 0

    @model_validator(mode="after")
    def _check_closed_or_open(self) -> HeaderTier:
        if bool(self.members) == bool(self.parse):
            raise ValueError(f"tier {self.to!r}: give either members or parse")
        if self.parse:
            _check_parser(self.parse)
        return self

    @model_validator(mode="after")
    def _check_members_of_each_column(self) -> HeaderTier:
        number_of_columns = len(self.tidy_columns)
        if number_of_columns == 1:
            return self
        if self.parse:
            raise ValueError(f"tier {self.to!r}: several columns have members, not a parser")
        for member in self.members:
            if len(member.split(BETWEEN_NAMES)) != number_of_columns:
                raise ValueError(f"tier {self.to!r}: expected a member of each column; found {member!r}")
        return self

    @property
    def is_open(self) -> bool:
        """Whether its members are not listed here: each header that the parser reads is one."""
        return bool(self.parse)

    @property
    def tidy_columns(self) -> tuple[str, ...]:
        """The tidy columns that the tier becomes; as a rule it is one."""
        return tuple(self.to.split(BETWEEN_NAMES))

    def members_by_column(self, member: Any) -> dict[str, Any]:
        """Return the member of each tidy column that a member of the tier stands for.

        For example ``robbery / convictions`` is robbery of ``offence_category`` and convictions of ``measure``. What is
        none of the declared members, such as a total, stands for itself in every column.
        """
        if len(self.tidy_columns) == 1 or member not in self.members:
            return dict.fromkeys(self.tidy_columns, member)
        return dict(zip(self.tidy_columns, member.split(BETWEEN_NAMES), strict=True))


def _read_one_or_several(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


class Rate(Declaration):
    """A rate that a sheet works out of its own counts, ``part`` of ``whole``, rounded to ``decimals``.

    The whole is one count, or a list of those that make it up: convictions of convictions and unsuccessful.
    """

    part: str
    whole: Annotated[tuple[str, ...], BeforeValidator(_read_one_or_several)]
    decimals: int


class Validity(Declaration):
    """The reference quarters of the releases for which something holds; open-ended where a side is missing."""

    since: dt.date | None = Field(default=None, alias="from")
    until: dt.date | None = None

    @field_validator("since", "until", mode="before")
    @classmethod
    def _read_quarter(cls, value: Any) -> Any:
        return parse_quarter(value) if isinstance(value, str) else value

    def holds(self, quarter: dt.date) -> bool:
        """Return whether ``quarter`` lies within."""
        return (self.since is None or quarter >= self.since) and (self.until is None or quarter <= self.until)


class SheetText(Declaration):
    """By which text a sheet is known for a layout: its name, its first filled cell, or both (regular expressions)."""

    name: Pattern = ""
    title: Pattern = ""

    @model_validator(mode="after")
    def _check_text_is_given(self) -> SheetText:
        if not (self.name or self.title):
            raise ValueError("give the name of the sheet, its title, or both")
        return self


class PeriodColumns(Declaration):
    """Which tidy columns tell the period of a row, or that it is the release's own: exactly one of these is given.

    ``calendar`` and ``financial`` name two columns, the year and the quarter in it; ``quarter``, ``month`` and ``day``
    the column with a day of it. ``release`` is of which kind the release's own period must be.
    """

    calendar: tuple[str, str] | None = None
    financial: tuple[str, str] | None = None
    quarter: str | None = None
    month: str | None = None
    day: str | None = None
    release: Literal["month", "quarter"] | None = None

    @model_validator(mode="after")
    def _check_one_is_given(self) -> PeriodColumns:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The tidy columns that are named; none where it is the release's own period."""
        if self.calendar or self.financial:
            return self.calendar or self.financial or ()
        return tuple(filter(None, (self.quarter, self.month, self.day)))


class Layout(Declaration):
    """One way in which a table is laid out.

    Either ``measures`` (each a column of figures) or ``tiers`` (figures under one or two tiers of headers, with
    ``value`` naming the measure) is given. ``sparse`` names the label columns, outermost first, in which a label is
    given once for several rows (``labels.fill_sparse_labels`` has an example). ``period`` says which tidy columns hold
    the reference period; where it is ``own_period`` every row must lie within the release's. ``ignore`` lists the
    headers of columns that are left out on purpose; ``ignore_columns`` is a regular expression for those of many.
    ``repeated_headers`` tolerates stray copies of a header: the first one counts. ``rates`` are the members of
    ``measure`` that are held against the counts they are made of, and not loaded.
    """

    layout: str
    releases: Validity = Validity()
    sheet: SheetText
    columns: tuple[LabelColumn, ...]
    measures: tuple[MeasureColumn, ...] = ()
    tiers: tuple[HeaderTier, ...] = ()
    value: MeasureColumn | None = None
    sparse: tuple[str, ...] = ()
    period: PeriodColumns
    own_period: bool = False
    ignore: tuple[str, ...] = ()
    ignore_columns: Pattern = ""
    repeated_headers: Pattern = ""
    rates: dict[str, Rate] = Field(default_factory=dict)

    @property
    def member_columns(self) -> set[str]:
        """The tidy columns that labels and tiers become."""
        made: set[str] = set()
        for column in self.columns:
            made |= {column.to, *column.also}
        for tier in self.tiers:
            made |= set(tier.tidy_columns)
        return made

    @property
    def stored_columns(self) -> set[str]:
        """The tidy columns of which something must make use: all but those that tell the period or are not stored."""
        made = self.member_columns | {measure.to for measure in self.measures}
        if self.value:
            made.add(self.value.to)
        not_stored = {column.to for column in self.columns if not column.stored}
        return made - not_stored - set(self.period.columns)

    def list_parser_names(self) -> Iterator[str]:
        """Yield the names of all parsers by which labels, headers and figures are read."""
        for column in self.columns:
            yield column.parse
            yield from column.also.values()
        for measure in self.measures:
            yield measure.parse
        for tier in self.tiers:
            if tier.parse:
                yield tier.parse
        if self.value:
            yield self.value.parse

    @model_validator(mode="after")
    def _check_columns_are_there(self) -> Layout:
        labels = {column.to for column in self.columns}
        if unknown := sorted(set(self.sparse) - labels):
            raise ValueError(f"layout {self.layout!r}: sparse: no label column {', '.join(unknown)}")
        if unknown := sorted(set(self.period.columns) - self.member_columns):
            raise ValueError(f"layout {self.layout!r}: period: no column {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _check_each_sparse_column_is_there(self) -> Layout:
        optional = [column.to for column in self.columns if column.optional and column.to in self.sparse]
        if optional:
            raise ValueError(f"layout {self.layout!r}: sparse: {', '.join(optional)} may not be optional")
        return self

    @model_validator(mode="after")
    def _check_each_row_tells_its_period(self) -> Layout:
        told_by = set(self.period.columns)
        may_be_missing: set[str] = set()
        may_be_total = set(self.sparse[1:])  # where an outer label begins
        for column in self.columns:
            made = {column.to, *column.also}
            if column.optional or column.blank == "allow":
                may_be_missing |= made
            if column.totals:
                may_be_total |= made
        for tier in self.tiers:
            if tier.totals:
                may_be_total |= set(tier.tidy_columns)
        if wrong := sorted(told_by & may_be_missing):
            raise ValueError(f"layout {self.layout!r}: period: {', '.join(wrong)} may be neither optional nor blank")
        # The total over the quarters of a year is about that year; no other total has a period.
        year_and_quarter = self.period.calendar or self.period.financial
        may_be_total -= set(year_and_quarter[1:] if year_and_quarter else ())
        if wrong := sorted(told_by & may_be_total):
            raise ValueError(f"layout {self.layout!r}: period: {', '.join(wrong)} may have no totals")
        return self

    @model_validator(mode="after")
    def _check_rates_are_of_measures(self) -> Layout:
        measures: set[str] = set()
        for column in self.columns:
            if column.to == "measure":
                measures |= set(column.members)
        for tier in self.tiers:
            if "measure" in tier.tidy_columns:
                position = tier.tidy_columns.index("measure")
                measures |= {member.split(BETWEEN_NAMES)[position] for member in tier.members}
        for name, rate in self.rates.items():
            if unknown := sorted({name, rate.part, *rate.whole} - measures):
                raise ValueError(f"layout {self.layout!r}: rates: no measure is called {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _check_one_kind_of_figures(self) -> Layout:
        if bool(self.measures) == bool(self.tiers) or bool(self.tiers) != bool(self.value):
            raise ValueError(f"layout {self.layout!r}: give either measures, or tiers and a value")
        if without := [measure.to for measure in self.measures if not measure.header]:
            raise ValueError(f"layout {self.layout!r}: measures: give the header of {', '.join(without)}")
        return self


def name_part(breakdown: str, member: Any) -> str:
    """Return what the table ``published_total`` calls the part of a breakdown that is of one member."""
    return f"{breakdown}/{member}"


class PublishedTable(Declaration):
    """A published table: the fact it becomes, and its layouts.

    ``sheets`` is ``one``, or ``many`` where a file spreads the table over several sheets. ``constants`` are tidy
    columns that the table itself fixes; ``part_of_breakdown`` names one of them where the table has but that member of
    its breakdown, so that its totals are of that part alone. ``sum_rows`` names keys whose several rows in one sheet
    are added up (``*``: any). ``dimension`` is one whose members come with the rows. ``known_rows`` is a dimension's
    file of members, a row of which each row of the table must match. ``labelled_by`` names columns with the words for a
    code, which should be the same wherever the code stands in a sheet.
    """

    table: str
    fact: str
    required: bool = True
    sheets: Literal["one", "many"] = "one"
    constants: dict[str, Any] = Field(default_factory=dict)
    part_of_breakdown: str = ""
    sum_rows: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    dimension: str = ""
    known_rows: str = ""
    labelled_by: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    layouts: tuple[Layout, ...]

    @property
    def breakdown(self) -> str:
        """The breakdown of its fact that it belongs to; empty where the fact has none."""
        column = breakdown_column(FACTS[self.fact])
        return str(self.constants.get(column, "")) if column else ""

    @property
    def breakdown_of_totals(self) -> str:
        """What its totals are totals of: its breakdown, or a part of that behind a stroke, as in ``a/b``."""
        if not self.part_of_breakdown:
            return self.breakdown
        return name_part(self.breakdown, self.constants[self.part_of_breakdown])

    def list_unused_columns(self) -> list[str]:
        """Return the tidy columns that nothing asks for, each with where it is named.

        A misspelt one would leave the fact's own column at ``All``, which means that figures are of all its members.
        """
        used = set(FACTS[self.fact].columns.keys())
        for labels in self.labelled_by.values():
            used |= set(labels)
        named = {"constants": self.constants, "sum_rows": self.sum_rows, "labelled_by": self.labelled_by}
        columns_by_place = {place: set(columns) for place, columns in named.items()}
        for layout in self.layouts:
            columns_by_place[f"layout {layout.layout!r}"] = layout.stored_columns
        unused: list[str] = []
        for place, columns in columns_by_place.items():
            unused += [f"{place}: {column}" for column in sorted(columns - used)]
        return unused

    @field_validator("fact")
    @classmethod
    def _check_fact(cls, name: str) -> str:
        if name not in FACTS:
            raise ValueError(f"no fact table is called {name!r}")
        return name

    @field_validator("known_rows")
    @classmethod
    def _check_known_rows(cls, file_name: str) -> str:
        if file_name and file_name not in members.list_files_of_dimensions():
            raise ValueError(f"no dimension has the file of members {file_name!r}")
        return file_name

    @model_validator(mode="after")
    def _check_part_of_breakdown(self) -> PublishedTable:
        if self.part_of_breakdown and self.part_of_breakdown not in self.constants:
            raise ValueError(f"part_of_breakdown: {self.part_of_breakdown!r} is none of the constants")
        return self
