"""A page is made anew where anything that it is filled from has changed."""

from __future__ import annotations

from importlib.resources import files

import pytest

from msoic_pipeline.publication.report import page

NAMES = sorted(each.name for each in files(page.PACKAGE).joinpath("page").iterdir())


@pytest.mark.parametrize("changed", NAMES)
def test_each_file_of_the_page_counts(changed: str, monkeypatch: pytest.MonkeyPatch):
    before, read = page.digest_page(), page._read
    monkeypatch.setattr(page, "_read", lambda name: read(name) + ("<!-- changed -->" if name == changed else ""))
    assert page.digest_page() != before
