"""One folder a publisher: its layouts and its known faults, as data."""
