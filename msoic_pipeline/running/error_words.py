"""Errors in words, for logs, tables and terminals: in a line each, and without what may quote a cell.

The words of our own errors withhold what is sensitive; those of the database, of the operating system and of Dagster
say nothing of what stands in a file. Of any other error its kind alone is told.
"""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

from msoic_pipeline.running.dagster_internals import list_record_tables
from msoic_pipeline.texts import printable

if TYPE_CHECKING:
    from msoic_pipeline.running.dagster_internals import RecordedError

# Whose errors may be told in full: those of these packages, and Python's own of the operating system.
_TELLING_PACKAGES = frozenset({"msoic_pipeline", "sqlalchemy", "dagster"})
_OS_ERRORS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, OSError)
)

# What PostgreSQL adds to an error, each on lines of its own; what follows such a line belongs to it.
_ADDED_BY_DATABASE = re.compile(r"\n\s*(?:DETAIL|CONTEXT|QUERY|STATEMENT):")


def tell_exception(error: BaseException) -> str:
    """Return an error in a line, such as ``msoic_pipeline.….SourceFileError: nrm/a.ods: …``, or its kind alone."""
    return _tell_error(type(error).__name__, f"{_name_kind(error)}: {error}")


def may_be_told(error: BaseException) -> bool:
    """Return whether an error may be told in full, by its kind."""
    return _is_telling(_name_kind(error))


def tell_recorded_error(error: RecordedError | None) -> str:
    """Return an error that Dagster recorded, in the same way: what was raised within, not Dagster's wrapping of it."""
    if error is None:
        return "failed"
    within = find_error_within(error)
    return _tell_error(str(within.cls_name), within.message)


def find_error_within(error: RecordedError) -> RecordedError:
    """Return what was raised within an error that Dagster wrapped, perhaps several times; else the error itself."""
    while error.cause and error.message.startswith("dagster"):
        error = error.cause
    return error


def first_line(cause: BaseException | str) -> str:
    """Return the first line of an error's words after its kind; of words alone their first line.

    Of an error of SQLAlchemy it is that of the driver's own, which ``orig`` has: ``OperationalError: disk is full``.
    """
    inner = getattr(cause, "orig", None) or cause
    words = str(inner).strip().partition("\n")[0]
    return words if isinstance(inner, str) else f"{type(inner).__name__}: {words}"


def is_about_records(words: str) -> bool:
    """Return whether an error's words are about a statement on Dagster's own records rather than on the warehouse."""
    return any(
        list_record_tables() & set(re.findall(r"\w+", statement)) for statement in re.findall(r"\[SQL: (.*)", words)
    )


def _name_kind(error: BaseException) -> str:
    """Return the whole name of an error's kind: ``sqlalchemy.exc.IntegrityError``; of Python's own without a module."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _is_telling(kind: str) -> bool:
    """Return whether errors of a kind may be told in full, by the whole name of it."""
    return kind in _OS_ERRORS or kind.partition(".")[0] in _TELLING_PACKAGES


def _tell_error(kind: str, words: str) -> str:
    """Return an error in a line, of which ``words`` begin with the whole name of its kind; or the ``kind`` alone."""
    if not _is_telling(words.partition(":")[0].strip()):
        return kind
    return printable(" ".join(_withhold_rows(words).split()))


def _withhold_rows(words: str) -> str:
    """Return an error's words without what SQLAlchemy or the database adds to them, which may quote a row.

    The statement goes, of which the driver's own error is enough; and PostgreSQL's ``DETAIL: Failing row contains (…)``
    and ``CONTEXT: COPY …, line 1: "…"``, which may be a row of a force's return.
    """
    words = words.partition("\n[SQL")[0]
    return _ADDED_BY_DATABASE.split(words, maxsplit=1)[0]
