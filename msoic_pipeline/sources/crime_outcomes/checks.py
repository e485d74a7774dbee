"""Checks of the outcomes of recorded crimes alone: their offence codes are those of police recorded crime."""

from msoic_pipeline.model.checks import MODERN_SLAVERY, PublisherChecks

CHECKS = PublisherChecks(series_apart=(MODERN_SLAVERY,))
