"""Cache keys follow the code that is used: each file of it, and each library's version."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from msoic_pipeline import code_digests
from msoic_pipeline.code_digests import digest_code, find_code_used_by

FILES = {
    "__init__.py": "",
    "top.py": "from toy import middle\nfrom toy.deep.leaf import figure\n",
    "middle.py": "def work():\n    import toy.late\n    import yaml\n",
    "late.py": "",
    "apart.py": "",
    "deep/__init__.py": "",
    "deep/leaf.py": "figure = 1\n",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of which ``toy.top`` uses everything but ``toy.apart``."""
    folder = tmp_path / "toy"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(code_digests, "PACKAGE", "toy")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def _digest() -> str:
    digest_code.cache_clear()
    find_code_used_by.cache_clear()
    return digest_code("toy.top")


@pytest.mark.parametrize("name", ["top.py", "middle.py", "late.py", "deep/leaf.py"])
def test_a_change_of_what_is_used_changes_the_digest(toy: Path, name: str):
    before = _digest()
    (toy / name).write_text(f"{FILES[name]}# another\n")
    assert _digest() != before


def test_a_change_of_what_is_not_used_changes_nothing(toy: Path):
    before = _digest()
    (toy / "apart.py").write_text("changed = True\n")
    assert _digest() == before


def test_another_version_of_a_library_changes_the_digest(toy: Path, monkeypatch: pytest.MonkeyPatch):
    before = _digest()
    monkeypatch.setattr(code_digests, "version", lambda name: "999")
    assert _digest() != before


@pytest.mark.parametrize(
    ("module", "files", "libraries"),
    [
        (
            "ingest.reading",
            {"model/columns.py", "workbooks/tidy.py", "workbooks/grid.py", "ingest/staging.py", "periods.py"},
            {"python_calamine", "pandas", "pyarrow"},
        ),
        ("kpis.compute", {"model/evidence.py", "periods.py", "model/members/__init__.py"}, {"sqlalchemy"}),
        ("reconciliation.apply", {"model/evidence.py", "periods.py", "kpis/terms.py"}, {"sqlalchemy"}),
        ("quality.validation", {"quality/row_checks.py", "model/columns.py"}, {"great_expectations"}),
    ],
)
def test_what_a_step_rests_on(module: str, files: set[str], libraries: set[str]):
    used, others = find_code_used_by(f"msoic_pipeline.{module}")
    assert files <= {path.as_posix().partition("/msoic_pipeline/")[2] for path in used}
    assert libraries <= set(others)
