"""The declarations of all tables together, as SQLAlchemy's ``metadata``."""

from msoic_pipeline.model import dimensions, estimates, evidence, facts, kpi, signals
from msoic_pipeline.model.columns import metadata

__all__ = ["dimensions", "estimates", "evidence", "facts", "kpi", "metadata", "signals"]
