"""Which release corrects which: re-issues of one reference period, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from msoic_pipeline.ingest.release import Release
from msoic_pipeline.workbooks.source import Source


def link_editions(releases: Sequence[Release], source: Source) -> tuple[Release, ...]:
    """Order releases by publication; link each re-issue of a reference period to what it corrects.

    ``releases`` come in the order in which they came in: of two that say the same of themselves the later one counts,
    and a file that took the place of another under its name corrects it. What corrects a release is the first of those
    after it that is of a higher edition or of the same name. Where a cover sheet tells the reference period
    no sidecar gives an edition, and editions are counted. Of such a source, with one reporter::

        came in   file     about     published     becomes
        1st       a.ods    2022-Q1   5 May 2022    edition 1, superseded by b.ods
        2nd       b.ods    2022-Q1   1 June 2022   edition 2
        3rd       c.ods    2022-Q2   4 Aug 2022    edition 1
    """
    place_of = {release.release_id: place for place, release in enumerate(releases)}

    def reference(release: Release) -> tuple[Any, ...]:
        return release.reporter, release.reference_start, release.reference_period

    def age(release: Release) -> tuple[Any, ...]:
        return release.published_on, release.edition, place_of[release.release_id]

    linked: dict[str, Release] = {}
    oldest_first = sorted(releases, key=lambda release: (*reference(release), *age(release)))
    for _, of_one_period in groupby(oldest_first, key=reference):
        issues = list(of_one_period)
        if source.counts_editions:
            issues = [replace(issue, edition=number) for number, issue in enumerate(issues, start=1)]
        issues.sort(key=lambda release: (release.edition, *age(release)))
        linked |= {issue.release_id: issue for issue in issues}
        for place, issue in enumerate(issues):
            correction = _find_correction(issue, issues[place + 1 :])
            if correction:
                linked[issue.release_id] = replace(issue, superseded_by=correction.release_id)
    return tuple(sorted(linked.values(), key=age))


def _find_correction(release: Release, later_issues: Sequence[Release]) -> Release | None:
    """Return the first of the later issues about a release's period that corrects it; None where none does."""
    for later in later_issues:
        if later.edition > release.edition or later.file_name == release.file_name:
            return later
    return None
