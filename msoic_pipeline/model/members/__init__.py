"""Members that are known beforehand, and the spellings under which publishers write them.

``files`` reads the CSV files beside this one, ``spellings`` finds the member that a text means, ``exploitation`` makes
the sets of types of exploitation, and ``dimension_rows`` all that as rows of the dimensions.
"""

from msoic_pipeline.model.members.dimension_rows import (
    list_declared_dimensions,
    list_member_rows,
    list_published_dimensions,
)
from msoic_pipeline.model.members.exploitation import (
    combine_exploitation,
    list_exploitation_members,
    resolve_exploitation,
)
from msoic_pipeline.model.members.files import (
    digest_all_files,
    digest_files,
    list_file_names,
    list_files_of_dimensions,
    list_key_columns,
    list_member_files,
    parse_members,
    read_rows,
)
from msoic_pipeline.model.members.spellings import (
    UnknownMemberError,
    find_name,
    find_nearest_members,
    resolve,
    resolve_attribute,
    resolve_nationality,
    resolve_place,
)

__all__ = [
    "UnknownMemberError",
    "combine_exploitation",
    "digest_all_files",
    "digest_files",
    "find_name",
    "find_nearest_members",
    "list_declared_dimensions",
    "list_exploitation_members",
    "list_file_names",
    "list_files_of_dimensions",
    "list_key_columns",
    "list_member_files",
    "list_member_rows",
    "list_published_dimensions",
    "parse_members",
    "read_rows",
    "resolve",
    "resolve_attribute",
    "resolve_exploitation",
    "resolve_nationality",
    "resolve_place",
]
