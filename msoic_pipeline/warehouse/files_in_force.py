"""Whether the files whose figures stand are the synthetic sample's, a publisher's own, or both."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import IN_FORCE, release


@dataclass(frozen=True)
class SourceFiles:
    """How many files of a source are in force, synthetic ones and real ones."""

    source: str
    synthetic: int
    real: int


@dataclass(frozen=True)
class FilesInForce:
    """The files in force of all sources; those that are held count too, since their figures stand."""

    by_source: tuple[SourceFiles, ...]

    @property
    def synthetic(self) -> int:
        """How many are synthetic."""
        return sum(files.synthetic for files in self.by_source)

    @property
    def real(self) -> int:
        """How many are real."""
        return sum(files.real for files in self.by_source)

    @property
    def is_mixed(self) -> bool:
        """Whether synthetic files and real ones are in force together."""
        return bool(self.synthetic and self.real)

    def tell_mixture(self) -> str:
        """Return that they are mixed and what to do, in a clause without a full stop."""
        return (
            f"{self.synthetic:,} synthetic sample files and {self.real:,} real ones are in force together: "
            "msoic remove-sample takes the sample away"
        )

    def list_by_source(self) -> list[str]:
        """Return a text a source: ``nrm: 12 synthetic, 1 real``."""
        return [f"{files.source}: {files.synthetic:,} synthetic, {files.real:,} real" for files in self.by_source]


def count_files_in_force(connection: Connection) -> FilesInForce:
    """Return how many files are in force, by source."""
    query = (
        sa.select(
            release.c.source,
            sa.func.sum(sa.case((release.c.is_synthetic, 1), else_=0)).label("synthetic"),
            sa.func.sum(sa.case((release.c.is_synthetic, 0), else_=1)).label("real"),
        )
        .where(release.c.status.in_(IN_FORCE))
        .group_by(release.c.source)
        .order_by(release.c.source)
    )
    return FilesInForce(
        tuple(SourceFiles(row.source, int(row.synthetic), int(row.real)) for row in connection.execute(query))
    )
