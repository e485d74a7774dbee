"""Documents that are made from the code say what the code says."""

from __future__ import annotations

from msoic_pipeline.model import metadata
from msoic_pipeline.model.dictionary import dictionary_page, dictionary_rows
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline_tests.conftest import REPOSITORY


def test_the_data_dictionary_is_current():
    assert (REPOSITORY / "docs" / "data-dictionary.md").read_text(encoding="utf-8") == dictionary_page(), "make docs"


def test_every_table_column_and_view_is_described():
    undescribed = [
        f"{row['table_name']}.{row['column_name']}" for row in dictionary_rows() if not row["description"].strip()
    ]
    assert not undescribed


def test_every_table_says_its_grain():
    assert all(table.info["grain"] and table.comment for table in metadata.sorted_tables)
    assert all(view.description for view in VIEWS.values())
