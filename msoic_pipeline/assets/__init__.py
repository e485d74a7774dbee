"""Dagster's assets, one module a stage, in the order of the data's way. They are thin: the work is elsewhere."""
