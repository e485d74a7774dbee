"""Data quality: what is known of it, and its tables and words.

``coverage`` and ``findings`` read, ``coverage_tables`` and ``findings_tables`` show; ``timeliness`` and ``revisions``
do both for what is their own. ``section`` puts them together.
"""
