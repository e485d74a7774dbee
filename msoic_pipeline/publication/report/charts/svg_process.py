"""Turns descriptions of charts into SVG: ``python -m msoic_pipeline.publication.report.charts.svg_process``.

It is a program of its own, which ``drawing`` starts and talks to, since the engine that draws ends its process where it
cannot have what it wants, such as address space: a run must not end with it. Reads a JSON text a line, Vega-Lite's
description of a chart, and writes the picture as a JSON text a line. It ends with its standard input.
"""

from __future__ import annotations

import json
import sys

import vl_convert

VEGA_LITE = "v5_21"


def main() -> None:
    """Convert line by line until there are no more."""
    for line in sys.stdin:
        svg = vl_convert.vegalite_to_svg(json.loads(line), vl_version=VEGA_LITE)
        sys.stdout.write(json.dumps(svg) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
