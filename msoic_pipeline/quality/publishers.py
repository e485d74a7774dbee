"""What is checked of one publisher's figures alone: ``sources/<source>/checks.py``, found by the folder.

Such a module has one name that counts, ``CHECKS``, a ``PublisherChecks``. Most sources need none.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec

from msoic_pipeline.model.checks import PublisherChecks


def find_checks_module(source: str) -> str | None:
    """Return the module with a source's own checks; None where it has none."""
    folder = f"msoic_pipeline.sources.{source}"
    module = f"{folder}.checks"
    return module if find_spec(folder) and find_spec(module) else None


@cache
def load_publisher_checks(source: str) -> PublisherChecks:
    """Return a source's own checks: none where its folder has no ``checks.py``.

    Raises TypeError where that module says something else than ``CHECKS``.
    """
    module = find_checks_module(source)
    if module is None:
        return PublisherChecks()
    checks = getattr(importlib.import_module(module), "CHECKS", None)
    if not isinstance(checks, PublisherChecks):
        raise TypeError(f"{module}: expected CHECKS, a PublisherChecks; found {type(checks).__name__}")
    return checks
