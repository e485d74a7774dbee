"""The Parquet file of the KPI values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(values: pd.DataFrame, target: Path, said: Mapping[str, str]) -> None:
    """Write KPI values, with what is ``said`` of them as the metadata of the file's schema. Raises OSError."""
    table = pa.Table.from_pandas(values, preserve_index=False)
    metadata = dict(table.schema.metadata or {})
    metadata |= {name.encode(): text.encode() for name, text in said.items()}
    pq.write_table(table.replace_schema_metadata(metadata), target)
