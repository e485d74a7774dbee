"""The table ``kpi_signal``: every series of KPI values as known today, beside its limits."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.kpis.compute import STAGE as KPI_STAGE
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.signals import KINDS_WITH_LIMITS, NO_RULE, Assurance, Variation, kpi_signal
from msoic_pipeline.signals.growing import find_growing_quarters, holds_growing_quarter
from msoic_pipeline.signals.rebases import digest_rebases, load_rebases
from msoic_pipeline.signals.series import JudgedFigure, judge_series, name_assurance, name_variation
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import digest_stage, read_whole_fingerprint, write_whole_fingerprint
from msoic_pipeline.warehouse.rows import replace_rows

STAGE = "signals"


@dataclass(frozen=True)
class JudgedValue:
    """A KPI's value beside the limits of its series, signal or not, and what it tells: a row of ``kpi_signal``."""

    known: KnownValue
    figure: JudgedFigure
    variation: Variation
    assurance: Assurance

    def as_row(self) -> dict[str, Any]:
        """Return the row of the table."""
        known, figure = self.known, self.figure
        signal = figure.signal
        return {
            "kpi_id": known.kpi_id,
            "period_kind": known.period_kind,
            "period_start": known.period_start,
            "geography_kind": known.geography_kind,
            "geography_code": known.geography_code,
            "value": figure.value,
            "mean": figure.limits.mean,
            "lower_limit": figure.limits.lower,
            "upper_limit": figure.limits.upper,
            "limits_from": figure.phase.first,
            "rebase_reason": figure.phase.reason,
            "figures": figure.figure_count,
            "rule": signal.rule if signal else NO_RULE,
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
        rows = [judged.as_row() for judged in judge_all_kpis(connection)]
    with write_transaction(engine) as connection:
        replace_rows(connection, kpi_signal, sa.true(), make_arrow_rows(kpi_signal, rows))
        write_whole_fingerprint(connection, STAGE, digest)
    return len(rows)


def _digest(connection: Connection) -> str:
    parts = (digest_stage(connection, KPI_STAGE), digest_rebases(), digest_code("msoic_pipeline.signals.compute"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def judge_all_kpis(connection: Connection) -> Iterator[JudgedValue]:
    """Yield the judged values of all series of all KPIs as known today, in order of KPI and series."""
    growing = find_growing_quarters(connection)
    for kpi in load_definitions():
        values = find_known_values(connection, kpi.kpi_id)
        yield from judge_kpi(kpi, values, growing.get(kpi.kpi_id, set()))


def judge_kpi(kpi: Kpi, values: Sequence[KnownValue], growing_quarters: set[dt.date]) -> Iterator[JudgedValue]:
    """Yield a KPI's values of months and quarters beside the limits of their series, series by series in order of time.

    What is incomplete, missing or growing is left out.
    """
    rebases = [rebase for rebase in load_rebases() if kpi.kpi_id in rebase.kpis]
    target = kpi.target.value if kpi.target else None
    for series in _group_by_series([value for value in values if _can_be_judged(value, growing_quarters)]):
        by_start = {value.period_start: value for value in series}
        figures = {start: float(value.value) for start, value in by_start.items() if value.value is not None}
        for figure in judge_series(series[0].period_kind, figures, rebases):
            yield JudgedValue(
                by_start[figure.period_start],
                figure,
                name_variation(figure.signal, kpi.direction),
                name_assurance(figure.limits, target, kpi.direction),
            )


def _can_be_judged(value: KnownValue, growing_quarters: set[dt.date]) -> bool:
    """Whether a value is of a kind of period with limits, and all that it will be."""
    return (
        value.period_kind in KINDS_WITH_LIMITS
        and value.status == "complete"
        and value.value is not None
        and not holds_growing_quarter(value.period_kind, value.period_start, growing_quarters)
    )


def _group_by_series(values: Sequence[KnownValue]) -> list[list[KnownValue]]:
    """Return the values of each kind of period and geography."""
    by_series: dict[tuple[str, str, str], list[KnownValue]] = defaultdict(list)
    for value in values:
        by_series[value.period_kind, value.geography_kind, value.geography_code].append(value)
    return [by_series[series] for series in sorted(by_series)]
