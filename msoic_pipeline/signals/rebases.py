"""Days from which on a KPI's figures do not compare with those before, as ``rebases.yaml`` declares them."""

from __future__ import annotations

import datetime as dt
import hashlib
from functools import cache
from importlib.resources import files

from pydantic import Field, field_validator

from msoic_pipeline.declarations import Declaration, parse_list
from msoic_pipeline.kpis.definitions import load_definitions

FILE = "msoic_pipeline/signals/rebases.yaml"


class Rebase(Declaration):
    """A break in what a KPI's figures are of: the day from which they are of something else, and why."""

    kpi_id: str
    day: dt.date = Field(alias="from")
    reason: str = Field(min_length=1)

    @field_validator("kpi_id")
    @classmethod
    def _known(cls, kpi_id: str) -> str:
        if kpi_id not in {kpi.kpi_id for kpi in load_definitions()}:
            raise ValueError(f"there is no KPI {kpi_id!r}")
        return kpi_id


def parse_rebases(text: str) -> tuple[Rebase, ...]:
    """Return the rebases that a text declares, earliest first. Raises DeclarationError."""
    rebases = parse_list(text, Rebase, FILE, "kpi_id", is_unique=False)
    return tuple(sorted(rebases, key=lambda rebase: rebase.day))


@cache
def load_rebases() -> tuple[Rebase, ...]:
    """Return the rebases of ``rebases.yaml``, earliest first. Raises DeclarationError."""
    return parse_rebases(_rebases_text())


def digest_rebases() -> str:
    """Return a digest of what is declared."""
    return hashlib.sha256(_rebases_text().encode()).hexdigest()


def _rebases_text() -> str:
    return files(__package__).joinpath("rebases.yaml").read_text(encoding="utf-8")
