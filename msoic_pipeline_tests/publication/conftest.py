"""The warehouses that the tests of this folder ask for."""

from msoic_pipeline_tests.handmade import made_postgres, made_sqlite, warehouse

__all__ = ["made_postgres", "made_sqlite", "warehouse"]
