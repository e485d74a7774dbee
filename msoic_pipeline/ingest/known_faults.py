"""Publishers' known faults: declared, reviewed, and each with what is done about it.

``sources/<source>/faults.yaml`` says what the fault is, in which release and where, how it is treated and why. The same
fault undeclared is an error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import field_validator, model_validator

from msoic_pipeline.declarations import Declaration, DeclarationError, parse_list
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.periods import find_today, parse_period
from msoic_pipeline.texts import clean
from msoic_pipeline.workbooks.addresses import from_a1
from msoic_pipeline.workbooks.body import CellReplacement
from msoic_pipeline.workbooks.source import load_source


class Fault(Declaration):
    """One known fault.

    ``treatment``: *replace* reads ``replacement`` where ``found`` stands in ``cell``; *leave_out* leaves rows that
    break ``rule`` in quarantine and loads the rest; *accept* loads figures that fail the check ``rule``, which is
    ``total_differs``, ``rate_differs``, ``other_label``, one of ``expectations.CHECK_NAME_BY_RULE`` or that of one of
    ``row_checks.ROW_CHECKS``. A fault holds for the releases of ``reference_period`` (and ``edition``, where given),
    until it ``expires``. Where ``sheet`` or ``cell`` is left out it covers every one.

    For example, the row of 2023-Q1 in a table of the Home Office says 2022, so that 2022-Q1 would be there twice::

        - fault: nrm-2023q1-year
          reference_period: 2023-Q1
          edition: 1
          sheet: Table_2
          cell: A63
          found: '2022'
          treatment: replace
          replacement: 2023
          …
    """

    fault: str
    reference_period: str
    edition: int | None = None
    published_on: dt.date | None = None
    rule: str = ""
    sheet: str = ""
    cell: str = ""
    found: str = ""
    treatment: Literal["replace", "leave_out", "accept"]
    replacement: Any = None
    reason: str
    reviewed_by: str
    reviewed_on: dt.date
    expires: dt.date

    @field_validator("cell")
    @classmethod
    def _check_address(cls, cell: str) -> str:
        if cell:
            from_a1(cell)
        return cell

    @field_validator("reference_period")
    @classmethod
    def _check_period(cls, period: str) -> str:
        parse_period(period)
        return period

    @model_validator(mode="after")
    def _check_fields_of_treatment(self) -> Fault:
        if self.treatment == "replace" and not (self.sheet and self.cell and self.found):
            raise ValueError("to replace takes sheet, cell, and the text found there")
        if self.treatment != "replace" and (self.found or self.replacement is not None):
            raise ValueError(f"found and replacement are of a replacement, not of {self.treatment}")
        if self.treatment != "replace" and not self.rule:
            raise ValueError(f"{self.treatment} takes the rule that is broken, as quarantine names it")
        return self

    def concerns(self, release: Release) -> bool:
        """Return whether the fault was declared for ``release``, and has not expired."""
        return (
            self.reference_period == release.reference_period
            and self.edition in (None, release.edition)
            and self.published_on in (None, release.published_on)
            and self.expires >= find_today()
        )

    def covers(self, rule: str, sheet: str, cell: str) -> bool:
        """Return whether the fault declares that ``rule`` is broken at a place."""
        return self.rule == rule and self.sheet in ("", sheet) and self.cell in ("", cell)

    def cell_replacement(self) -> CellReplacement:
        """Return what a fault with the treatment *replace* asks for."""
        return CellReplacement(self.fault, self.sheet, self.cell, clean(self.found), self.replacement)


def find_accepting(faults: Sequence[Fault], rule: str, sheet: str, cell: str) -> str:
    """Return the name of the fault that accepts that ``rule`` is broken at a place; empty where none does."""
    for fault in faults:
        if fault.treatment == "accept" and fault.covers(rule, sheet, cell):
            return fault.fault
    return ""


def read_faults_text(source: str) -> str:
    """Return the text of a source's file of faults; empty where it has none."""
    path = files("msoic_pipeline.sources").joinpath(source).joinpath("faults.yaml")
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def load_faults(source: str) -> tuple[Fault, ...]:
    """Return the known faults of a source. Raises DeclarationError where its file is not well formed."""
    path = f"msoic_pipeline/sources/{source}/faults.yaml"
    faults = parse_list(read_faults_text(source), Fault, path, "fault")
    # Editions that are counted change with what comes in.
    if load_source(source).counts_editions and any(fault.edition for fault in faults):
        raise DeclarationError.of(path, f"editions of {source} are counted; give published_on instead")
    return faults


def list_faults_of(release: Release) -> tuple[Fault, ...]:
    """Return the faults that are declared for a release."""
    return tuple(fault for fault in load_faults(release.source) if fault.concerns(release))
