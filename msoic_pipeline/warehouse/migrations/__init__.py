"""How a warehouse that already holds figures follows the model: revisions of its tables, each upgrading the one before.

Only tables, keys and indexes are migrated. Views and descriptions hold nothing, and are made anew where they differ.
A new warehouse is made by the same revisions, from nothing. Alembic is imported only where there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.evidence import load_log

if TYPE_CHECKING:
    from alembic.config import Config

# The newest revision in versions/, whose files begin with their revision: known without Alembic, so that a warehouse
# which has it is recognised by one query.
HEAD = max(path.name for path in Path(__file__).parent.joinpath("versions").glob("[0-9]*.py")).partition("_")[0]
# Not Alembic's own name: other programs in the database, Dagster's storage among them, have tables of that name.
VERSION_TABLE = "schema_version"

# Warehouses from before there were revisions have no version table, but this digest of their tables in load_log, at
# stage "tables". The tables of commit 110197f are those of the first revision; the digest is the SHA-256 of
# "\n".join(str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables).
BASELINE = "0001"
BASELINE_DIGESTS = {
    "sqlite": "2ce1449b40645f38b884cc91827a87105c0488f315485acf63454486036b25be",
    "postgresql": "0a4c8cca436b9f8a0718266360397258a73d97e962fee49fcceea9d1e8cb5f43",
}


class ModelError(Exception):
    """The tables that stand in the warehouse cannot be brought to those of this version. They are left as they are."""


class OldModelError(ModelError):
    """The tables are of a model from before there were revisions, and not the one that the first revision knows."""

    def __init__(self) -> None:
        super().__init__(
            "its tables are not of a version that this one can upgrade, and have been left as they are. Point "
            "MSOIC_WAREHOUSE_URL at an empty database (or rename the SQLite file) and run again: everything is loaded "
            "anew from the raw files. Keep the old one: the history of its checks and runs is only there"
        )


class NewModelError(ModelError):
    """The tables have been upgraded by a newer version than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"a newer version of msoic_pipeline has brought its tables to revision {revision}, and this version knows "
            f"them up to {HEAD}; they have been left as they are. Install the newer version, or restore the backup of "
            "the warehouse from before it"
        )


def read_standing_revision(connection: Connection) -> str | None:
    """Return the revision of the warehouse's tables; None where it has no version table."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
    return str(revision) if revision else None


def upgrade_tables(connection: Connection, revision: str = "head") -> None:
    """Bring tables to a revision within the connection's transaction: from nothing, or from any revision before it.

    Raises OldModelError or NewModelError where there is no way from what stands there.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    config = make_alembic_config(connection)
    standing = read_standing_revision(connection)
    if standing:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if standing not in known:
            raise NewModelError(standing)
    elif sa.inspect(connection).has_table(load_log.name):
        _recognise_baseline(connection)
        command.stamp(config, BASELINE)
    command.upgrade(config, revision)


def _recognise_baseline(connection: Connection) -> None:
    """Raise OldModelError where the tables are not those of the first revision; else take their digest out of load_log.

    Without it a version from before the revisions does not take the upgraded tables for its own.
    """
    its = load_log.c.stage == "tables"
    digest = connection.scalar(sa.select(load_log.c.fingerprint).where(its))
    if digest != BASELINE_DIGESTS.get(connection.dialect.name):
        raise OldModelError
    connection.execute(sa.delete(load_log).where(its))


def make_alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection, in whose transaction all is done."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def copy_model_without_words() -> sa.MetaData:
    """Return the tables of the model without their words, which are brought up to date without a revision."""
    bare = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        copy = table.to_metadata(bare)
        copy.comment, copy.info = None, {}
        for column in copy.columns:
            column.comment = None
    return bare
