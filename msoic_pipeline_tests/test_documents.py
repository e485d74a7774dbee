"""Documents that are made from the code say what the code says."""

from __future__ import annotations

import typer.main

from msoic_pipeline.commands.cli import app
from msoic_pipeline.model import metadata
from msoic_pipeline.model.dictionary import dictionary_page, dictionary_rows
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline_tests.conftest import REPOSITORY
from tools.commands_page import all_commands, commands_page, parameter_name


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


# ---- commands --------------------------------------------------------------------------------------


def test_the_page_of_commands_is_current():
    assert (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8") == commands_page(), "make docs"


def test_every_command_argument_and_option_says_what_it_is():
    silent = []
    for name, command in all_commands(typer.main.get_command(app)):
        if not command.help:
            silent.append(name)
        silent += [f"{name} {parameter_name(parameter)}" for parameter in command.params if not parameter.help]
    assert not silent
