"""Write every sample file: ``python -m sample_data [RAW_DIR]``, by default under ``data/raw``.

A source's files are written by the function ``write`` of the module of its name, where there is one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from msoic_pipeline.workbooks.source import SOURCES

# The modules beside this one that are no source's.
HELPERS = {"__init__", "__main__", "allocate", "writers"}


def list_sampled_sources(folder: Path) -> tuple[str, ...]:
    """Return the sources of which ``folder`` has a module. Raises ValueError where a module has no source's name."""
    modules = {path.stem for path in folder.glob("*.py")} - HELPERS
    if misnamed := sorted(modules - set(SOURCES)):
        raise ValueError(f"no source is called {', '.join(misnamed)}: a module of samples has its source's name")
    return tuple(source for source in SOURCES if source in modules)


SAMPLED = list_sampled_sources(Path(__file__).parent)


def write_samples(raw: Path) -> None:
    """Write the files of every sampled source, each in its folder under ``raw``."""
    for source in SAMPLED:
        import_module(f"sample_data.{source}").write(raw)
        print(f"{source}: written under {raw}")


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data/raw"))
