"""Versions of the packages that train, sample and judge.

A result depends on them, so they are part of the keys (passk/experiment/plan.py) and of the records.
"""

import contextlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import Any

from passk import verifiers
from passk.advantage import registry
from passk.base import plugins
from passk.experiment.advantage_schedule import AdvantageSchedule

ENGINE_PACKAGES = ("openrlhf", "deepspeed", "ray", "torch", "transformers", "vllm")
VERIFIER_PACKAGES = {
    "math": ("math-verify", "latex2sympy2_extended", "sympy"),
    "reasoning_gym": ("reasoning_gym", "sympy"),
}
"""Packages that the verdicts of a verifier depend on."""
VERDICTS = {
    "choice": "9",
    "code": "2",
    "exact": "4",
    "math": "10",
    "maze": "2",
    "maze_strict": "2",
    "numeric": "11",
    "reasoning_gym": "5",
}
"""Version of passk's part of each verifier. Raise it with every change that alters a verdict."""
# Raise these with every change of passk or its defaults that alters what a configuration trains, or what it samples.
TRAINING_VERSION = 2
SAMPLING_VERSION = 1


def engine_versions() -> dict[str, str]:
    """Return the versions of the packages that train and sample, by the name without "-cpu"."""
    versions = installed(package for name in ENGINE_PACKAGES for package in (f"{name}-cpu", name))
    # "+cpu" or "+cu128" names the build, not the behaviour
    return {name.removesuffix("-cpu"): version.partition("+")[0] for name, version in versions.items()}


def estimator_versions(schedule: AdvantageSchedule, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the packages outside passk that provide a stage's estimators and those in their option `base`."""
    packages = {}
    for estimator in schedule.names:
        of = f" {estimator}" if len(schedule.names) > 1 else ""
        base = schedule.options(estimator, options).get("base")
        packages |= {f"estimator{of}": registry.package(estimator), f"base{of}": registry.package(str(base))}
    return {name: package for name, package in packages.items() if package}


def verdicts(verifier: str) -> dict[str, str]:
    """Return the version of passk's part of a verifier, or of its plugin's package; {} for a first version."""
    version = plugins.package(verifiers.GROUP, verifier) or VERDICTS.get(verifier)
    return {"verdicts": version} if version else {}


def judging(verifier: str) -> dict[str, str]:
    """Return the versions of everything that a verifier's verdicts depend on."""
    return installed(VERIFIER_PACKAGES.get(verifier, ())) | verdicts(verifier)


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    versions = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
