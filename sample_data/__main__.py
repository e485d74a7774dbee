"""Write every sample file: ``python -m sample_data [RAW_DIR]``, by default under ``data/raw``.

A source's files are written by the module of its name, where there is one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from msoic_pipeline.workbooks.source import SOURCES

SAMPLED = tuple(source for source in SOURCES if find_spec(f"sample_data.{source}"))


def main(raw: Path) -> None:
    for source in SAMPLED:
        import_module(f"sample_data.{source}").write(raw)
        print(f"{source}: written under {raw}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data/raw"))
