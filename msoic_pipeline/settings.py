"""The settings, all optional: where the warehouse, raw files, archive, staging area and output are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


def _path(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().resolve()


def _warehouse_url() -> str:
    return os.environ.get("MSOIC_WAREHOUSE_URL") or f"sqlite:///{Path('data/warehouse/msoic.sqlite').resolve()}"


@dataclass(frozen=True)
class Settings:
    """Settings from the environment; see README.md."""

    raw_dir: Path = field(default_factory=lambda: _path("MSOIC_RAW_DIR", "data/raw"))
    archive_dir: Path = field(default_factory=lambda: _path("MSOIC_ARCHIVE_DIR", "data/archive"))
    staging_dir: Path = field(default_factory=lambda: _path("MSOIC_STAGING_DIR", "data/staging"))
    output_dir: Path = field(default_factory=lambda: _path("MSOIC_OUTPUT_DIR", "data/output"))
    warehouse_url: str = field(default_factory=_warehouse_url)

    @property
    def public_dir(self) -> Path:
        """The folder of the public edition, within the output folder."""
        return self.output_dir / "public"

    @property
    def report_dir(self) -> Path:
        """The folder of reports, within the output folder."""
        return self.output_dir / "report"
