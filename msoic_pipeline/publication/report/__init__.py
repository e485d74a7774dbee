"""The report: one HTML file in which a person sees the year, and can ask of every figure where it comes from.

Data flows one way. ``shown`` reads the figures of a KPI as known on a day; ``provenance`` says of each where it comes
from; ``parts`` are what pages are made of, ``tables`` those without figures that can be asked for. Of them are made the
folders ``charts``, ``quality`` and ``sources``, ``sections`` of tiles and charts as they are declared, ``news``,
``changes`` and ``claims_page``. ``page`` fills the templates; ``make`` makes and keeps the report, the folder
``profile`` the internal page of each force.
"""
