"""Write ``docs/commands.md`` from the application itself: ``python -m tools.commands_page > docs/commands.md``."""

from __future__ import annotations

from collections.abc import Iterator

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from msoic_pipeline.commands.cli import app

NAME = "msoic"
INTRODUCTION = """\
# Commands

Made from the commands themselves by `make docs`; a test keeps it current. `make run` makes the environment; then the
command is `.venv/bin/msoic`. Every command also takes `--help`.
"""


def list_commands(command: object, name: str = NAME) -> Iterator[tuple[str, TyperCommand]]:
    """Yield every command below ``command`` that people can run, with its full name such as ``msoic layout list``."""
    if isinstance(command, TyperGroup):
        for part, subcommand in command.commands.items():
            yield from list_commands(subcommand, f"{name} {part}")
    elif isinstance(command, TyperCommand):
        yield name, command
    else:
        raise TypeError(f"{name} is no command of typer's: {command!r}")


def write_commands_page() -> str:
    """Return the page of all commands as Markdown: the help of each, and a table of its arguments and options."""
    sections = [write_command_section(name, command) for name, command in list_commands(typer.main.get_command(app))]
    return "\n".join([INTRODUCTION, *sections])


def write_command_section(name: str, command: TyperCommand) -> str:
    """Return the part of the page that is about one command."""
    lines = [f"## `{name}`", "", (command.help or "").strip(), ""]
    if command.params:
        lines += ["| argument or option | default | what it is |", "|---|---|---|"]
        lines += [_write_parameter_row(parameter) for parameter in list_parameters(command)]
        lines.append("")
    return "\n".join(lines)


def list_parameters(command: TyperCommand) -> list[TyperArgument | TyperOption]:
    """Return the arguments and options of a command, in the order in which its help lists them."""
    parameters = []
    for parameter in command.params:
        assert isinstance(parameter, TyperArgument | TyperOption)
        parameters.append(parameter)
    return parameters


def write_parameter_name(parameter: TyperArgument | TyperOption) -> str:
    """Return how a parameter is written: ``FILE``, ``--as-at DAY`` or ``--rebuild``."""
    metavar = (parameter.metavar or str(parameter.name)).upper()
    if isinstance(parameter, TyperArgument):
        return metavar
    written = ", ".join(parameter.opts)
    return written if parameter.is_flag else f"{written} {metavar}"


def _write_parameter_row(parameter: TyperArgument | TyperOption) -> str:
    return f"| `{write_parameter_name(parameter)}` | {_tell_default(parameter)} | {parameter.help or ''} |"


def _tell_default(parameter: TyperArgument | TyperOption) -> str:
    if parameter.required:
        return "must be given"
    is_plain = parameter.default not in (None, "", False)
    return f"`{parameter.default}`" if is_plain else ""


if __name__ == "__main__":
    print(write_commands_page(), end="")
