"""Hold a page of the report against axe-core: ``python tools/check_accessibility.py AXE.js PAGE.html [WIDTH]``.

AXE.js is ``axe.min.js`` of the npm package axe-core (``npm pack axe-core`` brings it); the browser is Chromium, called
``chromium``. Prints each violation with the first elements that have it, and ends with 1 where there is any.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Puts what axe found into the page itself, from where it is read: no driver of a browser is needed.
PROBE = """<script>%s</script><script>
axe.run(document, {resultTypes: ["violations"]}).then((found) => {
  const made = document.createElement("pre");
  made.id = "axe-found";
  made.textContent = JSON.stringify(found.violations.map((each) =>
    [each.id, each.impact, each.help, each.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3)]));
  document.body.append(made);
});</script>"""
SECONDS = 180


def find_violations(axe: Path, page: Path, width: int) -> list[list[object]]:
    """Return what axe finds in a page: rule, impact, words and elements. Raises RuntimeError where it did not run."""
    probed = page.read_text(encoding="utf-8").replace("</body>", f"{PROBE % axe.read_text(encoding='utf-8')}</body>")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(probed, encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
        browser = ["chromium", *flags, f"--virtual-time-budget={SECONDS * 1000}", "--dump-dom", path.as_uri()]
        shown = subprocess.run(browser, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    found = re.search(r'<pre id="axe-found">(.*?)</pre>', shown, re.S)
    if found is None:
        raise RuntimeError(f"axe did not run on {page}")
    violations: list[list[object]] = json.loads(html.unescape(found[1]))
    return violations


def main(words: Sequence[str]) -> int:
    """Print the violations, and return the exit code."""
    axe, page, *width = words
    violations = find_violations(Path(axe), Path(page), int(width[0]) if width else 1280)
    for rule, impact, told, elements in violations:
        print(f"{rule} ({impact}): {told}\n  {elements}")
    print(f"{len(violations)} violations in {page}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
