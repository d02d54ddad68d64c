"""Report which extra of the package a command needs, from the installed package's own metadata.

`pip install passk` gives a library with few dependencies. pyproject.toml lists the rest in extras. A package that is
missing raises ModuleNotFoundError wherever it is imported. The command line turns that error into a line that names the
extra.
"""

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from passk.base.errors import PasskError

# Packages whose module has another name. All others differ at most in a hyphen.
_MODULES = {"markdown-it-py": "markdown_it", "mlflow-skinny": "mlflow", "pillow": "PIL"}


class MissingExtra(PasskError):
    """A package is missing that an extra of passk installs."""

    def __init__(self, subject: str, extra: str) -> None:
        super().__init__(f'{subject} needs the extra "{extra}": pip install "passk[{extra}]"')


def require(extra: str, subject: str) -> None:
    """Raise MissingExtra if a package of an extra is missing. Import nothing."""
    if any(importlib.util.find_spec(module) is None for module in _modules(extra)):
        raise MissingExtra(subject, extra)


def missing(error: Exception, subject: str) -> MissingExtra | None:
    """Return the error to raise for a failed import, or None if no extra installs the module."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        for extra, modules in _extras().items():
            if module in modules:
                return MissingExtra(subject, extra)
    return None


def require_checkout(subject: str) -> None:
    """Raise PasskError if passk is not in a checkout: flows, tasks and reports are not part of the package."""
    if not (Path(__file__).parents[2] / "flows" / "__init__.py").is_file():
        raise PasskError(
            f"{subject} works in a checkout only: clone the repository of passk, and run the command there"
        )


def _modules(extra: str) -> list[str]:
    """Return the modules of an extra and of the extras that it includes."""
    modules = []
    for module in _extras().get(extra, []):
        included = re.fullmatch(r"passk\[([\w-]+)\]", module)
        modules += _modules(included[1]) if included else [module]
    return modules


def _extras() -> dict[str, list[str]]:
    """Return the modules of each extra. An extra that it includes stands there as passk[EXTRA]."""
    modules: dict[str, list[str]] = {}
    try:
        listed = requires("passk") or []
    except PackageNotFoundError:
        listed = []
    for requirement in listed:
        name = re.match(r"passk\[[\w-]+\]|[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name and extra:
            package = name[0]
            modules.setdefault(extra[1], []).append(_MODULES.get(package, package.replace("-", "_")))
    return modules
