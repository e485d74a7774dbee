"""Errors of writing say which disk it was."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from msoic_pipeline.disks import file_written_aside, writing_below


def test_a_file_has_its_mode_before_it_has_content(tmp_path: Path):
    path = tmp_path / "secret"
    (tmp_path / ".secret.partial").write_text("left by a process that was killed")
    before = os.umask(0)
    try:
        with file_written_aside(path, 0o600) as aside:
            assert aside.read_bytes() == b"" and stat.S_IMODE(aside.stat().st_mode) == 0o600
            aside.write_text("content")
    finally:
        os.umask(before)
    assert path.read_text() == "content" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_that_names_no_file_names_the_folder():
    with pytest.raises(OSError, match="/staging/nrm") as error, writing_below(Path("/staging/nrm")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.errno == errno.ENOSPC


def test_an_error_that_names_a_file_stays_as_it_is(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="not-there") as error, writing_below(Path("/staging")):
        (tmp_path / "not-there").read_bytes()
    assert "/staging" not in str(error.value)


def test_what_is_no_error_of_the_system_stays_as_it_is():
    with pytest.raises(OSError, match=r"^in words$"), writing_below(Path("/staging")):
        raise OSError("in words")
