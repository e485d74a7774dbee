"""By which words people find the process of a run, and how they are told of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

# Shows a person a sentence of what goes on, such as which run is waited for: on the terminal, or in a run's log.
Say = Callable[[str], None]
# The tag of a run in Dagster's records that names its process.
PROCESS_TAG = "msoic/process"


def tell_process() -> str:
    """Return the words by which people find this process."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def tell_holder(run_id: str) -> str:
    """Return the words by which people find a run and its process."""
    return f"run {run_id[:8]} ({tell_process()})"
