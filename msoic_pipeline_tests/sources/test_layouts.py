"""What holds for the files of every source: each layout is met with, every row and figure is accounted for."""

from __future__ import annotations

import datetime as dt

import pytest

from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.workbooks.layout import LabelColumn, Layout, MeasureColumn
from msoic_pipeline.workbooks.source import SOURCES, load_source
from msoic_pipeline.workbooks.values import find_parser
from msoic_pipeline_tests.sample import RAW, landed, read_grids, staged_releases

MOST = {"force_returns": 120}
NOT_LOADED = ("totals", "rates", "unavailable", "rejected")
# Layouts of CSVs that somebody renamed; the sample's have their publisher's names.
OF_RENAMED_FILES = {
    ("force_area", "force-area-long-under-another-name"),
    ("partnership", "partnership-long-under-another-name"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_file_of_the_sample_lands(source: str):
    assert [str(error) for error in landed(source).refused] == []
    assert landed(source).releases


@pytest.mark.parametrize("source", SOURCES)
def test_every_layout_is_met_with(source: str):
    declared = {(table.table, layout.layout) for table in load_source(source).tables for layout in table.layouts}
    met = {
        (sheet.table, sheet.layout)
        for release in staged_releases(source, most=MOST.get(source))
        for sheet in release.manifest.sheets
    }
    assert met == declared - OF_RENAMED_FILES


@pytest.mark.parametrize("source", SOURCES)
def test_layouts_name_parsers_facts_and_columns_that_there_are(source: str):
    for table in load_source(source).tables:
        columns = {column.name for column in FACTS[table.fact].columns}
        for layout in table.layouts:
            specs: list[LabelColumn | MeasureColumn] = [
                *layout.columns,
                *layout.measures,
                *([layout.value] if layout.value else []),
            ]
            for name in (
                [spec.parse for spec in specs]
                + [tier.parse for tier in layout.tiers if tier.parse]
                + [parse for column in layout.columns for parse in column.also.values()]
            ):
                assert callable(find_parser(name))
            made = {spec.to for spec in specs} | set(table.constants)
            made |= {name for tier in layout.tiers for name in tier.tidy_columns}
            made |= {name for column in layout.columns for name in column.also}
            assert set(traits_of_fact(FACTS[table.fact]).measures) <= made
            assert set(table.constants) <= columns
            assert set(layout.sparse) <= {column.to for column in layout.columns}


@pytest.mark.parametrize("source", SOURCES)
def test_rows_and_figures_are_accounted_for(source: str):
    for release in staged_releases(source, most=MOST.get(source)):
        manifest = release.manifest
        for sheet in manifest.sheets:
            assert sheet.counts.rows == sheet.counts.data_rows + sheet.counts.blank_rows + sheet.counts.note_rows
            assert sheet.counts.figures == sheet.counts.loaded + sum(getattr(sheet.counts, kind) for kind in NOT_LOADED)
        loaded = 0
        for fact in release.facts:
            rows = release.frame(fact)
            assert len(rows) == manifest.rows_by_fact[fact]
            for measure in traits_of_fact(FACTS[fact]).measures:
                cells = rows.loc[rows[measure].notna(), "closed_cell" if measure == "outcomes_closed" else "cell"]
                loaded += int((cells.str.count(",") + 1).sum())
        assert manifest.counts.figures == loaded + sum(getattr(manifest.counts, kind) for kind in NOT_LOADED)


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"recorded_crime", "crime_outcomes"}))
def test_rows_are_those_of_the_sheet(source: str):
    for release in staged_releases(source, most=6):
        grids = read_grids(RAW / release.release.file_name)
        for sheet in release.manifest.sheets:
            tiers = max(1, len(_layout(source, sheet.table, sheet.layout).tiers))
            assert sheet.counts.rows == len(grids[sheet.sheet]) - (sheet.header_row_number - 1) - tiers


def _layout(source: str, table: str, layout: str) -> Layout:
    (found,) = (
        candidate
        for described in load_source(source).tables
        if described.table == table
        for candidate in described.layouts
        if candidate.layout == layout
    )
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_every_total_agrees_with_its_parts_or_is_a_declared_fault(source: str):
    for release in staged_releases(source, most=MOST.get(source)):
        assert [finding.detail for finding in release.manifest.findings if not finding.success] == []
        assert release.frame("rejects")["fault"].ne("").all()


@pytest.mark.parametrize("source", SOURCES)
def test_no_figure_is_about_a_time_after_its_publication(source: str):
    for release in staged_releases(source, most=MOST.get(source)):
        assert max(release.quarters()) <= release.release.published_on
        assert min(release.quarters()) >= dt.date(2009, 4, 1)
