"""Somebody who tries to work out what the public edition leaves out, by linear programming over single returns.

Written apart from what it attacks, and of other unknowns: not cells, but what each force returned in each quarter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from msoic_pipeline.model.geography import GeographyKey
from msoic_pipeline.periods import period_start
from msoic_pipeline.publication.public_edition.cells import Cell, CellKey

NATION = GeographyKey("national", "E&W")
KINDS = ("quarter", "calendar_year", "financial_year")
# How near the ends of two ranges may be and still be one number.
NEARLY = 1e-6


@dataclass(frozen=True)
class World:
    """What forces returned: by region, force and quarter the count and, of a share, the whole."""

    kpi_id: str
    returns: Mapping[tuple[str, str, dt.date], float]
    wholes: Mapping[tuple[str, str, dt.date], float] | None = None
    is_stock: bool = False
    missing: int = 0

    def list_cells(self) -> list[Cell]:
        """Return all cells that might be published of it, regions and the nation, quarters and whole years."""
        return [cell for kind in KINDS for cell in self._list_cells_of(kind)]

    def _list_cells_of(self, kind: str) -> list[Cell]:
        members: dict[CellKey, list[tuple[str, str, dt.date]]] = {}
        for place in self.returns:
            region, _, quarter = place
            for geography in (GeographyKey("rocu_region", region), NATION):
                key = CellKey(self.kpi_id, kind, period_start(kind, quarter), geography)
                members.setdefault(key, []).append(place)
        cells = []
        for key, places in members.items():
            quarters = sorted({quarter for _, _, quarter in places})
            if kind != "quarter" and len(quarters) < 4:
                continue
            cells.append(self._make_cell(key, places, quarters))
        return cells

    def _make_cell(self, key: CellKey, places: Sequence[tuple[str, str, dt.date]], quarters: Sequence[dt.date]) -> Cell:
        counted = self.list_counted(key)
        whole = None if self.wholes is None else sum(self.wholes[place] for place in counted)
        of_each = 1 if self.is_stock else 3  # a stock is of the last month alone
        received = len(counted) * of_each
        return Cell(
            key,
            count=sum(self.returns[place] for place in counted),
            whole=whole,
            received=received,
            expected=received + self.missing,
            is_stock=self.is_stock,
        )

    def list_counted(self, key: CellKey) -> list[tuple[str, str, dt.date]]:
        """Return the returns that a cell counts: of a stock's year those of the last quarter."""
        places = [
            place
            for place in self.returns
            if period_start(key.period_kind, place[2]) == key.period_start
            and (key.geography == NATION or key.geography.code == place[0])
        ]
        if self.is_stock:
            last = max(place[2] for place in places)
            places = [place for place in places if place[2] == last]
        return places


def find_what_is_told(
    world: World,
    cells: Sequence[Cell],
    is_public: Callable[[Cell], bool],
    is_elsewhere: Callable[[Cell], bool],
    targets: Collection[CellKey],
    decimals: int = 2,
) -> dict[CellKey, tuple[float, float]]:
    """Return, of each target, between which numbers its count must lie for one who sees some cells.

    The public edition rounds shares; elsewhere they stand with their parts. The reader knows the wholes of all shares,
    and that no count is negative nor a part greater than its whole.
    """
    places = sorted(world.returns)
    matrix, low, high = [], [], []
    for cell in cells:
        if not is_public(cell) and not is_elsewhere(cell):
            continue
        counted = set(world.list_counted(cell.key))
        matrix.append([float(place in counted) for place in places])
        if cell.whole is None or is_elsewhere(cell):
            low.append(cell.count)
            high.append(cell.count)
        else:
            published = round(cell.count / cell.whole, decimals)
            low.append((published - 0.5 / 10**decimals) * cell.whole)
            high.append((published + 0.5 / 10**decimals) * cell.whole)
    bounds = [(0, None if world.wholes is None else world.wholes[place]) for place in places]
    rows = np.array(matrix).reshape(-1, len(places))
    inequalities = np.vstack([rows, -rows])
    limits = np.concatenate([np.array(high) + NEARLY, -np.array(low) + NEARLY])
    told = {}
    for target in targets:
        counted = set(world.list_counted(target))
        objective = np.array([float(place in counted) for place in places])
        ends = []
        for sign in (1, -1):
            found = linprog(sign * objective, A_ub=inequalities, b_ub=limits, bounds=bounds, method="highs")
            assert found.status in (0, 3), found.message
            ends.append(sign * np.inf if found.status == 3 else sign * found.fun)
        told[target] = (ends[0], abs(ends[1]))
    return told
