"""KPIs: measures declared in ``definitions.yaml``, computed in SQL for every period, geography and vintage."""
