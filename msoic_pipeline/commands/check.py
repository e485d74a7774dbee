"""``msoic check FILE``: what would become of a file, told before it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from msoic_pipeline.commands.app import FileArgument

if TYPE_CHECKING:
    from msoic_pipeline.ingest.staging import StagedRelease
    from msoic_pipeline.quality.verdicts import Verdict
    from msoic_pipeline.trials.examined_file import ExaminedFile
    from msoic_pipeline.workbooks.source import Source


def check(file: FileArgument) -> None:
    """Say what would become of a file, without loading it: its release, the layouts that fit, what is wrong with it."""
    checked = check_file(file)
    typer.echo(checked.text)
    raise typer.Exit(0 if checked.is_accepted else 1)


@dataclass(frozen=True)
class CheckedFile:
    """Whether a file would be accepted, and the lines that say why."""

    is_accepted: bool
    text: str


def check_file(path: Path) -> CheckedFile:
    """Read, stage and judge a file as a run would, in a folder that is removed again, and return what came of it.

    Raises LookupError where no source knows the file.
    """
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.trials.examined_file import examine_file

    with examine_file(path) as examined:
        lines = list_verdict_lines(examined)
    raw_folder = Settings().raw_dir / examined.source.source
    if examined.staged and not path.resolve().is_relative_to(raw_folder):
        lines.append(f"  note       put it below {raw_folder} to load it")
    return CheckedFile(examined.verdict.accepted, "\n".join(lines))


def list_verdict_lines(examined: ExaminedFile) -> list[str]:
    """Return what a file is and why it would be accepted or not, a line each."""
    source, staged, verdict = examined.source, examined.staged, examined.verdict
    if staged is None:
        return [f"REJECTED {reason}" for reason in verdict.reasons]
    return [*_release_lines(source, staged, verdict), *_verdict_lines(verdict)]


def _release_lines(source: Source, staged: StagedRelease, verdict: Verdict) -> Iterator[str]:
    """Yield which release the file is, and which layout read each of its sheets."""
    release = staged.release
    title = source.title if source.sensitive else release.title
    yield f"{'ACCEPTED' if verdict.accepted else 'REJECTED'} {release.file_name}"
    yield (
        f"  release    {release.release_id}: {title}, published {release.published_on}, "
        f"about {release.reference_period}, edition {release.edition}"
    )
    for read in staged.manifest.sheets:
        yield (
            f"  sheet      {read.sheet}: {read.table}, layout {read.layout}, header in row "
            f"{read.header_row_number}, {read.counts.figures:,} figures"
        )


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Yield what is wrong, which known faults were treated, and what is only warned of."""
    for reason in verdict.reasons:
        yield f"  WRONG      {reason}"
    for row in verdict.quarantine:
        if row.is_declared:
            yield f"  fault      {row.sheet} {row.cell}: {row.treatment}"
    for result in verdict.results:
        if not result.success and result.severity == "warn":
            yield f"  warning    {result.table_name}: {result.check_name}: {result.detail}"
