"""Sources and methods: ``pages`` makes a page a source, with its ``tables`` and quality ``statements``."""
