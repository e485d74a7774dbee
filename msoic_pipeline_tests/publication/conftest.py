"""The warehouses that the tests of this folder ask for."""

from msoic_pipeline_tests.handmade import warehouse

__all__ = ["warehouse"]
