"""What stands in an installed package: its source, read without importing it, and the shape of what is imported."""

import ast
import importlib.util
import inspect
from pathlib import Path


def source_of(module: str) -> str:
    """The source of a module, found without importing it."""
    package, _, _ = module.partition(".")
    root = Path(importlib.util.find_spec(package).origin).parent
    return (root / Path(*module.split(".")[1:]).with_suffix(".py")).read_text()


def flags_of(module: str) -> dict[str, list | None]:
    """Flag -> its `choices`, read from the parser in the module's source."""
    found = {}
    prefixes = ("actor", "critic")
    for node in ast.walk(ast.parse(source_of(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            choices = next((ast.literal_eval(k.value) for k in node.keywords if k.arg == "choices"), None)
            for name in node.args:
                if isinstance(name, ast.Constant):
                    found[name.value] = choices
                elif isinstance(name, ast.JoinedStr):
                    tail = "".join(part.value for part in name.values if isinstance(part, ast.Constant))
                    found |= {f"--{prefix}{tail.removeprefix('--')}": choices for prefix in prefixes}
    return found


def parameters(function) -> list[str]:
    """Names of a function's parameters, without the one that Ray adds to an actor's methods."""
    return [name for name in inspect.signature(function).parameters if name != "_ray_trace_ctx"]
