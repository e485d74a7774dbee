"""The table ``kpi_signal``: every series of KPI values as known today, beside its limits."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.kpis.compute import STAGE as KPI_STAGE
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.signals.growing import find_growing_quarters, holds_growing_quarter
from msoic_pipeline.signals.rebases import digest_rebases, load_rebases
from msoic_pipeline.signals.series import JudgedFigure, judge_series, name_assurance, name_variation
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import digest_stage, read_whole_fingerprint, write_whole_fingerprint
from msoic_pipeline.warehouse.rows import replace_rows

STAGE = "signals"
# Years are too few for limits.
PERIOD_KINDS = ("month", "quarter")


@dataclass(frozen=True)
class FigureSignal:
    """A value of a series beside its limits, and what it tells: a row of ``kpi_signal``."""

    known: KnownValue
    judged: JudgedFigure
    variation: str
    assurance: str

    def as_row(self) -> dict[str, Any]:
        """Return the row of the table."""
        known, judged = self.known, self.judged
        signal = judged.signal
        return {
            "kpi_id": known.kpi_id,
            "period_kind": known.period_kind,
            "period_start": known.period_start,
            "geography_kind": known.geography_kind,
            "geography_code": known.geography_code,
            "value": judged.value,
            "mean": judged.limits.mean,
            "lower_limit": judged.limits.lower,
            "upper_limit": judged.limits.upper,
            "limits_from": judged.phase.first,
            "rebase_reason": judged.phase.reason,
            "figures": judged.figure_count,
            "rule": signal.rule if signal else "none",
            "is_high": signal is not None and signal.side == "high",
            "variation": self.variation,
            "assurance": self.assurance,
        }


def compute_signals(engine: Engine) -> int | None:
    """Bring ``kpi_signal`` up to date; return its rows, or None where nothing that goes in has changed."""
    with read_transaction(engine) as connection:
        digest = _digest(connection)
        if read_whole_fingerprint(connection, STAGE) == digest:
            return None
        rows = [signal.as_row() for signal in find_all_signals(connection)]
    with write_transaction(engine) as connection:
        replace_rows(connection, kpi_signal, sa.true(), make_arrow_rows(kpi_signal, rows))
        write_whole_fingerprint(connection, STAGE, digest)
    return len(rows)


def _digest(connection: Connection) -> str:
    parts = (digest_stage(connection, KPI_STAGE), digest_rebases(), digest_code("msoic_pipeline.signals.compute"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_all_signals(connection: Connection) -> Iterator[FigureSignal]:
    """Yield the figures of all series of all KPIs as known today, in order of KPI and series."""
    growing = find_growing_quarters(connection)
    for kpi in load_definitions():
        values = find_known_values(connection, kpi.kpi_id)
        yield from find_signals_of_kpi(kpi, values, growing.get(kpi.kpi_id, set()))


def find_signals_of_kpi(
    kpi: Kpi, values: Sequence[KnownValue], growing_quarters: set[dt.date]
) -> Iterator[FigureSignal]:
    """Yield the signals of a KPI's values, of its months and quarters in each geography, in order of time.

    What is incomplete, missing or growing is left out.
    """
    rebases = [rebase for rebase in load_rebases() if rebase.kpi_id == kpi.kpi_id]

    def series_of(value: KnownValue) -> tuple[str, str, str]:
        return value.period_kind, value.geography_kind, value.geography_code

    for (period_kind, _, _), series in groupby(sorted(values, key=series_of), series_of):
        if period_kind not in PERIOD_KINDS:
            continue
        figures = {
            value.period_start: value
            for value in series
            if value.status == "complete"
            and value.value is not None
            and not holds_growing_quarter(period_kind, value.period_start, growing_quarters)
        }
        plain = {start: float(value.value) for start, value in figures.items() if value.value is not None}
        for judged in judge_series(period_kind, plain, rebases):
            yield FigureSignal(
                figures[judged.period_start],
                judged,
                name_variation(judged.signal, kpi.direction),
                name_assurance(judged.limits, kpi.target.value if kpi.target else None, kpi.direction),
            )
