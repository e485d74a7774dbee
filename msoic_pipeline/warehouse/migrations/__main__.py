"""Write the next revision from what the model says and the revisions do not yet: make revision WORDS="what changes"."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from msoic_pipeline.warehouse.engine import open_engine, write_transaction
from msoic_pipeline.warehouse.migrations import HEAD, make_alembic_config, upgrade_tables

if len(sys.argv) != 2 or not sys.argv[1].strip():
    sys.exit('expected what changes, in a few words: make revision WORDS="releases have a licence"')
with tempfile.TemporaryDirectory() as folder:
    engine = open_engine(f"sqlite:///{Path(folder, 'warehouse.sqlite')}")
    with write_transaction(engine) as connection:
        upgrade_tables(connection)
        number = f"{int(HEAD) + 1:04}"
        command.revision(make_alembic_config(connection), sys.argv[1].strip(), autogenerate=True, rev_id=number)
    engine.dispose()
print("Read it and complete it.")
