"""The larger and the smaller of two figures, which engines call by different names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class LargerOf(FunctionElement[Any]):
    """The larger of figures, none of which is missing: ``greatest(a, b)``; in SQLite ``max(a, b)``."""

    type = sa.Double()
    inherit_cache = True


class SmallerOf(FunctionElement[Any]):
    """The smaller of figures, none of which is missing: ``least(a, b)``; in SQLite ``min(a, b)``."""

    type = sa.Double()
    inherit_cache = True


@compiles(LargerOf)
def _write_larger(element: LargerOf, compiler: SQLCompiler, **options: Any) -> str:
    name = "max" if compiler.dialect.name == "sqlite" else "greatest"
    return f"{name}({compiler.process(element.clauses, **options)})"


@compiles(SmallerOf)
def _write_smaller(element: SmallerOf, compiler: SQLCompiler, **options: Any) -> str:
    name = "min" if compiler.dialect.name == "sqlite" else "least"
    return f"{name}({compiler.process(element.clauses, **options)})"
