"""Documents that are made from the code say what the code says."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import typer.main
import yaml

from msoic_pipeline.code_digests import find_code_used_by
from msoic_pipeline.commands.cli import app
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.dictionary import list_dictionary_rows, write_dictionary_page
from msoic_pipeline.model.traits import traits_of_column, traits_of_table
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.quality.expectations import CHECK_NAME_BY_RULE
from msoic_pipeline.quality.row_checks import ROW_CHECKS
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import SOURCES
from msoic_pipeline_tests.conftest import REPOSITORY
from tools.commands_page import list_commands, list_parameters, write_commands_page, write_parameter_name

ERROR = SourceFileError.__name__


def test_the_data_dictionary_is_current():
    assert (REPOSITORY / "docs" / "data-dictionary.md").read_text(encoding="utf-8") == write_dictionary_page(), (
        "make docs"
    )


def test_every_table_column_and_view_is_described():
    undescribed = [
        f"{row['table_name']}.{row['column_name']}" for row in list_dictionary_rows() if not row["description"].strip()
    ]
    assert not undescribed


def test_every_table_says_its_grain():
    assert all(traits_of_table(table).grain and table.comment for table in metadata.sorted_tables)
    assert all(view.description for view in VIEWS.values())


# ---- commands --------------------------------------------------------------------------------------


def test_the_page_of_commands_is_current():
    assert (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8") == write_commands_page(), "make docs"


def test_every_command_argument_and_option_says_what_it_is():
    silent = []
    for name, command in list_commands(typer.main.get_command(app)):
        if not command.help:
            silent.append(name)
        silent += [
            f"{name} {write_parameter_name(parameter)}" for parameter in list_parameters(command) if not parameter.help
        ]
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
        if traits_of_table(table).kind == "fact":
            continue
        for column in table.columns:
            for value in traits_of_column(column).members:
                is_in_dictionary = re.search(rf"(^|[ (]){re.escape(value)}: ", column.comment or "")
                if not is_in_dictionary and (f"{table.name}.{column.name}", value) not in explained:
                    unexplained.append(f"{table.name}.{column.name}: {value}")
    assert not unexplained


def test_the_glossary_explains_no_value_that_there_is_not():
    for name, value in glossary_values():
        table, _, column = name.partition(".")
        assert value in traits_of_column(metadata.tables[table].columns[column]).members, f"{name}: {value}"


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


# ---- rules of quarantine ---------------------------------------------------------------------------


def test_every_rule_that_quarantine_may_name_is_on_the_page_of_red_runs():
    page = (REPOSITORY / "docs" / "when-a-run-is-red.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))
    rules = {*CHECK_NAME_BY_RULE, *(check.rule for check in ROW_CHECKS if check.rule), *rules_of_files()}
    assert rules - explained == set()


def rules_of_files() -> set[str]:
    """The rules by which a file is refused, as the package's code names them."""
    rules = set()
    for path in (REPOSITORY / "msoic_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=rule), *_]) if called == ERROR:
                    rules.add(str(rule))
    assert len(rules) > 10
    return rules


# ---- dependencies ----------------------------------------------------------------------------------

# SQLAlchemy loads it by the name that stands in a URL.
NEVER_IMPORTED = {"psycopg"}


def test_each_library_that_is_imported_is_declared_and_each_that_is_declared_is_imported():
    _, imported = find_code_used_by(*package_modules())
    distributions = packages_distributions()
    used = {distributions[library][0].casefold().replace("_", "-") for library in imported}
    assert used == declared_dependencies()[0] - NEVER_IMPORTED


@pytest.mark.parametrize(("place", "title"), [(0, "At run time"), (1, "For development (`[dependency-groups]`)")])
def test_each_direct_dependency_has_its_reason(place: int, title: str):
    text = (REPOSITORY / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].splitlines()
    first_cells = [row.split("|")[1] for row in rows if row.startswith("| ")][1:]
    named = [name.strip().partition("[")[0].casefold() for cell in first_cells for name in cell.split(",")]
    assert sorted(named) == sorted(declared_dependencies()[place])


def package_modules() -> list[str]:
    """The names of all modules of the package."""
    files = (REPOSITORY / "msoic_pipeline").rglob("*.py")
    paths = [path.relative_to(REPOSITORY).with_suffix("").parts for path in files if path.name != "__init__.py"]
    # Alembic runs its scripts from their files; they are no modules that could be imported.
    return [".".join(parts) for parts in paths if "versions" not in parts and parts[-1] != "__main__"]


def declared_dependencies() -> tuple[set[str], set[str]]:
    """The names of the direct dependencies in pyproject.toml: at run time, and for development."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    development = [entry for entry in (*groups["build"], *groups["dev"]) if isinstance(entry, str)]
    return _names(project["project"]["dependencies"]), _names(development)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[><=; ]", requirement)[0].casefold() for requirement in requirements}


# ---- hooks -----------------------------------------------------------------------------------------


def test_the_hooks_before_a_commit_call_targets_that_there_are():
    """They are local and call make, so that no hook has a version or an opinion of its own."""
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    targets = make_targets()
    called = [hook["entry"].split() for hook in config["repos"][0]["hooks"]]
    assert all(program == "make" and target in targets for program, target in called)
    assert {"lint", "types"} <= {target for _, target in called}


def test_the_quick_tests_there_are():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    names = re.search(r"^QUICK := ((?:.*\\\n)*.*)$", makefile, flags=re.MULTILINE)
    assert names
    for name in names[1].replace("\\\n", " ").split():
        assert (REPOSITORY / "msoic_pipeline_tests" / name).is_file(), name


def make_targets() -> set[str]:
    """The targets of the Makefile that it says something about."""
    return set(
        re.findall(r"^([a-z-]+):.*##", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )


# ---- decisions and links ---------------------------------------------------------------------------

DECISION_PARTS = ["Context", "Decision", "Consequences", "What else was tried"]


def test_decisions_are_numbered_listed_and_of_one_form():
    folder = REPOSITORY / "docs" / "decisions"
    pages = sorted(folder.glob("0*.md"))
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((0\d+-[a-z-]+\.md)\)", index) == [page.name for page in pages]
    for number, page in enumerate(pages, start=1):
        text = page.read_text(encoding="utf-8")
        assert page.name.startswith(f"{number:04d}-") and text.startswith(f"# {number}. "), page.name
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == DECISION_PARTS, page.name


# What a page may name a path below; of the last, only the raw files stand in the repository.
TOP_FOLDERS = "msoic_pipeline|msoic_pipeline_tests|sample_data|tools|docs|data/raw"
ROOMS = "|".join(path.name for path in (REPOSITORY / "msoic_pipeline").iterdir() if path.is_dir())


def documents() -> list[Path]:
    """All pages of the repository."""
    return [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "data" / "LICENCE.md"]


def page_name(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", documents(), ids=page_name)
def test_what_a_page_links_to_is_there(page: Path):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", documents(), ids=page_name)
def test_the_paths_that_a_page_names_are_there(page: Path):
    """A path with a place-holder in it is that of no file."""
    text = page.read_text(encoding="utf-8")
    whole_paths = re.findall(rf"`((?:{TOP_FOLDERS})/[\w./*-]*)`", text)
    in_package = re.findall(rf"`((?:{ROOMS})/(?!test_)[\w*-]+\.(?:py|yaml|csv))`", text)
    in_tests = re.findall(r"`((?:[a-z]+/)?test_\w+\.py)`", text)
    named = [
        *whole_paths,
        *(f"msoic_pipeline/{path}" for path in in_package),
        *(f"msoic_pipeline_tests/{path}" for path in in_tests),
    ]
    assert [path for path in named if not any(REPOSITORY.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("page", documents(), ids=page_name)
def test_the_commands_that_a_page_names_are_there(page: Path):
    text = page.read_text(encoding="utf-8")
    commands = dict(list_commands(typer.main.get_command(app)))
    groups = {name.rpartition(" ")[0] for name in commands}
    for name, following in re.findall(r"`(?:\.venv/bin/)?(msoic [a-z-]+)((?: [^`\n]*)?)`", text):
        whole = name if name not in groups else f"{name} {following.split()[0]}"
        assert whole in commands, f"{page.name}: {whole}"
        options = {option for parameter in commands[whole].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", following)) <= options | {"--help"}, f"{page.name}: {name}{following}"
    for targets in re.findall(r"`make ([a-z-][a-z -]*)`", text):
        assert set(targets.split()) <= make_targets(), f"{page.name}: make {targets}"


# ---- the README ------------------------------------------------------------------------------------


def test_the_readme_names_every_source_room_and_setting():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    pages = readme + (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    code = " ".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "msoic_pipeline").rglob("*.py"))
    assert [source for source in SOURCES if f"`{source}`" not in readme] == []
    assert [room for room in ROOMS.split("|") if room != "__pycache__" and f"{room}/" not in readme] == []
    assert [name for name in sorted(set(re.findall(r"MSOIC_[A-Z]+(?:_[A-Z]+)*", code))) if name not in pages] == []
