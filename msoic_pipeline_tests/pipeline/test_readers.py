"""What people ask of the warehouse, as docs/bi.md writes it, on either engine."""

from __future__ import annotations

import re

import sqlalchemy as sa

from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline_tests.conftest import REPOSITORY

# What the cut of the sample has no answer to: it has no year before its own, and no KPI has a target that is missed.
WITHOUT_ANSWER = {3, 10}


def _read_questions() -> dict[int, str]:
    text = (REPOSITORY / "docs" / "bi.md").read_text()
    block = text.split("## Ten questions, one view")[1].split("```sql")[1].split("```")[0]
    questions = {}
    for part in re.split(r"^-- (?=\d+\.)", block, flags=re.M)[1:]:
        heading, _, query = part.partition("\n")
        questions[int(heading.split(".")[0])] = query.strip().rstrip(";")
    return questions


def test_ten_questions_have_answers(loaded_url: str):
    questions = _read_questions()
    assert list(questions) == list(range(1, 11))
    engine = open_engine(loaded_url)
    with read_transaction(engine) as connection:
        answers = {number: connection.execute(sa.text(query)).all() for number, query in questions.items()}
    engine.dispose()
    assert {number for number, rows in answers.items() if not rows} <= WITHOUT_ANSWER


def test_every_value_stands_there_once_with_its_words(loaded_url: str):
    engine = open_engine(loaded_url)
    with read_transaction(engine) as connection:
        readers = connection.execute(sa.text("SELECT * FROM kpi_for_readers")).mappings().all()
        current = connection.execute(sa.text("SELECT * FROM current_kpi_value")).mappings().all()
    engine.dispose()
    shared = [name for name in current[0] if name in readers[0]]
    assert {"kpi_id", "value", "period_start", "geography_code", "status", "is_synthetic"} <= set(shared)

    def texts(rows):
        return sorted(tuple(str(row[name]) for name in shared) for row in rows)

    assert texts(readers) == texts(current)
    for row in readers:
        assert row["geography_name"] == name_geography(row["geography_kind"], row["geography_code"])
        assert row["marker"] == {"complete": "", "incomplete": "[i]", "not computable": "[x]"}[row["status"]]
        if row["status"] == "incomplete":
            told = f"{row['parts_received']} of {row['parts_expected']} reports that are due"
            assert row["status_in_words"].startswith(told)
