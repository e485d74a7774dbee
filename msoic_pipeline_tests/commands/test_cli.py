"""The program as a whole: where a command is found, and that it answers at once."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from msoic_pipeline.commands.cli import app

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
HEAVY = ("dagster", "great_expectations", "numpy", "openpyxl", "pandas", "pyarrow", "sqlalchemy", "xlsxwriter")


def test_commands_are_listed_as_people_come_to_need_them():
    assert [
        *("run", "ui", "check", "diff", "releases", "withdraw", "put-back", "let-go", "remove-sample"),
        *("kpi", "trace", "rule", "claims", "report", "dictionary", "template"),
    ] == COMMANDS
    assert [group.name for group in app.registered_groups] == ["layout"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_found_in_the_module_of_its_name(command: str):
    name = command.replace("-", "_")
    function = getattr(import_module(f"msoic_pipeline.commands.{name}"), name)
    assert function.__module__ == f"msoic_pipeline.commands.{name}"
    assert function in [each.callback for each in app.registered_commands]


def test_help_imports_no_heavy_package():
    program = "import sys, msoic_pipeline.commands.cli; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not set(HEAVY) & set(imported.split())
