"""Claims: what a report of the programme says in figures, held against the warehouse and against itself.

How a claim comes to its verdict, with figures of the sample. The annual report of 2021-22, published on 31 July 2022,
tells in section 5 of "the 97% increase in charges between 2020/21 and 2021/22"; in section 3 it says 70%.

===================  ==================================================================================================
module               what it makes of it
===================  ==================================================================================================
``claims``           a ``Claim``, as declared: a change of exactly 97 percent, which allows 96.5 to 97.5 …
``measures``         … of a ``Measure``, what is counted: the KPI ``cps_charged`` …
``period``           … in a ``Period``, 2021/22, from its base, 2020/21
``interpretations``  each ``Interpretation`` of it: as stated; from 2020 to 2021; from the first quarter of 2020/21 to
                     the last of 2021/22; that last quarter on the same a year before
``knowledge``        the ``KnownFigure`` of each period as known on 31 July 2022: 290 and 493 in the years, 62 and 122
                     in the first quarter and the last (``kpi_figures``; of what is no KPI, ``term_figures``)
``answers``          an ``Answer`` to each interpretation: +70% to the claim as stated, +96.8% to first quarter to last
``judgements``       a ``Judgement`` by the data alone: it *differs*, and holds for first quarter to last
``disagreements``    each ``Disagreement``: the 97% and the 70%, of which one must be wrong; the 97% of charges here
                     and of charging decisions there
``verdicts``         a ``ReportClaimRow``: the 70% are reproduced, so that the 97% are *contradicted* …
``verdict_words``    … or, since the figures are the sample's, *contradicted by sample data*, which is counted apart
===================  ==================================================================================================

It is judged again as known today. ``stored_verdicts`` keeps both verdicts in the table ``report_claim``,
``verdict_lines`` tells them.
"""
