"""Run a function on a module right after it is imported, without importing it here.

Every process of a run switches the stand-ins on, and most never need torch. A patch at import keeps their start
cheap.
"""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Hook = Callable[[ModuleType], None]
_hooks: dict[str, list[Hook]] = {}


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        hooks = _hooks.pop(name, [])
        spec = importlib.util.find_spec(name) if hooks else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_then_hook(module: ModuleType) -> None:
            execute(module)
            for hook in hooks:
                hook(module)

        spec.loader.exec_module = execute_then_hook
        return spec


def on_import(name: str, hook: Hook) -> None:
    """Call `hook(module)` once: now if `name` is already imported, otherwise right after its import."""
    if name in sys.modules:
        hook(sys.modules[name])
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _hooks.setdefault(name, []).append(hook)
