"""The generator makes the committed sample, byte for byte (the slow sources are left to `make sample`)."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from msoic_pipeline_tests.conftest import REPOSITORY
from sample_data.__main__ import SAMPLED, list_sampled_sources

RAW = REPOSITORY / "data" / "raw"
SLOW = {"recorded_crime", "crime_outcomes", "force_returns"}


@pytest.mark.parametrize("source", sorted(set(SAMPLED) - SLOW))
def test_the_sample_is_what_its_generator_makes(source: str, tmp_path: Path):
    importlib.import_module(f"sample_data.{source}").write(tmp_path)
    made = {path.name: path.read_bytes() for path in (tmp_path / source).iterdir()}
    kept = {path.name: path.read_bytes() for path in (RAW / source).iterdir()}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == [], "make sample"


def test_a_module_that_is_called_by_no_sources_name_is_told(tmp_path: Path):
    for name in ("nrm.py", "writers.py"):
        (tmp_path / name).touch()
    assert list_sampled_sources(tmp_path) == ("nrm",)
    (tmp_path / "popualtion.py").touch()
    with pytest.raises(ValueError, match="no source is called popualtion"):
        list_sampled_sources(tmp_path)
