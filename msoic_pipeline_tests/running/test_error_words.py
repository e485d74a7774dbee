"""What errors are told as, and what is left out of them."""

from __future__ import annotations

import sqlalchemy as sa

from msoic_pipeline.running.error_words import tell_exception

DETAIL = "DETAIL:  Failing row contains (force_returns-1, E23000032, Domestic, 4711)."
CONTEXT = 'CONTEXT:  COPY fact_investigation, line 1: "force_returns-1,E23000032,Domestic,4711"'


def test_a_row_that_the_database_quotes_is_left_out():
    driver_words = f'null value in column "cell" violates a constraint\n{DETAIL}\n{CONTEXT}'
    told = tell_exception(sa.exc.IntegrityError("INSERT INTO fact_investigation", {}, Exception(driver_words)))
    assert 'null value in column "cell" violates a constraint' in told
    assert not any(words in told for words in ("DETAIL", "CONTEXT", "Domestic", "4711", "INSERT"))
