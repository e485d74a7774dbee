"""Tables as files for machines: Parquet and CSV, described by a ``datapackage.json``."""
