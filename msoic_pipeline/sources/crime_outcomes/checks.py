"""Checks of the outcomes of recorded crimes alone: their offence codes are those of police recorded crime."""

from msoic_pipeline.model.checks import PublisherChecks
from msoic_pipeline.sources.recorded_crime.checks import MODERN_SLAVERY

CHECKS = PublisherChecks(series_apart=(MODERN_SLAVERY,))
