"""The recipes (docs/new-*.md) are true: the files that they name are there, and their examples work.

A recipe's blocks are told by the words after their three backquotes: ``files`` lists what it touches, ``… -example``
is something to be written, ``diff PATH`` is something to be changed. They are followed in a copy of the package.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from msoic_pipeline.claims.claims import COMPARATORS, Claim, Report, parse_report
from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.stored_verdicts import compute_claims, read_verdicts
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definitions import Kpi, load_definitions, parse_definitions
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.periods import parse_quarter, periods
from msoic_pipeline.publication.charts import Chart, ChartSeries, Section, Tile, load_sections, parse_sections
from msoic_pipeline.reconciliation.comparisons import Comparison, Summand, Tolerance
from msoic_pipeline.reconciliation.rules import Rule, load_rules, parse_rules
from msoic_pipeline.sources.statements import QualityStatement, load_statement, parse_statement
from msoic_pipeline.workbooks.layout import HeaderTier, LabelColumn, Layout, PublishedTable
from msoic_pipeline.workbooks.source import Source, load_source, parse_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.handmade import Warehouse

DOCS = REPOSITORY / "docs"
PACKAGE = REPOSITORY / "msoic_pipeline"
RECIPES = sorted(path.name for path in DOCS.glob("new-*.md"))


# ---- reading recipes -------------------------------------------------------------------------------


def blocks(recipe: str, marker: str) -> list[tuple[str, str]]:
    """The fenced blocks of a recipe whose first line begins with ``marker``: what follows it, and the content."""
    text = (DOCS / recipe).read_text(encoding="utf-8")
    found = re.findall(r"^```([^\n]+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [(words[len(marker) :].strip(), content) for words, content in found if words.split(" ")[0] == marker]


def example(recipe: str, language: str, name: str) -> str:
    """The one block of a recipe that is called ``name``."""
    (content,) = (content for words, content in blocks(recipe, language) if words == name)
    return content


def apply_diff(text: str, diff: str) -> str:
    """Return a text in which the lines of a diff, which stand there once and together, are changed."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"these lines stand {text.count(before)} times in the file:\n{before}"
    return text.replace(before, after)


# ---- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_begins_with_the_files_that_it_touches(recipe: str):
    first_block = re.search(r"^```(\w+)", (DOCS / recipe).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert first_block and first_block[1] == "files"


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_files_that_a_recipe_names_are_there(recipe: str):
    patterns = [line.strip() for _, content in blocks(recipe, "files") for line in content.splitlines()]
    assert patterns
    missing = [pattern for pattern in patterns if not any(REPOSITORY.glob(re.sub(r"<\w+>", "*", pattern)))]
    assert missing == []


def test_a_source_is_a_folder_with_its_layouts_and_its_statement():
    """What the recipe says that a new source has, those that there are have."""
    for folder in (PACKAGE / "sources").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert load_source(folder.name).source == folder.name
            assert load_statement(folder.name).kind


# ---- a KPI, a rule, a layout -----------------------------------------------------------------------


def test_the_kpi_of_the_recipe_is_read():
    text = (PACKAGE / "kpis" / "definitions.yaml").read_text(encoding="utf-8")
    added = example("new-kpi.md", "yaml", "kpi-example")
    *others, new = parse_definitions(text + added)
    assert tuple(others) == load_definitions()
    assert new.caveat and new.row()["numerator"].startswith("sum of referrals of fact_nrm_referral where breakdown is")
    assert f"msoic kpi {new.kpi_id}`" in (DOCS / "new-kpi.md").read_text(encoding="utf-8")


def test_the_chart_of_the_recipe_is_read():
    text = (PACKAGE / "publication" / "charts.yaml").read_text(encoding="utf-8")
    added = example("new-chart.md", "yaml", "chart-example")
    before_last_section = text.rindex("\n  - section:")
    last_section = text[before_last_section:]
    *others, last = parse_sections(f"{text}    charts:\n{added}" if "charts:" not in last_section else text + added)
    assert tuple(others) == load_sections()[:-1]
    assert [chart.chart for chart in last.charts][-1] == "small_boats_by_quarter"


@pytest.mark.parametrize(
    ("recipe", "models"),
    [
        ("new-kpi.md", (Kpi, Term)),
        ("new-chart.md", (Chart, ChartSeries, Tile, Section)),
        ("new-rule.md", (Rule, Comparison, Summand, Tolerance)),
        ("new-claim.md", (Report, Claim, Measure)),
        ("new-layout.md", (Source, PublishedTable, Layout, LabelColumn, HeaderTier)),
    ],
)
def test_a_recipe_has_every_word_that_a_declaration_may_hold(recipe: str, models: tuple[type[BaseModel], ...]):
    """In its table of words or in its example; the words of a term stand with the KPI."""
    text = (DOCS / recipe).read_text(encoding="utf-8")
    words = {field.alias or name for model in models for name, field in model.model_fields.items()}
    if recipe == "new-rule.md":
        words -= set(Term.model_fields)
    if recipe == "new-layout.md":
        text += (DOCS / "new-source.md").read_text(encoding="utf-8")
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", text)] == []


@pytest.fixture
def rule() -> Rule:
    """The rule of the recipe, read with those of the package."""
    text = (PACKAGE / "reconciliation" / "rules.yaml").read_text(encoding="utf-8")
    *others, new = parse_rules(text + example("new-rule.md", "yaml", "rule-example"))
    assert tuple(others) == load_rules()
    return new


def test_the_rule_of_the_recipe_finds_what_it_says(rule: Rule, tmp_path: Path):
    warehouse = Warehouse.make(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    boats = {"series": "daily", "measure": "boats_arrived", "value": 10}
    uncontrolled = boats | {"measure": "boats_uncontrolled"}
    for period, day, number in (("2023-Q2", dt.date(2023, 5, 1), 4), ("2023-Q3", dt.date(2023, 8, 1), 11)):
        when = {"period": period, "day": day}
        rows = [boats | when, uncontrolled | when | {"value": number}]
        warehouse.publish(f"small_boats-{period}", "2023-12-01", ("fact_small_boat_arrival", rows))
    warehouse.reconcile("2023-Q2 2023-Q3", rules=[rule])
    assert warehouse.verdicts("period_label") == {"2023-Q2": "agrees", "2023-Q3": "breaks"}
    warehouse.engine.dispose()


def test_the_report_of_the_recipe_is_judged_as_it_says(tmp_path: Path):
    text = example("new-claim.md", "yaml", "report-example")
    report = parse_report(text, "new-claim.md")
    assert f"msoic claims {report.report}`" in (DOCS / "new-claim.md").read_text(encoding="utf-8")
    warehouse = Warehouse.make(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    rows: list[dict[str, object]] = []
    for first_month, operations, forces in (("2020-04", 20, 4), ("2021-04", 28, 9)):
        year, month = map(int, first_month.split("-"))
        rows += [_activity("Multi-agency operations", "Operations", dt.date(year, month, 1), operations)]
        # A count of every month: operations of the others are none.
        for later in periods("month", dt.date(year, month + 1, 1), dt.date(year + 1, 3, 1)):
            rows += [_activity("Multi-agency operations", "Operations", later, 0)]
        rows += [_activity("Pilot", "Forces", dt.date(year + 1, 3, 1), forces)]
    warehouse.publish("programme_activity-1", "2022-04-21", ("fact_programme_activity", rows), is_synthetic=False)
    compute_quarters(warehouse.engine, list(periods("quarter", parse_quarter("2020-Q2"), parse_quarter("2022-Q1"))))
    compute_claims(warehouse.engine, dt.date(2023, 1, 1), [report])
    with warehouse.engine.connect() as connection:
        verdicts = {row.claim_id: row.verdict for row in read_verdicts(connection, report.report)}
    assert verdicts == {
        "s1_operations": "reproduced",
        "s1_years": "not computable",
        "s2_operations_rise": "reproduced",
        "s2_forces_engaged": "reproduced",
    }
    warehouse.engine.dispose()


def _activity(activity: str, measure: str, month: dt.date, value: float) -> dict[str, object]:
    period = f"{month:%Y-%m}"
    return {"period": period, "activity": activity, "measure": measure, "value": value, "geography": "National"}


def test_the_recipe_has_every_comparator_of_a_claim():
    text = (DOCS / "new-claim.md").read_text(encoding="utf-8")
    assert [comparator for comparator in COMPARATORS if comparator not in text] == []


def test_the_changed_layouts_of_the_recipe_are_read():
    changed = {path: (REPOSITORY / path).read_text(encoding="utf-8") for path, _ in blocks("new-layout.md", "diff")}
    for path, diff in blocks("new-layout.md", "diff"):
        changed[path] = apply_diff(changed[path], diff)
    sources = {path: parse_source(text, path) for path, text in changed.items()}
    nrm = sources["msoic_pipeline/sources/nrm/layouts.yaml"]
    (police,) = (table for table in nrm.tables if table.table == "first_responders_police")
    assert "Police and unit first responder" in police.layouts[0].columns[0].header
    boats = sources["msoic_pipeline/sources/small_boats/layouts.yaml"]
    (weekly,) = (table for table in boats.tables if table.table == "weekly")
    former, later = (layout.releases for layout in weekly.layouts)
    assert former.until and later.since and former.until < later.since


def test_the_statement_of_the_recipe_is_read():
    path = "msoic_pipeline/sources/helpline/statement.yaml"
    statement = parse_statement(example("new-source.md", "yaml", "statement-example"), path)
    assert statement.assurance_needed == "A1" and len(statement.areas_below_need) == 1
    text = (DOCS / "new-source.md").read_text(encoding="utf-8")
    assert [word for word in QualityStatement.model_fields if not re.search(rf"`{word}`", text)] == []


# ---- in a copy of the package ----------------------------------------------------------------------


class Copy:
    """A copy of the package below a folder, and what programs that use it print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(PACKAGE, folder / "msoic_pipeline", ignore=shutil.ignore_patterns("__pycache__"))

    def change(self, path: str, diff: str) -> None:
        """Apply a diff to a file."""
        target = self.folder / path
        target.write_text(apply_diff(target.read_text(encoding="utf-8"), diff), encoding="utf-8")

    def run(self, *arguments: str) -> str:
        """Run Python with the copy in the place of the package."""
        settings = {f"MSOIC_{name}_DIR": str(self.folder / name.lower()) for name in ("RAW", "ARCHIVE", "STAGING")}
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | settings | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of the package."""
    return Copy(tmp_path)


def test_the_spelling_and_the_member_of_the_recipe_are_read(copy: Copy):
    for path, diff in blocks("new-member.md", "diff"):
        copy.change(path, diff)
    program = (
        "from msoic_pipeline.model import members\n"
        "print(members.resolve('force', 'Bedfordshire Constabulary'))\n"
        "print(members.resolve_nationality('Liechtenstein UK'))\n"
    )
    assert copy.run("-c", program).splitlines() == ["E23000026", "Liechtensteiner UK"]


# In one process: the file does no harm.
READ_IT = """
from msoic_pipeline.ingest.intake import take_in_source
from msoic_pipeline.ingest.reading import read_file
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.source import load_source

def read_here(asked, staging_dir):
    return [read_file(file, staging_dir) for file in asked]

intake = take_in_source(Settings(), load_source("helpline"), read_here)
print(*intake.landing.refused, *intake.unparsed, sep="; ")
(staged,) = intake.staged
print(staged.release.published_on, staged.release.reference_period)
rows = staged.frame("fact_helpline_contact")
for row in rows.sort_values("cell").to_dict("records"):
    print(row["quarter_start"], row["channel"], row["contacts"], row["cell"])
print([finding.check_name for finding in staged.manifest.findings if finding.success])
"""


def test_the_source_of_the_recipe_is_read(copy: Copy):
    declare_source(copy, "helpline")
    file = copy.folder / "raw" / "helpline" / "contacts-2024-q1.csv"
    file.parent.mkdir(parents=True)
    file.write_text(example("new-source.md", "csv", "file-example"), encoding="utf-8")
    sidecar = example("new-source.md", "yaml", "sidecar-example")
    file.with_name(f"{file.name}.yaml").write_text(sidecar, encoding="utf-8")
    assert copy.run("-c", READ_IT).splitlines() == [
        "",
        "2024-06-03 2024-Q1",
        "2023-10-01 telephone 1204 C4",
        "2024-01-01 telephone 1187 C5",
        "2023-10-01 web_form 310 D4",
        "['totals equal their parts: contacts']",
    ]


def declare_source(copy: Copy, name: str) -> None:
    """Declare the fact and the layout of the recipe, as it says."""
    facts = copy.folder / "msoic_pipeline" / "model" / "facts.py"
    declared = example("new-source.md", "python", "fact-example")
    text = facts.read_text(encoding="utf-8")
    text = text.replace("\npublished_total = ", f"\n{declared}\n\npublished_total = ", 1)
    facts.write_text(text, encoding="utf-8")
    layouts = copy.folder / "msoic_pipeline" / "sources" / name / "layouts.yaml"
    layouts.parent.mkdir()
    layouts.write_text(example("new-source.md", "yaml", "layouts-example"), encoding="utf-8")
