"""Tiles and charts: their pictures and their words.

``wording`` says what figures are beside others; ``drawing`` draws, by the program ``svg_process``. ``tiles``,
``over_time`` and ``across`` make what is declared; ``rates`` set figures against the size of their place, ``funnels``
and ``funnel_chart`` compare forces by them.
"""
