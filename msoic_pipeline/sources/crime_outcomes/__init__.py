"""Outcomes of recorded crimes: what only its publisher does, as data and as checks."""
