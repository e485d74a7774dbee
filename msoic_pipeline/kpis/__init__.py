"""KPIs: measures declared in ``definitions.yaml``, computed in SQL for every period, geography and vintage.

=====================  ================================================================================================
module                 what it has
=====================  ================================================================================================
``terms``              what KPIs, rules and claims are made of: a ``Term``, a sum of a fact's figures
``definitions``        a ``Kpi``, as declared: a term, or one over another; ``definition_rows`` loads them
**values**
``compute``            brings ``kpi_value`` up to date, of the quarters for which anything has changed
``wanted``             what is asked for, numbered; ``work_tables`` holds it and what comes of each step
``steps``              the steps in their order: ``figures_by_geography``, ``daily_changes``, ``running_sums``
``known_values``       the values as they were known on a day
**where they come from**
``standing_facts``     the facts that a term sums in a period, as they stood on a day
``lineage``            from a value to the cells of the publishers' files; ``marked_copies`` shows them in colour
**how they move**
``held_values``        what each national value was from day to day; ``publication_days`` what came out when
``change_finder``      what a release changed: ``changes`` of a kind, beside ``usual_revisions``
``maturity``           what values that keep growing may come to, by the ``chain_ladder``
**what may be shown**
``disclosure``         when a figure of returns would tell one of them
``kept_back``          the national values that are kept back for that as known on a day
=====================  ================================================================================================
"""
