"""What a publication says of itself before any figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from msoic_pipeline.texts import printable
from msoic_pipeline.warehouse.files_in_force import FilesInForce, count_files_in_force
from msoic_pipeline.wording import cut_line, tell_count

# Longer than any cell should be read; the run's summary has the whole.
LONGEST_LINE = 1200


@dataclass(frozen=True)
class Cover:
    """The day as at which figures are known; a line for each blocking check that failed; and the files behind them."""

    as_known_on: dt.date
    failed_checks: tuple[str, ...]
    files: FilesInForce

    @property
    def verdict(self) -> str:
        """Whether the figures may be relied on, in a sentence."""
        if not self.failed_checks:
            return "Every blocking check holds."
        checks = tell_count(len(self.failed_checks), "blocking check")
        return f"DID NOT PASS: {checks} failed. Do not use these figures before what follows has been put right."

    @property
    def lines_on_files(self) -> tuple[str, ...]:
        """What is to be said of the files behind the figures: that they are synthetic, all of them or some."""
        if not self.files.synthetic:
            return ()
        if not self.files.real:
            return (f"All {self.files.synthetic:,} files behind these figures are synthetic sample data.",)
        warning = f"SAMPLE AND REAL DATA ARE MIXED: {self.files.tell_mixture()}. By source:"
        return (warning, *self.files.list_by_source())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands before any figure: what failed, and what is to be said of the files."""
        failed = (self.verdict, *self.failed_checks) if self.failed_checks else ()
        return (*failed, *self.lines_on_files)

    def metadata(self) -> dict[str, str]:
        """Return it as the metadata of a Parquet file's schema."""
        return {
            "msoic.as_known_on": self.as_known_on.isoformat(),
            "msoic.verdict": self.verdict,
            "msoic.failed_checks": "\n".join(self.failed_checks),
            "msoic.files": "\n".join(self.lines_on_files),
        }


def make_cover(connection: Connection, today: dt.date, failed: Sequence[str]) -> Cover:
    """Return the cover of figures as known today, of which checks have ``failed``, a line each."""
    failed_checks = tuple(cut_line(printable(line), LONGEST_LINE) for line in failed)
    return Cover(today, failed_checks, count_files_in_force(connection))
