"""One folder a source, which holds ``layouts.yaml`` and ``statement.yaml``, and where needed ``faults.yaml`` (known faults
of its files) and ``checks.py`` (checks of its figures alone).
"""
