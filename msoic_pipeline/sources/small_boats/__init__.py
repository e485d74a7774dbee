"""Small boats: what only its publisher does, as data and as checks."""
