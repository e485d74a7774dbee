"""One folder a source: ``layouts.yaml``, ``statement.yaml``, and where needed ``faults.yaml`` and ``checks.py``.

They say how its files are laid out, what is to be known of its quality, what is wrong in single files, and what its
figures alone must fulfil.
"""
