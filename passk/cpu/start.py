"""Make the start of a process cheaper. A training stage starts five, and each one imports torch, vLLM and DeepSpeed."""

import functools
from types import ModuleType


def cpu_features(cpuinfo: ModuleType) -> None:
    """Read the features of the CPU once per process. DeepSpeed reads them for each operator, by starting a process."""
    cpuinfo.get_cpu_info = functools.cache(cpuinfo.get_cpu_info)


def without_sklearn(import_utils: ModuleType) -> None:
    """Let transformers skip scikit-learn, a tenth of its processes' imports.

    transformers imports it where it is installed, for assisted generation alone, which no stage uses.
    """
    import_utils.is_sklearn_available = lambda: False
