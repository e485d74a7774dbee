"""The warehouses that the tests of this folder ask for."""

from msoic_pipeline_tests.handmade import sample_warehouse, warehouse

__all__ = ["sample_warehouse", "warehouse"]
