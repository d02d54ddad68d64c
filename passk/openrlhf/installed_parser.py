"""The command-line parsers of the installed OpenRLHF, without an import of OpenRLHF, torch or Ray.

OpenRLHF builds its parsers in the `__main__` blocks of its modules. Only the statements that build one are run here.
"""

import argparse
import ast
import importlib.util
from datetime import datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from passk.base.errors import PasskError

MODULES = {"sft": "train_sft", "rl": "train_ppo_ray"}
"""Module of openrlhf.cli by kind of the stage."""


class Parser(argparse.ArgumentParser):
    """A parser that raises ValueError, where argparse prints its usage and exits."""

    def __init__(self) -> None:
        super().__init__(allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)

    @property
    def actions(self) -> dict[str, argparse.Action]:
        """Action of each flag."""
        return {flag: action for flag, action in self._option_string_actions.items() if flag not in ("-h", "--help")}


@cache
def installed(kind: str) -> Parser:
    """Return the parser of the trainer of sft or rl stages. Raise PasskError if it is not where passk looks for it."""
    spec = importlib.util.find_spec("openrlhf")
    if spec is None or not spec.origin:
        raise PasskError("openrlhf: OpenRLHF is not installed, so its flags are unknown; install passk[train]")
    file = Path(spec.origin).parent / "cli" / f"{MODULES[kind]}.py"
    tree = ast.parse(file.read_text())
    block = next((node.body for node in tree.body if isinstance(node, ast.If)), [])
    building = [node for node in block if _builds(node)]
    names: dict[str, Any] = {"argparse": SimpleNamespace(ArgumentParser=Parser), "datetime": datetime}
    exec(compile(ast.Module(building, []), str(file), "exec"), names)
    if not isinstance(names.get("parser"), Parser):
        raise PasskError(f"openrlhf: {file} builds no parser; install the OpenRLHF that passk pins")
    return names["parser"]


def _builds(node: ast.stmt) -> bool:
    """Return whether a statement creates `parser` or adds arguments to it."""
    if isinstance(node, ast.For):
        return all(map(_builds, node.body))
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "parser"
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "parser.add_argument"
    )
