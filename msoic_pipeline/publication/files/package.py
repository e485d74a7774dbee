"""A folder of tables as files: each as Parquet and as CSV, with a ``datapackage.json`` and ``SHA256SUMS``.

The package is described after Data Package (https://datapackage.org, version 2), of the words of the model. The same
contents make the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from msoic_pipeline.disks import folder_written_aside
from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.files.tables import DataTable

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
DESCRIPTION = "datapackage.json"
# Of the figures of the publishers whose tables are in it (data/LICENCE.md).
LICENCE = {
    "name": "OGL-UK-3.0",
    "title": "Open Government Licence v3.0",
    "path": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
}
_FIELD_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_timestamp, "datetime"),
    (pa.types.is_date, "date"),
    (pa.types.is_string, "string"),
)


@dataclass(frozen=True)
class PackageWords:
    """What a package says of itself; ``version`` is other where anything in it is.

    ``sources`` are the titles of what its figures are of, with who published each.
    """

    name: str
    title: str
    description: str
    version: str
    sources: tuple[str, ...]


def write_package(
    tables: Iterable[DataTable], folder: Path, words: PackageWords, cover: Cover, beside: Mapping[str, bytes]
) -> int:
    """Write tables to a folder, which takes the place of what stood there, and return the number of files.

    ``beside`` are further files, by name, that are no tables of the package. Raises OSError where it cannot be written;
    then what stood there stands as it did.
    """
    with folder_written_aside(folder) as aside:
        resources = []
        for table in tables:
            (aside / f"{table.name}.parquet").write_bytes(_write_parquet(table, cover))
            csv = _write_csv(table)
            (aside / f"{table.name}.csv").write_bytes(csv)
            resources.append(_describe_resource(table, csv))
        package = {
            "$schema": PROFILE,
            "name": words.name,
            "title": words.title,
            "description": words.description,
            "version": words.version,
            "created": f"{cover.as_known_on.isoformat()}T00:00:00Z",
            "licenses": [LICENCE],
            "sources": [{"title": title} for title in words.sources],
            "resources": resources,
        }
        (aside / DESCRIPTION).write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, content in beside.items():
            (aside / name).write_bytes(content)
        files = sorted(aside.iterdir())
        sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
        (aside / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        return len(files) + 1


def read_version(folder: Path) -> str:
    """Return the version of the package that stands in a folder; an empty text where there is none."""
    try:
        package = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(package.get("version", "")) if isinstance(package, dict) else ""


def _write_parquet(table: DataTable, cover: Cover) -> bytes:
    """Return a table as Parquet, with the cover as its schema's metadata and the descriptions as its columns'."""
    fields = [
        field.with_metadata({"description": table.column_descriptions.get(field.name, "")})
        for field in table.rows.schema
    ]
    metadata = {"description": table.description} | cover.metadata()
    rows = table.rows.cast(pa.schema(fields, metadata=metadata))
    written = io.BytesIO()
    pq.write_table(rows, written)
    return written.getvalue()


def _write_csv(table: DataTable) -> bytes:
    """Return a table as CSV in UTF-8: days as 2021-04-01, nothing where there is nothing."""
    written = io.BytesIO()
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    pyarrow.csv.write_csv(table.rows, written, options)
    return written.getvalue()


def _describe_resource(table: DataTable, csv: bytes) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_describe_field(table, field) for field in table.rows.schema]}
    if table.primary_key:
        schema["primaryKey"] = list(table.primary_key)
    return {
        "name": table.name,
        "path": f"{table.name}.csv",
        "type": "table",
        "description": table.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(csv),
        "hash": f"sha256:{hashlib.sha256(csv).hexdigest()}",
        "schema": schema,
    }


def _describe_field(table: DataTable, field: pa.Field) -> dict[str, Any]:
    described = {
        "name": field.name,
        "type": next(name for is_type, name in _FIELD_TYPES if is_type(field.type)),
        "description": table.column_descriptions.get(field.name, ""),
    }
    values = table.rows.column(field.name)
    # In CSV an empty text is nothing, though a key may have one.
    is_filled = values.null_count == 0 and not (pa.types.is_string(field.type) and pc.any(pc.equal(values, "")).as_py())
    if field.name in table.primary_key and is_filled:
        return described | {"constraints": {"required": True}}
    return described
