"""Figures set against the size of their place: events a million residents, or a share of cases, with their interval."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.signals.funnel import CountedPlace, Interval, Measure, compute_interval, name_measure
from msoic_pipeline.wording import tell_figure

POPULATION = "population"
MILLION = 1_000_000


@dataclass(frozen=True)
class SizedFigure:
    """A figure beside the size of its place.

    ``counted`` is its count out of residents (of a rate) or cases (of a share); ``population`` the figure of residents,
    none of a share; ``interval`` of what the value may be, in events a resident or as a share.
    """

    figure: ShownFigure
    measure: Measure
    counted: CountedPlace
    population: ShownFigure | None
    interval: Interval

    @property
    def value(self) -> str:
        """The value in words: ``49.3`` a million residents, or ``27.3%``."""
        return tell_measured(self.measure, self.counted.value)

    @property
    def interval_words(self) -> str:
        """The interval in words: ``41 to 58.7``."""
        lower, upper = self.interval.lower, self.interval.upper
        return f"{tell_measured(self.measure, lower)} to {tell_measured(self.measure, upper)}"

    @property
    def has_earlier_population(self) -> bool:
        """Whether the population is of a year before that of the figure, whose own is not known."""
        return self.population is not None and self.population.period_start.year < self.figure.period_start.year


def tell_measured(measure: Measure, value: float) -> str:
    """Return a value in words: a rate in events a million, a share in percent."""
    return tell_value(value, "share") if measure == "share" else tell_figure(value * MILLION)


def name_size(measure: Measure) -> str:
    """Return what the size of a place is counted in."""
    return "cases" if measure == "share" else "residents"


class SizeReader:
    """Sets figures against the size of their place, as known on the reader's day."""

    def __init__(self, reader: FigureReader) -> None:
        self._populations: dict[tuple[str, str], list[ShownFigure]] = defaultdict(list)
        for figure in reader.read_kpi(find_definition(POPULATION)):
            # The estimate of 30 June stands for its calendar year; of other kinds of period it is the same again.
            if figure.known.period_kind == "calendar_year" and figure.value:
                self._populations[figure.known.geography_kind, figure.known.geography_code].append(figure)

    def size_figure(self, figure: ShownFigure) -> SizedFigure | None:
        """Return a figure beside the size of its place.

        None where the KPI counts neither events nor a share, there is no figure, the size is not known, or the count is
        no number of events: later cancellations can leave fewer than none.
        """
        measure = name_measure(figure.kpi)
        if measure is None or figure.value is None:
            return None
        name = name_geography(figure.known.geography_kind, figure.known.geography_code)
        population = None
        if measure == "share":
            counted = CountedPlace(name, figure.known.numerator or 0.0, figure.known.denominator or 0.0)
        else:
            population = self.find_population(figure)
            counted = CountedPlace(name, figure.value, (population and population.value) or 0.0)
        most = counted.base if measure == "share" else counted.count
        if not counted.base or not 0 <= counted.count <= most:
            return None
        return SizedFigure(figure, measure, counted, population, compute_interval(measure, counted))

    def find_population(self, figure: ShownFigure) -> ShownFigure | None:
        """Return the population of a figure's place in the middle of the year in which its period begins.

        Of a financial year that is the middle of its first half. Where it is not known the latest before; None where no
        earlier one is known either.
        """
        known = self._populations[figure.known.geography_kind, figure.known.geography_code]
        not_later = [each for each in known if each.period_start.year <= figure.period_start.year]
        return max(not_later, key=lambda each: each.period_start, default=None)
