"""The members that a total or a sum is of, written as one text: ``age_group=Adult (18 or over); decision=positive``.

``published_total.members`` is written so, and so is what a reconciliation names as its item; that the two are found by
each other depends on their being written alike, in Python and in SQL, so both stand here. The grand total is the empty
text. A member's own ``;`` becomes ``%3B`` and its ``%`` becomes ``%25``, so that a ``;`` always parts two members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

SEPARATOR = ";"
# In this order: the sign that escapes comes first.
ESCAPES = (("%", "%25"), (SEPARATOR, "%3B"))


def write_members(members: Mapping[str, str]) -> str:
    """Return members by column as one text.

    ``{"age_group": "A", "location": "B; C"}`` → ``age_group=A; location=B%3B C``. The order is kept, and counts: it is
    that of the fact's columns.
    """
    return f"{SEPARATOR} ".join(f"{name}={_escape(member)}" for name, member in members.items())


def _escape(member: str) -> str:
    for sign, code in ESCAPES:
        member = member.replace(sign, code)
    return member


def select_members(columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str]:
    """Return the expression that writes the members in ``columns`` as ``write_members`` does.

    A day is written ``2021-10-01``, and what is not given as nothing: ``force_code=``.
    """
    text: sa.ColumnElement[str] = sa.literal("")
    for position, column in enumerate(columns):
        member: sa.ColumnElement[str] = sa.func.coalesce(sa.cast(column, sa.String), "")
        for sign, code in ESCAPES:
            member = sa.func.replace(member, sign, code, type_=sa.String)
        before = f"{SEPARATOR} " if position else ""
        text = text + sa.literal(f"{before}{column.name}=") + member
    return text


def are_of_columns(members: sa.ColumnElement[str], names: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that ``members`` are of the columns named, of all of them and of no other.

    For ``["age_group", "decision"]``: that there is a text of the shape ``age_group=…; decision=…`` without a second
    ``;`` in it.
    """
    if not names:
        return members == ""
    shape = f"{SEPARATOR} ".join(f"{_quote_pattern(name)}=%" for name in names)
    one_more = "%" + f"{SEPARATOR}%" * len(names)
    return sa.and_(members.like(shape, escape="/"), members.not_like(one_more))


def _quote_pattern(name: str) -> str:
    """Return a column's name as a pattern of LIKE, in which an underscore would stand for any letter."""
    return name.replace("_", "/_")
