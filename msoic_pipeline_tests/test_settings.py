"""Settings come from the variables of the environment that README.md names, and from no others."""

from __future__ import annotations

import os

import pytest

from msoic_pipeline.settings import Settings


def test_a_variable_without_a_name_decides_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "environ", {"": "/elsewhere"})
    assert Settings().warehouse_url.endswith("/data/warehouse/msoic.sqlite")


def test_the_warehouse_stands_where_the_environment_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "environ", {"MSOIC_WAREHOUSE_URL": "sqlite:////elsewhere.sqlite"})
    assert Settings().warehouse_url == "sqlite:////elsewhere.sqlite"
