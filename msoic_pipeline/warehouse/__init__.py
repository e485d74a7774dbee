"""The warehouse: the same code fills SQLite and PostgreSQL.

``engine`` opens it, ``preparing`` makes its tables by the revisions in ``migrations``, ``loading`` brings staged
releases in, and ``registering`` what became of each file. ``load_log`` knows from what each quarter was last made.
"""
