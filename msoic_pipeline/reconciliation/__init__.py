"""Sources held against themselves and against each other, by rules that are data.

The way of the figures, a module each: ``rules`` (what is held against what, in ``comparisons``), ``asked`` (one of
these, for which quarters), ``summands`` and ``published`` (the figures of both sides, of the releases of
``release_choice``, at their ``compared_period``), ``sides`` (these added up, and both sides beside
each other), ``results`` (difference, tolerance, status; ``acceptances`` explain some of what breaks). ``apply`` writes
the results, ``summary`` puts them into words, and ``sql`` prints the query of a rule.
"""
