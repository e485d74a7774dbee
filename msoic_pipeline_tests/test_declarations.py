"""What people declare is read strictly, and what is wrong in it is told by file and place."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from msoic_pipeline.declarations import Declaration, DeclarationError, declared_in, read_yaml, wrong_places
from msoic_pipeline.workbooks.source import Source, read_layout_text


class Meal(Declaration):
    dishes: tuple[Dish, ...] = ()


class Dish(Declaration):
    name: str


def test_a_name_that_nothing_knows_is_an_error():
    with pytest.raises(ValidationError) as caught:
        Meal.model_validate({"dishes": [{"name": "Soup"}, {"nmae": "Fish"}]})
    places = {".".join(map(str, place)): wrong for place, wrong in wrong_places(caught.value)}
    assert places == {"dishes.1.name": "Field required", "dishes.1.nmae": "Extra inputs are not permitted"}


@pytest.mark.parametrize(("text", "words"), [("dishes: [{}]", "dishes.0.name: Field required"), ("dishes: [", "line")])
def test_what_cannot_be_read_names_its_file(text: str, words: str):
    with pytest.raises(DeclarationError, match=r"^meals\.yaml is to be mended: ") as caught, declared_in("meals.yaml"):
        Meal.model_validate(yaml.safe_load(text))
    assert words in str(caught.value)


def _broken_layouts(find: str, write: str) -> str:
    """What is said of the layouts of small boats where a word of them is another."""
    text = read_layout_text("small_boats")
    assert find in text
    with pytest.raises(DeclarationError) as caught, declared_in("layouts.yaml"):
        Source.model_validate(yaml.safe_load(text.replace(find, write, 1)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("find", "write", "place", "words"),
    [
        ("parse: date}", "parse: datum}", "tables.0.layouts.0.columns.0.parse", "no parser is called 'datum'"),
        ("parse: date}", "parse: force.nope}", "tables.0.layouts.0.columns.0.parse", "no parser is called"),
        ("fact: fact_small", "fact: fact_smal", "tables.0.fact", "no fact table is called"),
        ("period: {day: day}", "period: {date: day}", "tables.0.layouts.0.period", "Extra inputs"),
        ("period: {day: day}", "period: {day: day, month: day}", "tables.0.layouts.0.period", "give exactly one of"),
        ("period: {day: day}", "period: {day: dya}", "tables.0.layouts.0", "period: no column dya"),
        ("period: {day: day}", "period: {day: day}\n        sparse: [dya]", "tables.0.layouts.0", "sparse: no label"),
        ("constants:", "known_rows: nope.csv\n    constants:", "tables.0.known_rows", "no dimension has the file"),
        ("unavailable:", "stamps: {published: {label: Out, parse: date}}\nunavailable:", "stamps", "'published_on'"),
    ],
)
def test_a_wrong_word_in_a_layout_names_its_place(find: str, write: str, place: str, words: str):
    said = _broken_layouts(find, write)
    assert "layouts.yaml is to be mended: " in said and place in said and words in said


def test_two_equal_keys_are_refused_and_a_merged_one_may_be_said_anew():
    with pytest.raises(yaml.YAMLError, match=r"'where' stands there twice\s+in .*line 3"):
        read_yaml("kpi_id: a\nwhere: {stage: referral}\nwhere: {age: child}\n")
    assert read_yaml("- &base {a: 1, b: 2}\n- {<<: *base, b: 3}\n")[1] == {"a": 1, "b": 3}
