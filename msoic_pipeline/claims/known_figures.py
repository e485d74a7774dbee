"""A figure as it was known on a day, and how several make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownFigure:
    """A figure: ``value`` is None where there is none; ``received`` and ``expected`` are the reports that it rests on.

    They are those of the period of which fewest were received, where it is of several.
    """

    value: float | None
    received: int = 0
    expected: int = 0

    @property
    def share_received(self) -> float:
        """The share of the reports due that had been received."""
        return self.received / self.expected if self.expected else 1.0


NOTHING = KnownFigure(None)


def find_least_reported(figures: Sequence[KnownFigure]) -> KnownFigure:
    """Return the figure of which the smallest share of the reports due had been received."""
    return min(figures, key=lambda figure: figure.share_received)


def add_figures(figures: Sequence[KnownFigure]) -> KnownFigure:
    """Return the sum of figures; nothing where one of them is missing."""
    values = [figure.value for figure in figures if figure.value is not None]
    if len(values) < len(figures):
        return NOTHING
    least = find_least_reported(figures)
    return KnownFigure(sum(values), least.received, least.expected)
