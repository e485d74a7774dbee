"""Values of KPIs in words: with their unit, and by how much one differs from another."""

from __future__ import annotations

from msoic_pipeline.wording import tell_figure


def tell_value(value: float, unit: str) -> str:
    """Return a value of a unit in words: a share in percent, money with its sign, all else as a number."""
    if unit == "share":
        return f"{value:.1%}"
    if unit == "GBP":
        return f"£{value:,.0f}"
    return tell_figure(value, 4)


def tell_unit(unit: str) -> str:
    """Return a unit as it stands behind a value; nothing where the value says it itself."""
    return "" if unit in ("share", "GBP") else unit


def tell_with_unit(value: float, unit: str) -> str:
    """Return a value and its unit: ``3,330 referrals``, ``27.3%``, ``£975,988``."""
    return f"{tell_value(value, unit)} {tell_unit(unit)}".strip()


def tell_difference(now: float, before: float, unit: str) -> str:
    """Return by how much a figure differs: ``2,105 more (+19.9%)``, ``1.2 percentage points less``, ``the same``."""
    difference = now - before
    told = tell_value(abs(difference), unit)
    # Also where they differ by less than can be told.
    if told == tell_value(0.0, unit):
        return "the same"
    more = "more" if difference > 0 else "less"
    if unit == "share":
        return f"{told.removesuffix('%')} percentage points {more}"
    relative = f" ({difference / abs(before):+.1%})" if before else ""
    return f"{told} {more}{relative}"
