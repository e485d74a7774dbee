"""Attacks on whole runs. They take hours, and so are not part of `make test`: `make test-faults` runs them all.

    pytest -m faults msoic_pipeline_tests/faults/test_hostile_files.py    hostile files beside good ones
    pytest -m faults msoic_pipeline_tests/faults/test_kills.py            runs killed at random moments
    pytest -m faults msoic_pipeline_tests/faults/test_surroundings.py     database, disk, folders, clock, other runs

What each attack came to is told in tables at the end. Settings, all optional:

    MSOIC_FAULTS_ONLY           names of hostile files, with commas: only these
    MSOIC_FAULTS_RUN_SECONDS    900: how long a run may take
    MSOIC_FAULTS_MEMORY_MB      4096: resident memory that any process of a run may have
    MSOIC_FAULTS_GROWTH_MB      48: by how much a group of hostile files may let the warehouse grow
    MSOIC_KILLS                 100: kills on each engine; MSOIC_KILLS_SEED draws the moments again
    MSOIC_PAIRS                 5: how often two runs are started at once

Root is needed for small disks and device nodes, `setpriv` for closed files where root runs the tests, `faketime` for
wrong clocks; what cannot be done is skipped, and the skip says so.

`python -m msoic_pipeline_tests.faults.hostile` lists the hostile files; `python -m msoic_pipeline_tests.faults.each
[NAME …]` says what becomes of each alone.
"""
