"""What people declare in YAML – layouts, known faults, KPIs, rules, claims – and how strictly it is read.

A name that nothing knows is an error and not passed over, since it may be a misspelt one. Errors name the file and the
place in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class DeclarationError(Exception):
    """A file of declarations that is not well formed: names the file, the place in it, and what is wrong there."""

    @classmethod
    def of(cls, path: str, wrong: object) -> DeclarationError:
        """Return the error that something is ``wrong`` in the file at ``path``."""
        return cls(f"{path} is to be mended: {wrong}")


class Declaration(BaseModel):
    """One thing that is declared: it has the fields of its class and no others, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def wrong_places(error: ValidationError) -> Iterator[tuple[list[int | str], str]]:
    """Yield each place in what was declared, and what is wrong there, without what stands there.

    For example ``(["tables", 0, "layouts", 1, "sheet"], "Field required")`` of a layout that names no sheet.
    """
    for problem in error.errors(include_url=False, include_input=False):
        yield list(problem["loc"]), problem["msg"].removeprefix("Value error, ")


def list_written(written: Any) -> Any:
    """Return what a declaration has where a list may stand: one thing alone as a list of it."""
    return [written] if isinstance(written, dict | str | int | float) else written


Declared = TypeVar("Declared", bound=BaseModel)


def parse_list(
    text: str, model: type[Declared], path: str, name: str, *, under: str = "", is_unique: bool = True
) -> tuple[Declared, ...]:
    """Return what a YAML text lists: at its top, or ``under`` a word.

    ``name`` is the field that a thing is called by, of which there is one of each unless ``is_unique`` is false. Raises
    DeclarationError which says in a line for each thing what is wrong with it, and where in the file ``path``.
    """
    declared: list[Declared] = []
    wrong: list[str] = []
    for position, written in enumerate(_read_list(text, path, under), start=1):
        try:
            declared.append(model.model_validate(written))
        except ValidationError as error:
            called = (written.get(name) if isinstance(written, dict) else None) or position
            wrong += [f"{called}: {told}" for told in _tell_wrong(error)]
    if is_unique:
        times_declared = Counter(getattr(each, name) for each in declared)
        wrong += [f"{called}: declared {times} times" for called, times in times_declared.items() if times > 1]
    if wrong:
        raise DeclarationError("\n".join([f"{path} is to be mended:", *wrong]))
    return tuple(declared)


class _StrictLoader(yaml.SafeLoader):
    """Reads YAML, and refuses two equal keys, of which YAML takes the last: half of a condition would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping. Raises ConstructorError at the second of two equal keys."""
        keys = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands there twice", key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """Return what a YAML text declares. Raises YAMLError where it is none, or has two equal keys in one place."""
    return yaml.load(text, _StrictLoader)  # it is a SafeLoader


def _read_list(text: str, path: str, under: str) -> list[Any]:
    try:
        written = read_yaml(text)
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path} is to be mended: {error}") from error
    if under:
        written = written.get(under) if isinstance(written, dict) else None
    elif written is None:  # an empty file lists nothing
        written = []
    if not isinstance(written, list):
        raise DeclarationError(f"{path} is to be mended: expected YAML with a list{under and f' under {under}'}")
    return written


def is_place_of_field(place: list[int | str]) -> bool:
    """Return whether a place is that of a field, not of one of the texts that might have stood in a field's place."""
    return not any(str(part).startswith("literal[") for part in place)


def write_place(place: list[int | str]) -> str:
    """Return a place as people write it: ``numerator.where.stage``; names of classes are left out of it."""
    return ".".join(str(part) for part in place if re.fullmatch(r"[a-z0-9_.]+", str(part)))


def _tell_wrong(error: ValidationError) -> list[str]:
    """Return what is wrong in what was declared, each with its place: ``tables.0.layouts.1.sheet: Field required``."""
    told = []
    for place, words in wrong_places(error):
        if is_place_of_field(place):
            place_text = write_place(place)
            told.append(f"{place_text}: {words}" if place_text else words)
    return told


@contextmanager
def declared_in(path: str) -> Iterator[None]:
    """Raise DeclarationError with ``path`` where what stands in that file cannot be read."""
    try:
        yield
    except yaml.YAMLError as error:
        raise DeclarationError.of(path, error) from error
    except ValidationError as error:
        raise DeclarationError.of(path, "; ".join(_tell_wrong(error))) from error
