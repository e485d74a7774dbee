"""What people do with releases from the command line, and the words in which it is answered."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from msoic_pipeline.ingest import decisions
from msoic_pipeline.ingest.decisions import KeptRelease
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine, reading
from msoic_pipeline.workbooks.layout import load_source


def release_lines(source: str | None) -> str:
    """Return the releases that the warehouse knows of a source, or of all."""
    names = ("release_id", "published_on", "reference_period", "status", "in_raw", "file_name")
    query = sa.select(*(release.c[name] for name in names)).order_by(release.c.source, release.c.published_on)
    if source:
        query = query.where(release.c.source == source)
    engine = open_engine(Settings().warehouse_url)
    try:
        with reading(engine) as connection:
            rows = connection.execute(query).all()
    finally:
        engine.dispose()
    lines = [f"{'release':<32}{'published':<12}{'about':<10}{'status':<11}{'in raw':<8}file"]
    for row in rows:
        stands = "yes" if row.in_raw else "no"
        lines.append(
            f"{row.release_id:<32}{row.published_on!s:<12}{row.reference_period:<10}{row.status:<11}{stands:<8}"
            f"{row.file_name}"
        )
    return "\n".join(lines) if rows else "No releases."


def withdraw_release(named: str, reason: str, undo: bool) -> tuple[str, tuple[str, str] | None]:
    """Take a release's figures away, or give them back; return words, and the first and last quarter to run over.

    Raises LookupError where there is no such release, DecisionError where there is nothing to decide.
    """
    settings = Settings()
    kept = decisions.find_release(settings, named)
    decisions.decide(settings, kept, "restored" if undo else "withdrawn", reason)
    done = "restored" if undo else "withdrawn"
    quarters = _quarters_of(settings, kept)
    words = f"{kept.release_id} ({kept.record.last_name}) is {done}, and stays so until somebody decides otherwise."
    return words, quarters


def _quarters_of(settings: Settings, kept: KeptRelease) -> tuple[str, str] | None:
    """Return the first and last quarter whose figures a run would change; None where it would change none."""
    from msoic_pipeline.assets.common import all_quarters
    from msoic_pipeline.assets.source_steps import stale_quarters

    engine = open_engine(settings.warehouse_url)
    try:
        stale = stale_quarters(settings, engine, all_quarters())
    finally:
        engine.dispose()
    return (stale[0].isoformat(), stale[-1].isoformat()) if stale else None


def put_releases_back(names: Sequence[str]) -> str:
    """Copy the files of releases to where they stood in the raw folder. Raises LookupError, DecisionError."""
    settings = Settings()
    lines = []
    for named in names:
        path = decisions.put_back(settings, decisions.find_release(settings, named))
        lines.append(f"{path} is there again")
    return "\n".join(lines)


def let_files_go(names: Sequence[str], source: str | None, reason: str) -> str:
    """Accept that files of releases do not stand in the raw folder: those named, or all absent ones of a source.

    Raises LookupError where there is no such release, DecisionError where no reason is given.
    """
    settings = Settings()
    chosen = [decisions.find_release(settings, named) for named in names]
    if source:
        chosen += decisions.absent_releases(settings, load_source(source))
    for kept in chosen:
        decisions.decide(settings, kept, "let go", reason)
    return f"{len(chosen)} files need not stand in the raw folder; the archive keeps them, and their figures stand."


def sample_words() -> tuple[list[KeptRelease], str]:
    """Return the releases of the sample, and what removing them would do."""
    found = decisions.synthetic_releases(Settings())
    sources = {kept.source.source for kept in found}
    words = f"{len(found)} releases of synthetic sample data, of {len(sources)} sources"
    return found, words


def withdraw_sample(sample: Sequence[KeptRelease]) -> None:
    """Take the sample's figures away and its files out of the raw folder."""
    settings = Settings()
    decisions.remove_raw_files(settings, sample)
    for kept in sample:
        if not kept.record.is_withdrawn:
            decisions.decide(settings, kept, "withdrawn", "The sample makes way for real data.")


def forget_sample(sample: Sequence[KeptRelease]) -> str:
    """Remove the sample's files from the archive and its releases from the warehouse, once no figure of it is loaded.

    Raises LookupError where figures of it are loaded still.
    """
    settings = Settings()
    ids = [kept.release_id for kept in sample]
    engine = open_engine(settings.warehouse_url)
    try:
        with reading(engine) as connection:
            loaded = set(connection.scalars(sa.select(vintage.c.release_id).distinct())) & set(ids)
        if loaded:
            raise LookupError(f"figures of {len(loaded)} sample releases are loaded still: the run did not end well")
        decisions.remove_from_archive(settings, sample)
        with engine.begin() as connection:
            gone = release.c.is_synthetic
            connection.execute(sa.update(release).where(gone).values(superseded_by=None))
            connection.execute(sa.delete(release).where(gone))
    finally:
        engine.dispose()
    return f"{len(ids)} releases of the sample are gone from raw folder, archive and warehouse."
