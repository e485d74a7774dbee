"""Which cells of the public edition are suppressed, so that none of them can be worked out.

First those that tell too much by themselves: of too few forces, or too small a count. Then as many others as it takes,
since sums give away what is left out: over regions, over quarters, and by shares that were rounded.

Two readers are thought of. The public knows what the public edition shows. Who has the internal edition too knows every
national figure that is not of too few forces. What the one or the other has seen stays seen: cells are judged in the
order of their cut-offs, and what one edition has shown all later ones show.

Example: of London's two forces, which each know their own, nothing is shown. England and Wales less the nine other
regions would be London. So the smallest of the nine is suppressed with it, of which the same is true.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum

from msoic_pipeline.kpis.disclosure import tells_a_return
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.periods import period_end, period_start
from msoic_pipeline.publication.public_edition.cells import YEARS, Cell, CellKey, find_years
from msoic_pipeline.publication.public_edition.policy import Policy
from msoic_pipeline.publication.public_edition.sums import Range, Sum, find_possible_range, find_tied_sums

# Widths that differ by no more are the same: they are worked out in floating point.
NEARLY = 1e-6


def find_suppressed(cells: Sequence[Cell], policy: Policy) -> set[CellKey]:
    """Return the keys of the cells that are not to be shown."""
    suppressed: set[CellKey] = set()
    for its_cells in _group_by_kpi(cells).values():
        suppressed |= _suppress_kpi([cell for cell in its_cells if not _is_year_of_stock(cell)], policy)
        suppressed |= {
            cell.key for cell in its_cells if _is_year_of_stock(cell) and _find_last_quarter(cell) in suppressed
        }
    return suppressed


def _is_year_of_stock(cell: Cell) -> bool:
    """Return whether a cell is another's once more: a year of a stock is its last quarter."""
    return cell.is_stock and cell.key.period_kind in YEARS


def _find_last_quarter(year: Cell) -> CellKey:
    end = period_end(year.key.period_kind, year.key.period_start)
    return replace(year.key, period_kind="quarter", period_start=period_start("quarter", end))


def _group_by_kpi(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    by_kpi: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_kpi[cell.key.kpi_id].append(cell)
    return by_kpi


def _suppress_kpi(cells: Sequence[Cell], policy: Policy) -> set[CellKey]:
    """Return what is suppressed of a KPI, cut-off by cut-off; of a later one nothing is taken back that was shown."""
    by_cut_off: dict[dt.date, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_cut_off[policy.find_cut_off(cell.key.period_kind, cell.key.period_start)].append(cell)
    known: dict[CellKey, Cell] = {}
    suppressed: set[CellKey] = set()
    for cut_off in sorted(by_cut_off):
        new = by_cut_off[cut_off]
        known |= {cell.key: cell for cell in new}
        suppressed |= {cell.key for cell in new if _tells_too_much(cell, policy)}
        judged = JudgedCells(known, list_sums(known), frozenset(cell.key for cell in new), policy)
        _suppress_what_exposes(judged, suppressed)
    return suppressed


def _tells_too_much(cell: Cell, policy: Policy) -> bool:
    return tells_a_return(cell.returns) or cell.smallest_told < policy.smallest_count


@dataclass(frozen=True)
class JudgedCells:
    """The cells of a KPI that are judged at a cut-off: all that are known by then, their sums, and which are new."""

    known: Mapping[CellKey, Cell]
    sums: Sequence[Sum[CellKey]]
    new: Set[CellKey]
    policy: Policy


def _suppress_what_exposes(judged: JudgedCells, suppressed: set[CellKey]) -> None:
    """Add to ``suppressed`` as many new cells as it takes, so that nobody can work out what is suppressed."""
    by_themselves = set(suppressed)
    while exposed := _find_exposed(judged, suppressed):
        suppressed.add(_choose_next(exposed, judged, suppressed))
    # One that was chosen early may not be needed beside those that were chosen after it: the greatest is shown first.
    for key in sorted(suppressed - by_themselves, key=lambda key: (-judged.known[key].count, key)):
        suppressed.remove(key)
        if _find_exposed(judged, suppressed):
            suppressed.add(key)


def _find_exposed(judged: JudgedCells, suppressed: Set[CellKey]) -> CellKey | None:
    """Return a suppressed cell that some reader can tell too nearly; None where there is none."""
    for key in sorted(suppressed):
        if not _is_near_new(key, judged):
            continue
        cell = judged.known[key]
        for reader in Reader:
            if not reader.knows_elsewhere(cell) and is_exposed(cell, judged, suppressed, reader):
                return key
    return None


def _is_near_new(key: CellKey, judged: JudgedCells) -> bool:
    """Return whether anything that is new tells of a cell: all else was looked at when it was new."""
    tied = find_tied_sums(key, judged.sums)
    return key in judged.new or any(name in judged.new for one in tied for name in one.names)


class Reader(Enum):
    """Who might work something out: who has the public edition alone, or who has the internal edition too."""

    PUBLIC = "public"
    INSIDE = "inside"

    def knows_elsewhere(self, cell: Cell) -> bool:
        """Return whether the reader knows a cell from elsewhere: the internal edition shows the nation."""
        return self is Reader.INSIDE and cell.key.geography.kind == NATIONAL and not tells_a_return(cell.returns)


def is_exposed(cell: Cell, judged: JudgedCells, suppressed: Set[CellKey], reader: Reader) -> bool:
    """Return whether the ``new`` cells let a reader tell a suppressed cell's count too nearly.

    What the reader can tell as nearly without them they do not let him tell.
    """
    before, after = {}, {}
    for key, other in judged.known.items():
        if reader.knows_elsewhere(other):
            before[key] = after[key] = Range(other.count, other.count)
        elif key in suppressed:
            before[key] = after[key] = find_range_of_suppressed(other)
        else:
            after[key] = find_published_range(other, judged.policy)
            before[key] = find_range_of_suppressed(other) if key in judged.new else after[key]
    told = find_possible_range(cell.key, after, judged.sums).width
    if told >= judged.policy.find_least_width(cell.count) - NEARLY:
        return False
    return told < find_possible_range(cell.key, before, judged.sums).width - NEARLY


def find_range_of_suppressed(cell: Cell) -> Range:
    """Return what everybody knows of a cell's count: it is not negative, and of a share no more than the whole.

    The whole of a share is taken to be known, which other figures may tell.
    """
    return Range(0, math.inf if cell.whole is None else cell.whole)


def find_published_range(cell: Cell, policy: Policy) -> Range:
    """Return what a published cell tells of its count: a share of 0.33 of 200 says that the part is 65 to 67."""
    if cell.whole is None:
        return Range(cell.count, cell.count)
    half_step = 0.5 * 10**-policy.decimals_of_shares
    share = policy.round_share(cell.count / cell.whole)
    return Range(max(0, (share - half_step) * cell.whole), min(cell.whole, (share + half_step) * cell.whole))


def list_sums(known: Mapping[CellKey, Cell]) -> list[Sum[CellKey]]:
    """Return which cells of a KPI add up to which: regions to the nation, quarters to a year.

    What does not add up is no sum: a force may lie in no region.
    """
    sums = [*_list_sums_of_regions(known), *_list_sums_of_quarters(known)]
    return [one for one in sums if _adds_up(one, known)]


def _list_sums_of_regions(known: Iterable[CellKey]) -> Iterator[Sum[CellKey]]:
    regions: dict[tuple[str, dt.date], list[CellKey]] = defaultdict(list)
    nations: list[CellKey] = []
    for key in sorted(known):
        if key.geography.kind == NATIONAL:
            nations.append(key)
        else:
            regions[key.period_kind, key.period_start].append(key)
    for nation in nations:
        if its_regions := regions[nation.period_kind, nation.period_start]:
            yield Sum(nation, tuple(its_regions))


def _list_sums_of_quarters(known: Mapping[CellKey, Cell]) -> Iterator[Sum[CellKey]]:
    """Yield which quarters make a year."""
    quarters: dict[CellKey, list[CellKey]] = defaultdict(list)
    for key in sorted(known):
        if key.period_kind == "quarter":
            for year in find_years(key):
                quarters[year].append(key)
    for year, its_quarters in quarters.items():
        if year in known:
            yield Sum(year, tuple(its_quarters))


def _adds_up(one: Sum[CellKey], known: Mapping[CellKey, Cell]) -> bool:
    return math.isclose(known[one.total].count, sum(known[part].count for part in one.parts))


def _choose_next(exposed: CellKey, judged: JudgedCells, suppressed: Set[CellKey]) -> CellKey:
    """Return which cell to suppress so that an exposed one is hidden better: of those tied to it the smallest.

    Those that stand in one sum with it come first, and regions before the nation, which most readers look for. There is
    always one: without what is new nothing is exposed.
    """
    tied = find_tied_sums(exposed, judged.sums)
    beside = {name for one in tied if exposed in one.names for name in one.names}
    candidates = {name for one in tied for name in one.names if name in judged.new} - suppressed

    def rank(key: CellKey) -> tuple[bool, bool, float, CellKey]:
        return key not in beside, key.geography.kind == NATIONAL, judged.known[key].count, key

    return min(candidates, key=rank)
