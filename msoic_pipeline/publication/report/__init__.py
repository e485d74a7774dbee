"""The report: one HTML file in which a person sees the year, and can ask of every figure where it comes from.

Data flows one way: ``shown`` reads the figures of a KPI as known on a day; ``provenance`` says of each where it comes
from; ``wording`` and ``drawing`` make words and pictures of them; ``sections`` puts them together, ``claims_page``
what the reports claim; ``page`` fills the template.
"""
