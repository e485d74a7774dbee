"""The public edition: a folder of tables for machines, of which no figure tells what a force returned."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.dictionary import list_tables
from msoic_pipeline.model.evidence import reconciliation_result, reconciliation_rule, release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import KPI_KEY, kpi_definition
from msoic_pipeline.model.traits import traits_of_fact, traits_of_table
from msoic_pipeline.periods import list_all_quarters
from msoic_pipeline.publication.charts import digest_sections
from msoic_pipeline.publication.cover import Cover, make_cover
from msoic_pipeline.publication.files.package import PackageWords, read_version, write_package
from msoic_pipeline.publication.files.tables import DataTable, read_data_table
from msoic_pipeline.publication.public_edition.policy import load_policy
from msoic_pipeline.publication.public_edition.values import select_public_values
from msoic_pipeline.publication.workbook.ods import write_ods
from msoic_pipeline.publication.workbook.sheets import make_book
from msoic_pipeline.publication.workbook.xlsx import write_xlsx
from msoic_pipeline.reconciliation.rules import load_rules
from msoic_pipeline.warehouse.load_log import digest_all_stages
from msoic_pipeline.workbooks.source import SOURCES, load_source

NAME = "msoic-public-edition"
TITLE = "Modern slavery and organised immigration crime: indicators and the published figures behind them"


def write_public_edition(connection: Connection, folder: Path, today: dt.date) -> int:
    """Bring the public edition in a folder up to date, and return how many files were written: none if nothing changed.

    It is for a warehouse in which every blocking check holds. Raises OSError where the folder cannot be written to.
    """
    cover = make_cover(connection, today, ())
    version = digest_inputs(connection, today, cover)
    if read_version(folder) == version:
        return 0
    words = PackageWords(NAME, TITLE, _describe_edition(cover), version, _list_sources())
    tables = list_public_tables(connection, today)
    values = next(tables)
    workbooks = _make_workbooks(connection, values, cover)
    # One after another: a table is read when the one before it has been written.
    return write_package(itertools.chain([values], tables), folder, words, cover, workbooks)


def _make_workbooks(connection: Connection, values: DataTable, cover: Cover) -> dict[str, bytes]:
    """Return the workbook of the nation's public values, in either format."""
    frame = values.rows.to_pandas()
    book = make_book(connection, frame[frame["geography_kind"] == NATIONAL], cover)
    return {"kpi.xlsx": write_xlsx(book), "kpi.ods": write_ods(book)}


def digest_inputs(connection: Connection, today: dt.date, cover: Cover) -> str:
    """Return a digest of all that goes in: what is loaded, which cut-offs have passed, what is declared, and code."""
    policy = load_policy()
    parts = [digest_code("msoic_pipeline.publication.public_edition.edition"), policy.model_dump_json()]
    parts.append(digest_all_stages(connection))
    parts += [repr(tuple(row)) for row in connection.execute(sa.select(release).order_by(release.c.release_id))]
    cut_offs = [policy.find_cut_off("quarter", quarter) for quarter in list_all_quarters()]
    parts.append(str(sum(cut_off <= today for cut_off in cut_offs)))
    parts += [digest_sections(), *_list_sources(), *list_published_sources(), *cover.lines_on_files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def list_public_tables(connection: Connection, today: dt.date) -> Iterator[DataTable]:
    """Yield the tables of the public edition: the indicators first, what they mean, publishers' facts, and evidence."""
    values = read_data_table(connection, "kpi_for_readers", KPI_KEY)
    yield replace(values, rows=select_public_values(connection, values.rows, load_policy(), today))
    of_public = [kpi.kpi_id for kpi in load_definitions() if kpi.is_of_published_sources or kpi.is_sensitive]
    yield read_data_table(connection, "kpi_definition", (), kpi_definition.c.kpi_id.in_(of_public))
    for fact in FACTS.values():
        if load_source(traits_of_fact(fact).source).is_published:
            key = [column.name for column in fact.primary_key]
            yield read_data_table(connection, f"current_{fact.name}", key)
    for table in list_tables():
        if traits_of_table(table).kind == "dimension":
            yield read_data_table(connection, table.name)
    published = list_published_sources()
    yield read_data_table(connection, release.name, (), release.c.source.in_(published))
    rules = [rule.rule_id for rule in load_rules() if rule.sources <= set(published)]
    yield read_data_table(connection, "reconciliation_rule", (), reconciliation_rule.c.rule_id.in_(rules))
    yield read_data_table(connection, "reconciliation_result", (), reconciliation_result.c.rule_id.in_(rules))


def list_published_sources() -> list[str]:
    """Return the sources whose figures are published, and so may be passed on."""
    return [source for source in SOURCES if load_source(source).is_published]


def _list_sources() -> tuple[str, ...]:
    """Return what the figures are of: ``Home Office: Crime outcomes open data tables``; returns too, in the KPIs."""
    sources = [source for source in map(load_source, SOURCES) if source.is_published or source.sensitive]
    return tuple(f"{source.publisher}: {source.title}" for source in sources)


def _describe_edition(cover: Cover) -> str:
    """Return what the package says of itself: that figures are synthetic before all else."""
    policy = load_policy()
    return "\n\n".join(
        [
            *cover.lines_on_files,
            "Figures of the publishers as known on the day of creation. Figures that rest on police forces' returns "
            "are of England and Wales and its regions, of quarters and whole years, as known "
            f"{policy.days_to_cut_off} days after the quarter, and are not revised. What would tell, or help to tell, "
            f"what a few forces returned, and counts below {policy.smallest_count}, are suppressed ([c]); shares are "
            "rounded.",
        ]
    )
