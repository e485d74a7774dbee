"""What a source's file says: whose releases it holds, how they are known, who should report, and its tables.

The file is ``sources/<source>/layouts.yaml``; what it says of tables is described in ``layout``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

import sqlalchemy as sa
from pydantic import Field, field_validator

from msoic_pipeline.declarations import Declaration, DeclarationError, declared_in, read_yaml
from msoic_pipeline.model import members
from msoic_pipeline.model.geography import PUBLISHER, ReporterKind
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import period_end, period_start, periods
from msoic_pipeline.workbooks.layout import ParserName, Pattern, PublishedTable
from msoic_pipeline.workbooks.values import member_file_of


def _list_sources() -> tuple[str, ...]:
    """Return the names of the folders that hold a layout file, in alphabetical order."""
    folders = files("msoic_pipeline.sources").iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.joinpath("layouts.yaml").is_file()))


# A source is a folder in sources/; its name is the folder's.
SOURCES = _list_sources()

# What a cover sheet may say of a release.
StampedField = Literal["title", "published_on", "reference_period", "edition", "reporter", "note"]

# By which parsers a stamp of a field may be read, where the field takes but some kinds of value.
_PARSERS_OF_STAMP: dict[StampedField, tuple[str, ...]] = {
    "published_on": ("date",),
    "reference_period": ("month", "quarter"),
    "edition": ("count",),
}


class Stamp(Declaration):
    """Where a workbook's own cover sheet says something: a label, followed in its cell or the next one by the value.

    ``hint`` says what is to be filled in, in an empty return.
    """

    label: str
    parse: ParserName
    hint: str = ""


class Template(Declaration):
    """What an empty return to fill in needs besides its layouts: its cover sheet, and which figures it takes."""

    cover_sheet: str
    title: str
    figures: Literal["integer", "decimal"]


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

    @property
    def have_own_files(self) -> bool:
        """Whether each sends a file of its own; else one file holds all of them."""
        return self.dimension != PUBLISHER and not self.column

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
    message; ``is_published`` is false where the publisher gives the figures to the programme alone; ``provisional``
    says that the publisher calls the figures so, ``ended`` that it publishes no more of them: no release is due after
    the latest one that has come. ``unavailable`` lists the marks of a figure that is not
    available; ``end`` the words that end a table. ``template`` is of a source to whose publishers empty returns are
    given.
    """

    source: str
    title: str
    publisher: str
    frequency: Literal["weekly", "monthly", "quarterly", "yearly"]
    lag_days: int
    recognise: tuple[Pattern, ...]
    synthetic_mark: str = "synthetic sample data"
    sensitive: bool = False
    is_published: bool = True
    provisional: bool = False
    ended: bool = False
    stamps: dict[StampedField, Stamp] = Field(default_factory=dict)
    reporters: Reporters
    quarantine_threshold: int = 0
    unavailable: tuple[str, ...] = ()
    end: tuple[str, ...] = ("end of table", "end of worksheet")
    tables: tuple[PublishedTable, ...]
    template: Template | None = None

    @field_validator("stamps")
    @classmethod
    def _check_parsers_of_stamps(cls, stamps: dict[StampedField, Stamp]) -> dict[StampedField, Stamp]:
        for field, stamp in stamps.items():
            allowed = _PARSERS_OF_STAMP.get(field, (stamp.parse,))
            if stamp.parse not in allowed:
                raise ValueError(f"{field} is parsed as {' or '.join(allowed)}, not as {stamp.parse}")
        return stamps

    @property
    def counts_editions(self) -> bool:
        """Whether editions of its releases are counted: cover sheets tell the period, and no sidecar an edition."""
        return "reference_period" in self.stamps

    @property
    def layout_file(self) -> str:
        """The path of the file that says all this, below the repository."""
        return name_layout_file(self.source)

    @property
    def facts(self) -> list[str]:
        """The names of the fact tables that it fills."""
        return list(dict.fromkeys(table.fact for table in self.tables))

    def find_part_column(self, fact: str, breakdown: str) -> str:
        """Return the column of which the tables of a fact's breakdown hold one member each; empty where there is none.

        Such tables have totals of their own: ``PublishedTable.part_of_breakdown``.
        """
        for table in self.tables:
            if (table.fact, table.breakdown) == (fact, breakdown) and table.part_of_breakdown:
                return table.part_of_breakdown
        return ""

    def find_day_due(self, period_kind: str, start: dt.date) -> dt.date:
        """Return the last day on which what is about a period, by its kind and first day, is in time.

        It is so many days after the period's end: about February 2022, of a source with 20 days, 20 March 2022.
        """
        return period_end(period_kind, start) + dt.timedelta(days=self.lag_days)

    def recognises(self, texts: str) -> bool:
        """Return whether ``texts`` (sheet names and first rows of a file) are those of this source."""
        return any(re.search(pattern, texts, re.IGNORECASE) for pattern in self.recognise)


def name_layout_file(source: str) -> str:
    """Return the path of a source's layout file, below the repository."""
    return f"msoic_pipeline/sources/{source}/layouts.yaml"


def read_layout_text(source: str) -> str:
    """Return the text of a source's layout file."""
    return files("msoic_pipeline.sources").joinpath(source, "layouts.yaml").read_text(encoding="utf-8")


@cache
def load_source(source: str) -> Source:
    """Return the description of a source. Raises DeclarationError where its layout file is not well formed."""
    return parse_source(read_layout_text(source), name_layout_file(source))


def is_sensitive(fact: sa.Table) -> bool:
    """Return whether what stands in a fact table is to be kept out of messages, as its source says."""
    return load_source(traits_of_fact(fact).source).sensitive


def parse_source(text: str, path: str) -> Source:
    """Return the description of a source from the text of its layout file, which stands at ``path``.

    Raises DeclarationError where it is not well formed, or its tables have columns that their facts have not.
    """
    with declared_in(path):
        source = Source.model_validate(read_yaml(text))
    for table in source.tables:
        if unused := table.list_unused_columns():
            raise DeclarationError.of(path, f"{table.table}: {table.fact} has no column for {'; '.join(unused)}")
    return source


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
    parts = (json.dumps(said, sort_keys=True), members.digest_files(*_list_member_files(tables)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digest_stamps(source: Source) -> str:
    """Return a digest of the files of members that the stamps of a source's cover sheets name."""
    named = (member_file_of(stamp.parse) for stamp in source.stamps.values())
    return members.digest_files(*sorted(set(filter(None, named))))


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
            files_named.update(map(member_file_of, layout.list_parser_names()))
    return sorted(files_named - {""})
