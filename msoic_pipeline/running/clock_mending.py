"""What a clock that was ahead has left in Dagster's records: schedules and sensors that wait for days to come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

    from msoic_pipeline.running.dagster_internals import InstigatorState

# A daemon shows itself more often than this; what is later than now by more is of another clock.
HEARTBEAT_SECONDS = 40


def forget_days_to_come(instance: dg.DagsterInstance) -> list[str]:
    """Forget that schedules and sensors were at work on days that have not come yet; return which.

    They would otherwise stand still until those days: a clock was wrong and is right again.
    """
    limit = time.time() + HEARTBEAT_SECONDS
    mended = []
    for state in instance.all_instigator_state():
        had_ticks = _forget_ticks_after(instance, state, limit)
        had_times = _reset_times_after(instance, state, limit)
        if had_ticks or had_times:
            mended.append(state.instigator_name)
    return mended


def _forget_ticks_after(instance: dg.DagsterInstance, state: InstigatorState, limit: float) -> bool:
    """Forget when a schedule or sensor was at work, where it was so after ``limit``; return whether it was."""
    latest = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=limit, limit=1)
    if latest:
        # Dagster forgets all before a time and none after one: the earlier ones go along.
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before=latest[0].timestamp + 1)
    return bool(latest)


def _reset_times_after(instance: dg.DagsterInstance, state: InstigatorState, limit: float) -> bool:
    """Set the times that a schedule or sensor goes by to the present, where they are after ``limit``; return whether.

    Such as ``start_timestamp``, since when a schedule is on, and ``last_tick_timestamp`` of a sensor.
    """
    data = state.instigator_data
    if data is None:
        return False
    reset: dict[str, Any] = {}
    for name, value in data._asdict().items():
        if name.endswith("timestamp") and value and value > limit:
            reset[name] = time.time()
    if reset:
        instance.update_instigator_state(state.with_data(data._replace(**reset)))
    return bool(reset)
