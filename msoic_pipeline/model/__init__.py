"""Every table of the warehouse, declared once.

A declaration (SQLAlchemy ``Table``) holds columns, types, keys, units, descriptions and expectations. The Great
Expectations suites, the views and the data dictionary are made from it; the revisions in ``migrations/`` make the
tables that it declares, which a test holds.
"""

from msoic_pipeline.model import dimensions, estimates, evidence, facts, kpi, signals
from msoic_pipeline.model.columns import metadata

__all__ = ["dimensions", "estimates", "evidence", "facts", "kpi", "metadata", "signals"]
