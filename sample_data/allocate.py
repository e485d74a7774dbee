"""Share a whole number out in proportion, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence


def allocate(total: int, weights: Sequence[float]) -> list[int]:
    """Split ``total`` in proportion to ``weights`` by largest remainder; the parts sum to ``total``."""
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("allocate() takes a total and weights of zero or more")
    whole = math.fsum(weights)
    if not whole:
        if total:
            raise ValueError(f"no weight to allocate {total} to")
        return [0] * len(weights)
    shares = [total * weight / whole for weight in weights]
    parts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (parts[index] - shares[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
