"""The parts of a workbook's file, which is a ZIP in either format."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

# Of a part it is not told when it was made, so that the same parts make the same bytes.
_MADE = (1980, 1, 1, 0, 0, 0)


def rewrite_parts(package: io.BytesIO, rewrite: Callable[[str, bytes], bytes]) -> bytes:
    """Return a package with each of its parts as ``rewrite`` returns it, of its name and content."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(package) as origin, zipfile.ZipFile(rewritten, "w") as target:
        for part in origin.infolist():
            named = zipfile.ZipInfo(part.filename, _MADE)
            named.compress_type = part.compress_type
            target.writestr(named, rewrite(part.filename, origin.read(part)))
    return rewritten.getvalue()
