"""What makes a release fit to load: expectations and checks, held against its rows, and the verdict on it.

``validation`` is where it begins: it holds against the rows of releases what their tables declare (``expectations``, by
``suites``) and the checks written by hand (``row_checks``, ``publishers``). Either way comes to findings, one a check,
by which ``verdicts`` accepts or rejects each release.
"""
