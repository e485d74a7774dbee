"""What errors are told as, and what is left out of them."""

from __future__ import annotations

import sqlalchemy as sa

from msoic_pipeline.running.error_words import first_line, may_be_told, tell_exception

DETAIL = "DETAIL:  Failing row contains (force_returns-1, E23000032, Domestic, 4711)."
CONTEXT = 'CONTEXT:  COPY fact_investigation, line 1: "force_returns-1,E23000032,Domestic,4711"'


def test_a_row_that_the_database_quotes_is_left_out():
    driver_words = f'null value in column "cell" violates a constraint\n{DETAIL}\n{CONTEXT}'
    told = tell_exception(sa.exc.IntegrityError("INSERT INTO fact_investigation", {}, Exception(driver_words)))
    assert 'null value in column "cell" violates a constraint' in told
    assert not any(words in told for words in ("DETAIL", "CONTEXT", "Domestic", "4711", "INSERT"))


def test_an_error_may_be_told_by_its_kind_whatever_its_words_say():
    class Odd(Exception):
        """Of no package that tells."""

    assert tell_exception(Odd("dagster.Error: 4711")) == "Odd"
    assert not may_be_told(Odd()) and not may_be_told(KeyError("OSError: 4711"))
    assert may_be_told(PermissionError(13, "no")) and may_be_told(sa.exc.NoSuchTableError("t"))


def test_the_first_line_of_an_error_is_the_drivers():
    cut = sa.exc.OperationalError("INSERT INTO t", {}, OSError("disk is full\nand more"))
    assert first_line(cut) == "OSError: disk is full"
    assert first_line("disk is full\n[SQL: …]") == "disk is full"
