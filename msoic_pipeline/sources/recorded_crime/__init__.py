"""Police recorded crime: what only its publisher does, as data and as checks."""
