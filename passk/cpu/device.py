"""Replace the current CUDA device by the CPU wherever OpenRLHF names it."""

from types import ModuleType
from typing import Any


def torch_cuda(torch: ModuleType) -> None:
    """Replace the calls of `torch.cuda` that OpenRLHF makes on any device."""

    # Each has its own function, since torch._dynamo fails on one object under several names.
    def current_device() -> str:
        return "cpu"

    def set_device(_device: Any) -> None: ...

    def synchronize(_device: Any = None) -> None: ...

    def empty_cache() -> None: ...

    def current_stream(_device: Any = None) -> None: ...

    for stand_in in (current_device, set_device, synchronize, empty_cache, current_stream):
        setattr(torch.cuda, stand_in.__name__, stand_in)


def replay_buffer(module: ModuleType) -> None:
    """Let `NaiveReplayBuffer.__init__` use the CPU, where it builds torch.device(f"cuda:{current_device()}")."""
    import torch

    class TorchOnCpu:
        device = staticmethod(lambda _name: torch.device("cpu"))

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    module.torch = TorchOnCpu()


def device_mesh(module: ModuleType) -> None:
    """Let `DeepspeedStrategy.setup_distributed` make a mesh of the CPU, where it requests "cuda"."""
    make = module.init_device_mesh
    module.init_device_mesh = lambda _device, *shape, **names: make("cpu", *shape, **names)
