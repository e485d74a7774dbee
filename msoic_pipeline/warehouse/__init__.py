"""The warehouse: connections, migrations, loading."""
