"""The Parquet file of the KPI values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from msoic_pipeline.publication.cover import Cover


def write_parquet(values: pd.DataFrame, target: Path, cover: Cover) -> None:
    """Write KPI values, with the cover as the metadata of the file's schema. Raises OSError."""
    table = pa.Table.from_pandas(values, preserve_index=False)
    metadata = dict(table.schema.metadata or {})
    metadata |= {name.encode(): text.encode() for name, text in cover.metadata().items()}
    pq.write_table(table.replace_schema_metadata(metadata), target)
