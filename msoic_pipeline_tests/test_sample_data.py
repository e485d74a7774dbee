"""The generator makes the committed sample, byte for byte (the two slow sources are left to `make sample`)."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from msoic_pipeline_tests.conftest import REPOSITORY

RAW = REPOSITORY / "data" / "raw"


@pytest.mark.parametrize("source", ["nrm", "cps", "irregular_migration", "small_boats", "programme_activity"])
def test_the_sample_is_what_its_generator_makes(source: str, tmp_path: Path):
    importlib.import_module(f"sample_data.{source}").write(tmp_path)
    made = {path.name: path.read_bytes() for path in (tmp_path / source).iterdir()}
    kept = {path.name: path.read_bytes() for path in (RAW / source).iterdir()}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == [], "make sample"
