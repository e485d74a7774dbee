"""What a file may take of the machine. A file that wants more is refused by name, and every other file goes on.

The largest real files let through: the partnership tables are an ODS of 50 MB that expands to 1.4 GB of XML; an
outcomes workbook has 700,000 rows. ``docs/reliability.md`` has what they take.
"""

from __future__ import annotations

import os

MIB = 2**20

# ---- the file as it lies there ---------------------------------------------------------------------

MAX_FILE_BYTES = 512 * MIB
# What all parts of an archive may expand to, and how many times its size; small files may expand further.
MAX_EXPANDED_BYTES = 4096 * MIB
MAX_EXPANSION = 400
MAX_EXPANSION_OF_SMALL = 16 * MIB
MAX_PARTS = 20_000
# A sidecar is a few lines; its file's name with ".yaml" must be one that a file system takes.
MAX_SIDECAR_BYTES = 64 * 1024

# ---- its content -----------------------------------------------------------------------------------

MAX_SHEETS = 1_000
# Of a CSV, counted while it is read. What the sheets of other files come to, the worker's memory alone bounds.
MAX_CELLS = 100_000_000
# What a spreadsheet program itself can hold.
MAX_COLUMNS = 16_384
MAX_CELL_CHARACTERS = 32_767
# Of a cover sheet's cell, and of all of them together, so much is looked at to recognise a file.
MAX_RECOGNISED_CELL = 1_000
MAX_RECOGNISED = 100_000
# Of what breaks one rule in a release so many places are listed; the rest is counted.
MAX_LISTED = 1_000

# ---- the worker process that reads it --------------------------------------------------------------

# Memory that one worker may write to. Two of them at once must fit into a machine of 8 GiB beside the run itself.
WORKER_BYTES = int(os.environ.get("MSOIC_WORKER_MIB") or 3584) * MIB
# Processor time, by size: the slowest real file (outcomes, 44 MB) takes about one second a megabyte.
WORKER_SECONDS = int(os.environ.get("MSOIC_WORKER_SECONDS") or 30)
WORKER_SECONDS_A_MIB = 6
# A busy machine gives a worker a part of its time only; one that waits for ever is ended all the same.
WALL_TIMES_PROCESSOR = 4


def processor_seconds(size: int) -> int:
    """Return the processor time, in seconds, in which a file of ``size`` bytes must have been read."""
    return WORKER_SECONDS + WORKER_SECONDS_A_MIB * size // MIB


def workers() -> int:
    """Return how many files are read at once: as many as there are processors for this process."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
