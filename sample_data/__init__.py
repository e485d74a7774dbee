"""Deterministic generator of the sample files under ``data/raw``; run ``python -m sample_data``."""
