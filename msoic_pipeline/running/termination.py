"""Signals that ask a command to end, whether it runs in a terminal, under a service manager or in the background."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPED = "it was stopped, by Ctrl-C or by the system, before its end; what it had loaded stands"


# Where each signal is noted as it arrives, whoever handles it: Dagster puts handlers of its own in the place of ours,
# and Python swallows an exception that is raised in a finaliser, or in the callback of a weak reference, of which the
# import of large packages has many. None outside ``stop_on_signals``.
_noted: socket.socket | None = None


def _raise_interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def heed_signals() -> None:
    """Raise KeyboardInterrupt where a signal to end has arrived and the exception that it raised has led to nothing."""
    if _noted is None:
        return
    try:
        arrived = _noted.recv(4096)
    except BlockingIOError:  # none has
        return
    if set(arrived) & {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}:
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
        with _noting_signals():
            yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


@contextmanager
def _noting_signals() -> Iterator[None]:
    """Have Python note the number of every signal that arrives, for ``heed_signals`` to read."""
    global _noted  # noqa: PLW0603  # as signals, of which a process has one set
    noted, noting = socket.socketpair()
    with noted, noting:
        noted.setblocking(False)
        noting.setblocking(False)
        former = signal.set_wakeup_fd(noting.fileno(), warn_on_full_buffer=False)
        _noted = noted
        try:
            yield
        finally:
            _noted = None
            signal.set_wakeup_fd(former)
