"""Every table of the warehouse, declared once.

A declaration (SQLAlchemy ``Table``) holds columns, types, keys, units, descriptions and expectations. The DDL, the
Great Expectations suites, the data dictionary and the grants are all made from it.
"""

from msoic_pipeline.model import dimensions, estimates, evidence, facts, kpi
from msoic_pipeline.model.columns import metadata

__all__ = ["dimensions", "estimates", "evidence", "facts", "kpi", "metadata"]
