"""Signals that ask a command to end, whether it runs in a terminal, under a service manager or in the background."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPED = "it was stopped, by Ctrl-C or by the system, before its end; what it had loaded stands"


# The signals that were heard, for ``heed_signals``: Python swallows an exception that is raised in a finaliser, or in
# the callback of a weak reference, of which the import of large packages has many.
_heard: list[int] = []


def _raise_interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    _heard.append(signum)
    raise KeyboardInterrupt


def heed_signals() -> None:
    """Raise KeyboardInterrupt where a signal to end was heard and the exception that it raised has led to nothing."""
    if _heard:
        _heard.clear()
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
        _heard.clear()
        for each, handler in former.items():
            signal.signal(each, handler)
