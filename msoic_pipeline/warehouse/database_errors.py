"""What is the matter where the database raises an error, in a line for people, without values or passwords."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

BUSY = "The warehouse is busy: another program is writing to it. Wait until that is done, and try again."
EMPTY = "The warehouse has no tables yet, or not all: `make run` makes and fills it."
OTHER_VERSION = "The tables of the warehouse are of another version: msoic run brings them up to date."

# What the codes of an error mean: SQLSTATE on PostgreSQL, the names of SQLite's on SQLite.
_BUSY = frozenset({"55P03", "57014", "40P01", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"})
_NO_TABLE, _NO_COLUMN = frozenset({"42P01", "3F000"}), frozenset({"42703"})
_NOT_ALLOWED = frozenset({"42501", "25006", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"})
_UNREADABLE = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})


def tell_database_error(error: Exception) -> str:
    """Return what is the matter with the warehouse, and what to do, in a line; ``error`` is one of SQLAlchemy's.

    A lock that another program holds, tables that are not there, and a server that does not let one in are told apart:
    the first passes, the second a run mends, and the third is for the settings.
    """
    driver: Any = getattr(error, "orig", None)
    code = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None) or ""
    words = _shorten_words(driver or error)
    if code in _BUSY:
        return BUSY
    if code in _NO_TABLE or words.startswith("no such table"):
        return EMPTY
    if code in _NO_COLUMN or words.startswith("no such column"):
        return OTHER_VERSION
    if code in _NOT_ALLOWED:
        return f"The warehouse does not allow it: {words}."
    if code in _UNREADABLE:
        return f"The file of the warehouse cannot be read as a database: {words}. Restore its backup."
    if isinstance(error, sa.exc.OperationalError) and (not code or code.startswith("SQLITE_CANTOPEN")):
        return f"The warehouse cannot be reached: {words}. MSOIC_WAREHOUSE_URL says where it is."
    return f"The warehouse cannot be read: {words}."


def _shorten_words(error: Exception) -> str:
    """Return the first line of an error's words: what the database adds to it may quote a row."""
    return re.sub(r"\s+", " ", str(error).strip().partition("\n")[0]).rstrip(".")
