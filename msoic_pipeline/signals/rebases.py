"""Days from which on a KPI's figures do not compare with those before, as ``rebases.yaml`` declares them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from functools import cache
from importlib.resources import files

from pydantic import Field, field_validator

from msoic_pipeline.declarations import Declaration, DeclarationError, parse_list
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.periods import period_label, period_start

FILE = "msoic_pipeline/signals/rebases.yaml"


class Rebase(Declaration):
    """A break in what the figures of KPIs are of: the day from which they are of something else, and why."""

    kpis: tuple[str, ...] = Field(min_length=1)
    day: dt.date = Field(alias="from")
    reason: str = Field(min_length=1)

    @field_validator("kpis")
    @classmethod
    def _known(cls, kpis: tuple[str, ...]) -> tuple[str, ...]:
        known = {kpi.kpi_id for kpi in load_definitions()}
        for kpi_id in kpis:
            if kpi_id not in known:
                raise ValueError(f"there is no KPI {kpi_id!r}")
        return kpis


def parse_rebases(text: str) -> tuple[Rebase, ...]:
    """Return the rebases that a text declares, earliest first.

    Raises DeclarationError, also where a KPI has two in one quarter, of which its series could show but one.
    """
    rebases = parse_list(text, Rebase, FILE, "from", is_unique=False)
    quarters = Counter((kpi_id, period_start("quarter", rebase.day)) for rebase in rebases for kpi_id in rebase.kpis)
    for (kpi_id, start), times in quarters.items():
        if times > 1:
            raise DeclarationError.of(FILE, f"{kpi_id} has {times} in {period_label('quarter', start)}: declare one")
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
