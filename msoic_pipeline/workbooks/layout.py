"""What a layout file may say. A layout is data: it tells by their texts which sheet holds which table, and what each
column means. Nothing here knows a publisher.

A source's file (``sources/<source>/layouts.yaml``) describes its tables; each table has one or more layouts, each valid
for releases ``from`` a reference quarter, open-ended unless ``until`` is given. Columns are found by header text alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from msoic_pipeline.declarations import Declaration, declared_in
from msoic_pipeline.model import members
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import ReporterKind
from msoic_pipeline.periods import parse_quarter, period_end, period_start, periods
from msoic_pipeline.workbooks.values import member_file_of, parser


def _list_sources() -> tuple[str, ...]:
    """Return the names of the folders that hold a layout file, in alphabetical order."""
    folders = files("msoic_pipeline.sources").iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.joinpath("layouts.yaml").is_file()))


# A source is a folder in sources/; its name is the folder's.
SOURCES = _list_sources()
# What stands between the names of several tidy columns that one tier of headers becomes, and between their members.
BETWEEN_NAMES = " / "


def _check_parser(name: str) -> str:
    """Return the name of a parser. Raises ValueError where there is none of it."""
    try:
        parser(name)
    except KeyError:
        raise ValueError(f"no parser is called {name!r}") from None
    return name


# The name of a parser, as ``values.parser`` knows it.
ParserName = Annotated[str, AfterValidator(_check_parser)]


class LabelColumn(Declaration):
    """A label column: its accepted header texts, how its cells are read, and the tidy column it becomes.

    A table's first column may have no header: its ``header`` is the empty text. Where one that is ``optional`` is not
    there, its labels are None. ``also`` names further tidy columns read from the same cells, each with its own parser.
    ``ignore_rows`` is a regular expression: rows whose cell matches it are left out on purpose, such as the regions in
    a table of local authorities.
    """

    to: str
    header: tuple[str, ...]
    parse: ParserName = "text"
    optional: bool = False
    totals: tuple[str, ...] = ()
    blank: Literal["reject", "allow"] = "reject"
    also: dict[str, ParserName] = Field(default_factory=dict)
    ignore_rows: str = ""


class MeasureColumn(Declaration):
    """A column of figures."""

    to: str
    header: tuple[str, ...]
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
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
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

    name: str = ""
    title: str = ""


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
    the reference period; where it is ``own_period`` every row must lie within the release's.
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
    repeated_headers: str = ""
    rates: dict[str, Rate] = Field(default_factory=dict)

    def parsers(self) -> Iterator[str]:
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
        made = set(labels)
        for column in self.columns:
            made |= set(column.also)
        for tier in self.tiers:
            made |= set(tier.tidy_columns)
        if unknown := sorted(set(self.period.columns) - made):
            raise ValueError(f"layout {self.layout!r}: period: no column {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _check_one_kind_of_figures(self) -> Layout:
        if bool(self.measures) == bool(self.tiers) or bool(self.tiers) != bool(self.value):
            raise ValueError(f"layout {self.layout!r}: give either measures, or tiers and a value")
        return self


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


# What a cover sheet may say of a release.
StampedField = Literal["title", "published_on", "reference_period", "edition", "reporter", "note"]


class Stamp(Declaration):
    """Where a workbook's own cover sheet says something: a label, followed in its cell or the next one by the value."""

    label: str
    parse: ParserName


class Reporters(Declaration):
    """Who should report, and how often: where it is every calendar year, with the quarter that holds ``since``."""

    dimension: ReporterKind
    every: Literal["month", "quarter", "calendar_year"] = "quarter"
    since: dt.date
    column: str = ""

    @property
    def is_yearly(self) -> bool:
        """Whether there is one report a year."""
        return self.every == "calendar_year"

    def periods_due(self, quarter: dt.date, last: dt.date) -> list[dt.date]:
        """Return the first days of the periods whose reports are due with a quarter, up to ``last``.

        For example, every calendar year since 1 April 2015: with the quarter from 1 April 2016 that is 1 January 2016,
        with the quarters before and after it there is none.
        """
        if self.is_yearly and quarter.month != period_start("quarter", self.since).month:
            return []
        first = period_start(self.every, self.since)
        starts = periods(self.every, quarter, period_end("quarter", quarter))
        return [start for start in starts if first <= start <= last]


class Source(Declaration):
    """A publisher's series of releases.

    ``recognise`` lists regular expressions of which one must be found in a file's sheet names or first rows. ``stamps``
    say where a cover sheet holds what else would stand in the sidecar. ``sensitive`` keeps content out of every
    message. ``unavailable`` lists the marks of a figure that is not available; ``end`` the words that end a table.
    """

    source: str
    title: str
    publisher: str
    frequency: Literal["weekly", "monthly", "quarterly", "yearly"]
    lag_days: int
    recognise: tuple[str, ...]
    synthetic_mark: str = "synthetic sample data"
    sensitive: bool = False
    stamps: dict[StampedField, Stamp] = Field(default_factory=dict)
    reporters: Reporters
    quarantine_threshold: int = 0
    unavailable: tuple[str, ...] = ()
    end: tuple[str, ...] = ("end of table", "end of worksheet")
    tables: tuple[PublishedTable, ...]

    @property
    def facts(self) -> list[str]:
        """The names of the fact tables that it fills."""
        return list(dict.fromkeys(table.fact for table in self.tables))

    def recognises(self, texts: str) -> bool:
        """Return whether ``texts`` (sheet names and first rows of a file) are those of this source."""
        return any(re.search(pattern, texts, re.IGNORECASE) for pattern in self.recognise)


def layout_text(source: str) -> str:
    """Return the text of a source's layout file."""
    return files("msoic_pipeline.sources").joinpath(source, "layouts.yaml").read_text(encoding="utf-8")


@cache
def load_source(source: str) -> Source:
    """Return the description of a source. Raises DeclarationError where its layout file is not well formed."""
    with declared_in(f"msoic_pipeline/sources/{source}/layouts.yaml"):
        return Source.model_validate(yaml.safe_load(layout_text(source)))


# What of a source, besides its tables, decides what its files are parsed into; not when the next one is due.
_FIELDS_THAT_PARSE = ("source", "sensitive", "unavailable", "end")


def digest_layout(source: Source, quarter: dt.date | None = None) -> str:
    """Return a digest of how a source's files are parsed: all of them, or those of releases about ``quarter``.

    It is of what the layout file says of that, and of the files of members that it names. When it changes, the releases
    that it covers are parsed anew.
    """
    tables = source.tables if quarter is None else _tables_that_hold(source, quarter)
    said = {name: getattr(source, name) for name in _FIELDS_THAT_PARSE}
    # For which releases a layout holds is settled above.
    said["tables"] = [table.model_dump(mode="json", exclude={"layouts": {"__all__": {"releases"}}}) for table in tables]
    parts = (json.dumps(said, sort_keys=True), members.digest(*_list_member_files(tables)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def stamps_digest(source: Source) -> str:
    """Return a digest of the files of members that the stamps of a source's cover sheets name."""
    named = (member_file_of(stamp.parse) for stamp in source.stamps.values())
    return members.digest(*sorted(set(filter(None, named))))


def _tables_that_hold(source: Source, quarter: dt.date) -> tuple[PublishedTable, ...]:
    """Return the tables of a source, each with the layouts that hold for releases about ``quarter``."""
    tables = []
    for table in source.tables:
        layouts = tuple(layout for layout in table.layouts if layout.releases.holds(quarter))
        tables.append(table.model_copy(update={"layouts": layouts}))
    return tuple(tables)


def _list_member_files(tables: Iterable[PublishedTable]) -> list[str]:
    """Return the files of members by which tables are parsed, in alphabetical order."""
    files_named: set[str] = set()
    for table in tables:
        files_named.add(table.known_rows)
        for layout in table.layouts:
            files_named.update(map(member_file_of, layout.parsers()))
    return sorted(files_named - {""})
