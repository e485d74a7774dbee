"""Documents that are made from the code say what the code says."""

from __future__ import annotations

import re

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


# ---- glossary --------------------------------------------------------------------------------------


def test_the_glossary_has_each_word_once_in_order():
    for section in ("The domain", "The house"):
        terms = glossary_terms(section)
        assert terms == sorted(set(terms), key=str.casefold), section
    assert not set(glossary_terms("The domain")) & set(glossary_terms("The house"))


def test_the_words_of_the_house_are_in_use():
    texts = [
        path.read_text(encoding="utf-8")
        for path in (
            *(REPOSITORY / "msoic_pipeline").rglob("*.py"),
            *(REPOSITORY / "msoic_pipeline").rglob("*.yaml"),
            *(REPOSITORY / "docs").rglob("*.md"),
        )
        if path.name != "glossary.md"
    ]
    used = " ".join(" ".join(texts).split()).casefold()
    assert [term for term in glossary_terms("The house") if term.casefold() not in used] == []


def test_every_value_that_a_verdict_or_a_status_may_have_is_explained():
    """A fact's own members, such as age groups, are the publisher's words and need no explanation."""
    unexplained = []
    explained = glossary_values()
    for table in metadata.sorted_tables:
        if table.info["kind"] == "fact":
            continue
        for column in table.columns:
            for value in column.info.get("members", ()):
                is_in_dictionary = re.search(rf"(^|[ (]){re.escape(value)}: ", column.comment or "")
                if not is_in_dictionary and (f"{table.name}.{column.name}", value) not in explained:
                    unexplained.append(f"{table.name}.{column.name}: {value}")
    assert not unexplained


def test_the_glossary_explains_no_value_that_there_is_not():
    for name, value in glossary_values():
        table, _, column = name.partition(".")
        assert value in metadata.tables[table].columns[column].info["members"], f"{name}: {value}"


def glossary_terms(section: str) -> list[str]:
    """The terms of a section of the glossary, as they stand there."""
    return re.findall(r"^- \*\*(.+?)\*\*: ", glossary_section(section), flags=re.MULTILINE)


def glossary_values() -> set[tuple[str, str]]:
    """The values that the glossary explains, each with the column that may have it, as table.column."""
    explained = set()
    for line in glossary_section("Values").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for column in re.findall(r"`([a-z_]+\.[a-z_]+)`", cells[0]) if line.startswith("|") else ():
            explained.add((column, cells[1]))
    return explained


def glossary_section(title: str) -> str:
    """The text of a section of the glossary."""
    text = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")
    _, _, after = text.partition(f"\n## {title}\n")
    return after.partition("\n## ")[0]
