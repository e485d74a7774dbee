"""Reconciled: sources held against themselves and against each other, by rules that are data."""
