"""What a result hangs on beside the experiment: the versions of what trains, samples and judges.

They are part of the keys (passk/experiment/plan.py) and of the records.
"""

import contextlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import Any

from passk import verifiers
from passk.advantage import registry
from passk.base import plugins

ENGINE_PACKAGES = ("openrlhf", "deepspeed", "ray", "torch", "transformers", "vllm")
VERIFIER_PACKAGES = {
    "math": ("math-verify", "latex2sympy2_extended", "sympy"),
    "reasoning_gym": ("reasoning_gym", "sympy"),
}
"""what the verdict of a verifier hangs on beside passk"""
VERDICTS = {
    "choice": "4",
    "exact": "2",
    "math": "5",
    "maze": "2",
    "maze_strict": "2",
    "numeric": "5",
    "reasoning_gym": "3",
}
"""raised whenever passk's own part of a verifier judges otherwise than before; the others are at their first"""
# Raised whenever a change to passk, its defaults too, alters what the same configuration trains; and what it samples.
TRAINING_VERSION = 2
SAMPLING_VERSION = 1


def engine_versions() -> dict[str, str]:
    """Versions of what trains and samples, by the package's plain name."""
    found = installed(package for name in ENGINE_PACKAGES for package in (f"{name}-cpu", name))
    # "+cpu" or "+cu128" tells how it was built, not what it does
    return {name.removesuffix("-cpu"): version.partition("+")[0] for name, version in found.items()}


def estimator_version(estimator: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The packages of an estimator, and of the one it changes, that are not passk's own and change apart from it."""
    packages = {"estimator": registry.package(estimator), "base": registry.package(str(options.get("base")))}
    return {name: package for name, package in packages.items() if package}


def verdicts(verifier: str) -> dict[str, str]:
    """Of passk's part of a verifier, or of the package that brought it; none where it has never judged otherwise."""
    version = plugins.package(verifiers.GROUP, verifier) or VERDICTS.get(verifier)
    return {"verdicts": version} if version else {}


def judging(verifier: str) -> dict[str, str]:
    """Versions of all that gives a verdict."""
    return installed(VERIFIER_PACKAGES.get(verifier, ())) | verdicts(verifier)


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those that are there."""
    versions = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
