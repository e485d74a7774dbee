"""What people declare is read strictly, and what is wrong in it is told by file and place."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from msoic_pipeline.declarations import Declaration, DeclarationError, declared_in, wrong_places


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
