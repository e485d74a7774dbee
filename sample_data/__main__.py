"""Write every sample file: ``python -m sample_data [RAW_DIR]``, by default under ``data/raw``."""

from __future__ import annotations

import sys
from pathlib import Path

from sample_data import (
    cps,
    crime_outcomes,
    force_returns,
    irregular_migration,
    nrm,
    programme_activity,
    recorded_crime,
    small_boats,
)

SOURCES = (
    nrm,
    irregular_migration,
    small_boats,
    recorded_crime,
    crime_outcomes,
    cps,
    force_returns,
    programme_activity,
)


def main(raw: Path) -> None:
    for source in SOURCES:
        source.write(raw)
        print(f"{source.__name__.removeprefix('sample_data.')}: written under {raw}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data/raw"))
