"""Member files are read strictly, and an unknown spelling is answered with the member that it most likely means."""

from __future__ import annotations

import pytest

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.model import members
from msoic_pipeline.model.geography import POLICE_FORCES
from msoic_pipeline.model.members import find_nearest_members, parse_members, read_rows, resolve
from msoic_pipeline.model.members import spellings as spellings_module
from msoic_pipeline.model.members.spellings import SHARED_WORDS
from msoic_pipeline.texts import fold


def test_a_comma_without_quotes_is_named():
    text = "force_code,name,variants\nE1,One,\nE2,Two,London, City of\n"
    with pytest.raises(
        DeclarationError, match=r"forces\.csv is to be mended: line 3: expected 3 fields .* found 4"
    ) as error:
        parse_members(text, "forces.csv")
    assert "double quotes" in str(error.value)


def test_a_comma_within_quotes_is_part_of_the_text():
    (row,) = parse_members('force_code,name\nE2,"London, City of"\n', "forces.csv")
    assert row["name"] == "London, City of"


@pytest.mark.parametrize("text", ['code,name\nE1,"open\n', "code,name\nE1\n", 'code,name\nE1,"a"b\n'])
def test_what_is_not_well_formed_is_named_with_its_line(text: str):
    with pytest.raises(DeclarationError, match="is to be mended: line 2"):
        parse_members(text, "forces.csv")


@pytest.mark.parametrize(
    "file_name", sorted({name for name, _ in members.list_member_files().values()} | {"activities.csv"})
)
def test_every_file_of_members_is_well_formed(file_name: str):
    assert read_rows(file_name)


def _other_spellings() -> list[tuple[str, str]]:
    """Each spelling of a police force that shares a distinctive word with another of its spellings, with the force."""
    cases = []
    for row in (row for row in read_rows("forces.csv") if row["kind"] in POLICE_FORCES):
        spellings = [row["name"], *filter(None, row["variants"].split("|"))]
        for spelling in spellings:
            rest = {word for other in spellings if other != spelling for word in fold(other).split()}
            words = set(fold(spelling).replace(",", " ").split()) - SHARED_WORDS
            if words & rest:
                cases.append((spelling, row["force_code"]))
    return cases


@pytest.mark.parametrize(("spelling", "code"), _other_spellings())
def test_a_force_under_another_name_is_the_first_that_is_suggested(
    spelling: str, code: str, monkeypatch: pytest.MonkeyPatch
):
    known = {text: its for text, its in spellings_module._spellings("force").items() if text != fold(spelling)}
    monkeypatch.setattr(spellings_module, "_spellings", lambda dimension: known)
    assert find_nearest_members("force", fold(spelling))[0] == code


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Hampshire & Isle of Wight Police", "Hampshire"),
        ("City of London Constabulary", "London, City of"),
        ("Police, Avon and Somerset", "Avon and Somerset"),
        ("The Metropolitan Police", "Metropolitan Police"),
        ("West Midland Police", "West Midlands"),
        ("Dyfed-Powys Heddlu", "Dyfed-Powys"),
        ("Bedfordshire Constabulary", "Bedfordshire"),
        ("Humberside Constabulary", "Humberside"),
        ("Yorkshire, South", "South Yorkshire"),
    ],
)
def test_a_renamed_force_is_suggested_first(spelling: str, name: str):
    assert find_nearest_members("force", fold(spelling))[0] == resolve("force", name)


def test_what_means_nothing_has_no_suggestion():
    assert find_nearest_members("force", "xxxxxxxx qqqqq") == []
