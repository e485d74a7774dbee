"""The one error that a file can raise: where, what was expected, what was found, what to do."""

from __future__ import annotations


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
        return f"{self.file}{sheet}{cell}: expected {self.expected}; found {self.found}. {self.remedy}"
