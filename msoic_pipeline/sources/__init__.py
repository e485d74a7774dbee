"""One folder a publisher: its layouts and its known faults, as data, and the checks of its figures alone."""
