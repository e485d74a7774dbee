"""What is declared of tables and columns is a record: a word that it does not know, or another kind of table, is an
error.
"""

from __future__ import annotations

import pytest

from msoic_pipeline.model.columns import count
from msoic_pipeline.model.dimensions import dim_force
from msoic_pipeline.model.facts import FACTS, fact_crime_outcome
from msoic_pipeline.model.traits import traits_of_dimension, traits_of_fact


def test_an_unknown_word_of_a_column_is_an_error():
    with pytest.raises(TypeError):
        count("people", "People.", "people", maximun=3)


def test_a_table_is_asked_for_what_its_kind_has():
    assert traits_of_dimension(dim_force).members_file == "forces.csv"
    assert traits_of_fact(fact_crime_outcome).cell_columns == {"outcomes_closed": "closed_cell"}
    with pytest.raises(TypeError, match="dim_force is no fact"):
        traits_of_fact(dim_force)
    with pytest.raises(TypeError, match="fact_crime_outcome is no dimension"):
        traits_of_dimension(fact_crime_outcome)


def test_measures_and_their_cells_are_columns_of_the_fact():
    for fact in FACTS.values():
        traits = traits_of_fact(fact)
        assert traits.measures
        assert {*traits.measures, *traits.cell_columns, *traits.cell_columns.values()} <= set(fact.columns.keys())
