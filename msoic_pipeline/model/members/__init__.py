"""Members that are known beforehand, and the spellings under which publishers write them.

``files`` reads the CSV files beside this one, ``spellings`` finds the member that a text means, ``exploitation`` makes
the sets of types of exploitation, and ``dimension_rows`` all that as rows of the dimensions.
"""

from msoic_pipeline.model.members.dimension_rows import list_declared_dimensions, list_published_dimensions, rows_of
from msoic_pipeline.model.members.exploitation import (
    combine_exploitation,
    list_exploitation_members,
    resolve_exploitation,
)
from msoic_pipeline.model.members.files import (
    digest,
    digest_of_all,
    file_names,
    key_of_file,
    list_files_of_dimensions,
    member_files,
    parse_members,
    rows,
)
from msoic_pipeline.model.members.spellings import (
    UnknownMemberError,
    find_nearest_members,
    name_of,
    resolve,
    resolve_attribute,
    resolve_nationality,
    resolve_place,
)

__all__ = [
    "UnknownMemberError",
    "combine_exploitation",
    "digest",
    "digest_of_all",
    "file_names",
    "find_nearest_members",
    "key_of_file",
    "list_declared_dimensions",
    "list_exploitation_members",
    "list_files_of_dimensions",
    "list_published_dimensions",
    "member_files",
    "name_of",
    "parse_members",
    "resolve",
    "resolve_attribute",
    "resolve_exploitation",
    "resolve_nationality",
    "resolve_place",
    "rows",
    "rows_of",
]
