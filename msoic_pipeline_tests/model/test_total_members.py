"""Members are written alike in Python and in SQL, whatever they hold, and found by their columns."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.model.total_members import are_of_columns, select_members, write_members

ENGINE = sa.create_engine("sqlite://")
TEXTS = st.text(st.sampled_from("ab;% =3B5"), max_size=8)


def test_members_are_written_as_people_read_them():
    assert write_members({}) == ""
    assert write_members({"age_group": "Adult", "decision": "positive"}) == "age_group=Adult; decision=positive"
    assert write_members({"location": "at sea; overseas, 5%"}) == "location=at sea%3B overseas, 5%25"


@given(TEXTS, TEXTS)
def test_sql_writes_members_as_python_does(age_group: str, decision: str):
    row = sa.select(sa.literal(age_group).label("age_group"), sa.literal(decision).label("decision")).subquery()
    with ENGINE.connect() as connection:
        written = connection.scalar(sa.select(select_members([row.c.age_group, row.c.decision])))
    assert written == write_members({"age_group": age_group, "decision": decision})


@given(st.dictionaries(st.sampled_from(["age_group", "decision", "agexgroup"]), TEXTS))
@pytest.mark.parametrize("names", [[], ["age_group"], ["age_group", "decision"]])
def test_members_are_found_by_their_columns(names: list[str], members: dict[str, str]):
    condition = are_of_columns(sa.literal(write_members(members)), names)
    with ENGINE.connect() as connection:
        assert connection.scalar(sa.select(condition)) == (list(members) == names)
