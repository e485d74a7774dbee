"""A query broken into lines, as SQLAlchemy does not: it writes the columns of a list behind each other.

The text is read token by token; how deep in brackets it stands, and whether a list of columns has begun there, says
which comma ends a line. Of ``SELECT a.x AS x, sum(a.y, 2) AS y``, a line break and ``FROM a``:

    token        depth  in the list  written
    SELECT       0      no           SELECT          (a list begins at depth 0)
    a.x AS x     0      yes          a.x             (a column under its own name)
    ', '         0      yes          ',' and a line break
    sum, (       0      yes          sum(            (depth 1 from here)
    ', '         1      no           ', '            (a comma of the function's)
    )            1      no           )               (depth 0 from here)
    FROM         0      yes          FROM            (the list ends)
"""

from __future__ import annotations

import re

# A text in quotes, a column under its own name, a clause, a word, or any one sign.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'"
    r"|\w+\.\w+ AS \w+\b"
    r"|\s(?:LEFT OUTER JOIN|JOIN|WHERE|GROUP BY|HAVING|UNION ALL|WHEN|ELSE)\s"
    r"|\w+|, |.",
    re.DOTALL,
)


def break_query_into_lines(text: str) -> str:
    """Return a query with its columns and clauses on lines of their own; texts in quotes stay as they are.

    ``SELECT a.x AS x, a.y AS z FROM a JOIN b ON …`` → four lines: ``SELECT a.x,``, ``a.y AS z``, ``FROM a``, ``JOIN b
    ON …``.
    """
    lines = [""]
    depth = 0
    depths_of_lists: list[int] = []  # how deep in brackets the lists of columns are that have begun
    for token in _TOKEN.findall(text):
        is_in_list = depths_of_lists[-1:] == [depth]
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            depths_of_lists = [deep for deep in depths_of_lists if deep <= depth]
        elif token == "SELECT":
            depths_of_lists.append(depth)
        elif token == "FROM" and is_in_list:
            depths_of_lists.pop()
        written = _write_token(token, is_in_list)
        # What breaks a line within quotes is of the text.
        first, *others = [written] if token.startswith("'") else written.split("\n")
        lines[-1] += first
        lines += others
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _write_token(token: str, is_in_list: bool) -> str:
    if token == ", ":
        return ",\n    " if is_in_list else token
    clause = token.strip() if token[0].isspace() else ""
    if clause in ("WHEN", "ELSE"):
        return f"\n        {clause} " if is_in_list else token
    if clause == "UNION ALL":
        return "\nUNION ALL\n"
    if clause:
        return f"\n{'    ' if clause.endswith('JOIN') else ''}{clause} "
    column, _, name = token.partition(" AS ")
    if name and not token.startswith("'") and column.partition(".")[2] == name:
        return column
    return token
