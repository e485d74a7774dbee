"""Every table of the warehouse, declared once.

A declaration (SQLAlchemy ``Table``) holds columns, types, keys, units, descriptions and expectations. The Great
Expectations suites, the views and the data dictionary are made from it; the revisions in ``migrations/`` make the
tables that it declares, which a test holds.

``all_tables`` has the tables together. Nothing is imported here: whoever needs facts alone rests on them alone, so that
another description of a KPI's column parses no file anew.
"""
