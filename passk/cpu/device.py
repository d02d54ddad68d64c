"""The CPU wherever OpenRLHF names the current CUDA device."""

from types import ModuleType
from typing import Any


def torch_cuda(torch: ModuleType) -> None:
    """`torch.cuda`'s calls that OpenRLHF makes whatever the device."""

    # Each a function of its own: torch._dynamo fails on one object under several names.
    def current_device() -> str:
        return "cpu"

    def set_device(_device: Any) -> None: ...

    def synchronize(_device: Any = None) -> None: ...

    def empty_cache() -> None: ...

    def current_stream(_device: Any = None) -> None: ...

    for stand_in in (current_device, set_device, synchronize, empty_cache, current_stream):
        setattr(torch.cuda, stand_in.__name__, stand_in)


def replay_buffer(module: ModuleType) -> None:
    """`NaiveReplayBuffer.__init__` builds torch.device(f"cuda:{current_device()}")."""
    import torch

    class TorchOnCpu:
        device = staticmethod(lambda _name: torch.device("cpu"))

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    module.torch = TorchOnCpu()


def device_mesh(module: ModuleType) -> None:
    """`DeepspeedStrategy.setup_distributed` asks for a mesh of "cuda"."""
    make = module.init_device_mesh
    module.init_device_mesh = lambda _device, *shape, **names: make("cpu", *shape, **names)
