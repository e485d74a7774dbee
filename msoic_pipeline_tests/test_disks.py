"""Errors of writing say which disk it was."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from msoic_pipeline.disks import writing_below


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
