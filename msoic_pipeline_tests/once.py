"""What is made once for all processes of a test run: the sample's files as staged, and warehouses loaded with them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

_FOLDER = "MSOIC_TESTS_FOLDER"
_maker: list[int] = []


def open_folder() -> None:
    """Make the folder, where the process that started this one has not made it."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="msoic-tests-")
        _maker.append(os.getpid())


def close_folder() -> None:
    """Remove the folder, where this process made it."""
    if os.getpid() in _maker:
        shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


def shared_folder(name: str) -> Path:
    """Return a folder that all processes of the test run share."""
    folder = Path(os.environ[_FOLDER]) / name
    folder.mkdir(exist_ok=True)
    return folder


def make_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a shared folder that ``make`` has filled; the first process to ask for it fills it, others wait."""
    folder = shared_folder(name)
    with FileLock(folder.with_suffix(".lock")):
        whole = folder.with_suffix(".whole")
        if not whole.exists():
            shutil.rmtree(folder)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
