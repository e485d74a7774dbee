"""Signals that ask a command to end, whether it runs in a terminal, under a service manager or in the background."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPED = "it was stopped, by Ctrl-C or by the system, before its end; what it had loaded stands"


def _raise_interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM, also where a shell left SIGINT ignored, and on SIGHUP.

    What is started meanwhile heeds them too, since only an ignored signal is passed on as such. SIGHUP stays ignored
    where nohup said so.
    """
    asked = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        asked.append(signal.SIGHUP)
    former = {each: signal.signal(each, _raise_interrupt) for each in asked}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
