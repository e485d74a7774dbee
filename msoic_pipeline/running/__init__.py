"""Runs as processes: one at a time, ended ones reported, Dagster's home and pages."""
