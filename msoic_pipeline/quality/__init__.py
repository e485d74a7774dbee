"""What makes a release fit to load: declared faults, expectations, verdicts."""
