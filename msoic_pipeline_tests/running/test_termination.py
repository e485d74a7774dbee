"""A signal to end is heeded, also where Python has swallowed the exception that it raised."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress

import pytest
from dagster._utils.interrupts import raise_interrupts_as

from msoic_pipeline.running.termination import heed_signals, stop_on_signals


def test_a_signal_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_that_was_swallowed_is_heeded_later_and_once():
    with stop_on_signals():
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            heed_signals()
        heed_signals()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_another_handler_swallowed_is_heeded_too():
    class Finalised:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with stop_on_signals():
        with raise_interrupts_as(RuntimeError):
            Finalised()
            gc.collect()
        with pytest.raises(KeyboardInterrupt):
            heed_signals()


def test_without_a_signal_nothing_is_raised_and_none_outlives_its_run():
    with suppress(KeyboardInterrupt), stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    heed_signals()
