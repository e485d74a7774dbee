"""The one error that a file can raise: where, what was expected, what was found, what to do."""

from __future__ import annotations

from typing import Any

from msoic_pipeline.texts import printable

# Of what was expected, of what was found and of what to do, each, so many characters are told.
MAX_TOLD = 2_000


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
        expected, found, remedy = (_bound_text(text) for text in (self.expected, self.found, self.remedy))
        return printable(f"{self.file}{sheet}{cell}: expected {expected}; found {found}. {remedy}")

    def fields(self) -> dict[str, str]:
        """Return all that it says, from which ``SourceFileError(**fields)`` makes it again."""
        names = ("rule", "file", "sheet", "cell", "expected", "found", "remedy")
        return {name: getattr(self, name) for name in names}

    def __reduce__(self) -> tuple[Any, ...]:
        # Without this a copy, or one that a worker process sends back, would lose all but the rule.
        return _make_from_fields, (self.fields(),)


def _bound_text(text: str) -> str:
    """Return a text as one line; what a bad file lets us say of it is bounded, too."""
    line = " ".join(text[:MAX_TOLD].split())
    return line if len(text) <= MAX_TOLD else f"{line}…"


def _make_from_fields(fields: dict[str, str]) -> SourceFileError:
    return SourceFileError(**fields)
