"""Cache keys from the code that is really used: a module, all of ours that it imports, and others' versions.

What is kept on disk or in the warehouse is made anew when the code that made it has changed. Which code that is
is read from the import statements, so that no list needs to be kept by hand.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "msoic_pipeline"


@cache
def digest_code(*modules: str) -> str:
    """Return a digest of modules of this package, of all of it that they import, and of the versions of all else.

    Imports inside functions count too. Raises ModuleNotFoundError where there is no such module.
    """
    paths, libraries = find_code_used_by(*modules)
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(path.read_bytes())
    hasher.update("\n".join(_versions_of_libraries(libraries)).encode())
    return hasher.hexdigest()


@cache
def find_code_used_by(*modules: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the files of this package that make up modules with all that they import, and the other packages named.

    For example, of a module that imports ``msoic_pipeline.periods`` and ``numpy``: both files, and ``("numpy",)``.
    """
    waiting, seen, libraries = list(modules), dict[str, Path](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen[name] = _file_of(name)
        for imported in _list_imports(seen[name].read_bytes()):
            if imported.partition(".")[0] == PACKAGE:
                waiting.append(imported)
            else:
                libraries.add(imported.partition(".")[0])
    others = libraries - sys.stdlib_module_names
    return tuple(sorted(set(seen.values()))), tuple(sorted(others))


@cache  # most modules are part of several digests
def _list_imports(content: bytes) -> list[str]:
    """Return the modules that a file imports; of ``from package import name`` also ``package.name``."""
    imported: list[str] = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.append(node.module)
            if node.module.partition(".")[0] == PACKAGE:
                submodules = [f"{node.module}.{alias.name}" for alias in node.names]
                imported += [name for name in submodules if _is_module(name)]
    return imported


def _is_module(name: str) -> bool:
    package = find_spec(name.rpartition(".")[0])
    return package is not None and package.submodule_search_locations is not None and find_spec(name) is not None


def _file_of(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {module}")
    return Path(spec.origin)


@cache  # it looks at every package that is installed
def _installed_distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _versions_of_libraries(libraries: tuple[str, ...]) -> Iterator[str]:
    """Yield each library's distribution with its version."""
    distributions = _installed_distributions()
    for library in libraries:
        for distribution in sorted(set(distributions.get(library, []))):
            yield f"{distribution} {version(distribution)}"
