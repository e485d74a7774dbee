"""Every hostile file by name: which source it pretends to be of, what is wrong with it, and what makes it.

``python -m msoic_pipeline_tests.faults.hostile`` lists them; ``… hostile FOLDER [NAME …]`` lays them below a folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msoic_pipeline_tests.faults import (  # noqa: F401  each registers its own
    hostile_csv,
    hostile_ods,
    hostile_sidecars,
    hostile_xlsx,
)
from msoic_pipeline_tests.faults.registry import HOSTILE, Hostile


def of_group(*groups: str) -> list[Hostile]:
    """The hostile files of some groups."""
    return [each for each in HOSTILE.values() if each.group in groups]


def lay(raw: Path, *names: str) -> list[Hostile]:
    """Write hostile files below a raw folder: all of them where none is named."""
    chosen = [HOSTILE[name] for name in names] if names else list(HOSTILE.values())
    for each in chosen:
        place = each.place(raw)
        place.folder.mkdir(parents=True, exist_ok=True)
        each.lay(place)
    return chosen


def _main(words: list[str]) -> None:
    if words:
        print(f"{len(lay(Path(words[0]), *words[1:]))} hostile files below {words[0]}")
        return
    for each in HOSTILE.values():
        print(f"{each.name:<28}{each.source:<20}{each.group:<9}{each.expected:<10}{each.description}")
    print(f"{len(HOSTILE)} hostile files")


if __name__ == "__main__":
    _main(sys.argv[1:])
