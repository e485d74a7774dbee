"""What Alembic runs: the revisions that are asked for, on the connection that it is given and in its transaction."""

from alembic import context

from msoic_pipeline.warehouse.migrations import VERSION_TABLE, copy_model_without_words

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=copy_model_without_words(),
    version_table=VERSION_TABLE,
    # SQLite changes little of a table in place: elsewhere the same words alter it, there they copy it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
