"""What people declare in YAML – layouts, known faults, KPIs, rules, claims – and how strictly it is read.

A name that nothing knows is an error and not passed over, since it may be a misspelt one. Errors name the file and the
place in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class DeclarationError(Exception):
    """A file of declarations that is not well formed: names the file, the place in it, and what is wrong there."""

    @classmethod
    def of(cls, path: str, wrong: object) -> DeclarationError:
        """Return the error that something is ``wrong`` in the file at ``path``."""
        return cls(f"{path} is to be mended: {wrong}")


class Declaration(BaseModel):
    """One thing that is declared: it has the fields of its class and no others, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def wrong_places(error: ValidationError) -> Iterator[tuple[list[int | str], str]]:
    """Yield each place in what was declared, and what is wrong there, without what stands there.

    For example ``(["tables", 0, "layouts", 1, "sheet"], "Field required")`` of a layout that names no sheet.
    """
    for problem in error.errors(include_url=False, include_input=False):
        yield list(problem["loc"]), problem["msg"].removeprefix("Value error, ")


@contextmanager
def declared_in(path: str) -> Iterator[None]:
    """Raise DeclarationError with ``path`` where what stands in that file cannot be read."""
    try:
        yield
    except yaml.YAMLError as error:
        raise DeclarationError.of(path, error) from error
    except ValidationError as error:
        problems = []
        for place, wrong in wrong_places(error):
            place_text = ".".join(map(str, place))
            problems.append(f"{place_text}: {wrong}" if place_text else wrong)
        raise DeclarationError.of(path, "; ".join(problems)) from error
