"""Landed: the files of a source as releases, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass

from msoic_pipeline.ingest.release import Release
from msoic_pipeline.model.evidence_rows import WithdrawalRow
from msoic_pipeline.workbooks.errors import SourceFileError


@dataclass(frozen=True)
class Landing:
    """The files of one source: those that are releases in force, in order of publication, and what is wrong.

    ``refused``: errors of files that are no releases of the source. ``absent``: errors that something is not where it
    was, which take no figure away. ``waiting``: errors of files that somebody is still writing to, left for the next
    run. ``known``: all that was recognised, in force or withdrawn. ``withdrawn``: the releases whose figures a person
    took away. ``unsure``: those that are kept and cannot be recognised now. ``decisions``: what people
    decided about figures.
    """

    releases: tuple[Release, ...]
    refused: tuple[SourceFileError, ...]
    absent: tuple[SourceFileError, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    known: tuple[Release, ...] = ()
    unsure: frozenset[str] = frozenset()
    decisions: tuple[WithdrawalRow, ...] = ()
    waiting: tuple[SourceFileError, ...] = ()
