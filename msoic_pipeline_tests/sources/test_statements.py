"""Every source has a quality statement, whose needed assurance follows by the toolkit's matrix."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.sources.statements import AREAS, MATRIX, Grade, load_statement, parse_statement
from msoic_pipeline.workbooks.source import SOURCES, load_source

STATEMENT = {
    "kind": "management information",
    "quality_concern": {"grade": "medium", "because": "Cases are flagged by hand."},
    "public_interest": {"grade": "high", "because": "A headline."},
    "assurance_needed": "A2",
    "operational_context": {"assurance": "A2", "says": "Known."},
    "supply_partners": {"assurance": "A0", "says": "None."},
    "suppliers_checks": {"assurance": "A1", "says": "Described."},
    "own_checks": {"assurance": "A3", "says": "All of it."},
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_statement(source: str):
    statement = load_statement(source)
    assert statement.assurance_needed in MATRIX[statement.quality_concern.grade, statement.public_interest.grade]
    assert list(statement.areas) == list(AREAS.values())
    # What a publisher calls provisional is no official statistic.
    assert not (load_source(source).provisional and statement.kind == "official statistics")


def test_the_matrix_is_the_toolkits():
    """As published on page 4 of the toolkit, row by row."""
    grades: tuple[Grade, ...] = ("low", "medium", "high")
    assert [["/".join(MATRIX[concern, interest]) for interest in grades] for concern in grades] == [
        ["A1", "A1/A2", "A1/A2"],
        ["A1/A2", "A2", "A2/A3"],
        ["A1/A2/A3", "A3", "A3"],
    ]


def read(**changes: object) -> list[str]:
    return parse_statement(yaml.safe_dump(STATEMENT | changes), "statement.yaml").areas_below_need


def test_areas_with_less_than_is_needed_are_named():
    assert read() == [AREAS["supply_partners"], AREAS["suppliers_checks"]]
    assert read(assurance_needed="A3") == [AREAS[name] for name in list(AREAS)[:3]]


def test_who_agreed_and_when_is_read_as_people_write_it():
    written = yaml.safe_dump(STATEMENT) + "agreed: {by: the head of analysis, day: 2024-06-30}\n"
    agreed = parse_statement(written, "statement.yaml").agreed
    assert agreed is not None
    assert (agreed.by, agreed.day) == ("the head of analysis", dt.date(2024, 6, 30))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"assurance_needed": "A1"}, "of medium concern and high interest follows A2 or A3, not A1"),
        ({"assurance_needed": "A0"}, "follows A2 or A3, not A0"),
        ({"quality_concern": {"grade": "high", "because": "By hand."}}, "follows A3, not A2"),
        ({"kind": "rumour"}, "kind: Input should be"),
        ({"own_checks": {"assurance": "A2"}}, "own_checks.says: Field required"),
        ({"own_checks": {"assurance": "A2", "says": ""}}, "own_checks.says: String should have at least 1 character"),
        ({"risk": "low"}, "risk: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_names_file_and_place(changes: dict[str, object], words: str):
    with pytest.raises(DeclarationError, match=r"^statement\.yaml is to be mended: ") as caught:
        read(**changes)
    assert words in str(caught.value)


def test_a_source_without_a_statement_is_told():
    with pytest.raises(DeclarationError, match=r"sources/helpline/statement\.yaml is to be mended: there is no such"):
        load_statement("helpline")
