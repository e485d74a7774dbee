"""From a raw file to staged rows: kept by content, recognised, read once by a worker process within limits.

The modules, in the order in which they are called: ``intake`` (one pass over a source's files), ``raw_files`` and
``sidecars`` (what lies in the raw folder), ``archive`` (what is kept of it), ``read_once`` and ``remembered`` (what is
known of it from before), ``reading`` and ``workers`` (a file is read by a process within limits), ``recognition`` and
``cover`` (which release it is), ``staging`` (its sheets are read, and what came of it is kept), ``known_faults`` (what
is declared of it), ``assembling``, ``sheet_checks`` and ``repeated_keys`` (the tables of a release, and what is wrong
within its sheets), ``editions`` (which release corrects which). ``decisions`` is called by people's commands.

What they hand each other: ``file_asked``, ``details``, ``release``, ``findings``, ``manifest``, ``landing``; and the
error ``decision_error``.
"""
