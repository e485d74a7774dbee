"""What of figures is news and what is noise: limits of each KPI's series over time, and funnels across places.

``rules`` name the figures of a series that are signals, within ``limits`` that ``series`` works out anew from each of
the ``rebases``; ``compute`` does so for all KPIs, without figures that are ``growing``. ``funnel`` tells which places
differ by more than chance.
"""
