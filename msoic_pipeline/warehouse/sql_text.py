"""Statements as text that runs as it is, for people to read and to take apart."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable, DropTable

from msoic_pipeline.warehouse.engine import SCHEMA

Statement = sa.Executable | CreateTable | DropTable


def write_statement(statement: Statement, dialect: Dialect) -> str:
    """Return a statement in an engine's words, with its values in it, without a semicolon."""
    compilable: Any = statement
    text = str(compilable.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).strip()
    return text.replace("%%", "%") if has_percent_doubled(dialect) else text


def has_percent_doubled(dialect: Dialect) -> bool:
    """Return whether an engine's driver is handed ``%%`` for every ``%``: it takes a single one for a parameter."""
    return dialect.paramstyle in ("format", "pyformat")


def write_beginning(title: str, dialect: Dialect) -> list[str]:
    """Return the first parts of a script: its title, and on PostgreSQL where the warehouse's tables are looked for."""
    if dialect.name == "postgresql":
        return [f"-- {title}", f"SET search_path TO {SCHEMA}, public;"]
    return [f"-- {title}"]
