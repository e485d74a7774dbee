"""The one error that a file can raise: where, what was expected, what was found, what to do; and a declaration's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from pydantic import ValidationError

from msoic_pipeline.texts import printable

# Of what was expected, of what was found and of what to do so much is told.
LONGEST = 2_000


class DeclarationError(Exception):
    """A layout file or a file of faults that is not well formed: names the file, the place in it, and what is wrong."""


class DecisionError(Exception):
    """A decision about a release that cannot be made, with what stands in its way."""


def wrong_places(error: ValidationError) -> Iterator[tuple[list[int | str], str]]:
    """Yield each place in what was declared, and what is wrong there, without what stands there."""
    for fault in error.errors(include_url=False, include_input=False):
        yield list(fault["loc"]), fault["msg"].removeprefix("Value error, ")


@contextmanager
def declared_in(path: str) -> Iterator[None]:
    """Raise DeclarationError with ``path`` where what stands in that file cannot be read."""
    try:
        yield
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path} is to be mended: {error}") from error
    except ValidationError as error:
        words = "; ".join(
            ": ".join(filter(None, (".".join(map(str, place)), wrong))) for place, wrong in wrong_places(error)
        )
        raise DeclarationError(f"{path} is to be mended: {words}") from error


class SourceFileError(Exception):
    """A file that cannot be loaded.

    ``rule`` names the kind of fault; ``file``, ``sheet`` and ``cell`` say where it stands (as far as it has a place);
    ``expected``, ``found`` and ``remedy`` say the rest in words.
    """

    def __init__(
        self, rule: str, *, file: str, expected: str, found: str, remedy: str, sheet: str = "", cell: str = ""
    ) -> None:
        super().__init__(rule)
        self.rule = rule
        self.file = file
        self.sheet = sheet
        self.cell = cell
        self.expected = expected
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        sheet = f", sheet {self.sheet!r}" if self.sheet else ""
        cell = f", cell {self.cell}" if self.cell else ""
        expected, found, remedy = (_shortened(words) for words in (self.expected, self.found, self.remedy))
        return printable(f"{self.file}{sheet}{cell}: expected {expected}; found {found}. {remedy}")

    def fields(self) -> dict[str, str]:
        """Return all that it says, from which ``SourceFileError(**fields)`` makes it again."""
        names = ("rule", "file", "sheet", "cell", "expected", "found", "remedy")
        return {name: getattr(self, name) for name in names}

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.fields(),)


def _shortened(words: str) -> str:
    """Return words in a line; what a bad file lets us say of it is bounded, too."""
    line = " ".join(words[:LONGEST].split())
    return line if len(words) <= LONGEST else f"{line}…"


def _remade(fields: dict[str, str]) -> SourceFileError:
    return SourceFileError(**fields)
