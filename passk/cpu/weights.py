"""Send weights from the trainer to vLLM over Gloo, and load them into vLLM's CPU kernels."""

import socket
from collections.abc import Sequence
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TIMEOUT = timedelta(minutes=5)


class GlooGroup:
    """The part of vLLM's PyNcclCommunicator that OpenRLHF uses: `broadcast`."""

    def __init__(self, address: str, port: int, rank: int, size: int) -> None:
        import torch.distributed as dist

        listener = None
        if rank == 0:
            # With a socket, the store listens on this address only. Without one it listens on all addresses.
            listener = socket.create_server((address, port))
        store = dist.TCPStore(
            address,
            port,
            size,
            is_master=rank == 0,
            timeout=TIMEOUT,
            master_listen_fd=listener.detach() if listener else None,
        )
        self._group, self._rank = dist.ProcessGroupGloo(store, rank, size, TIMEOUT), rank

    def broadcast(self, tensor: "torch.Tensor", src: int, stream: Any = None) -> None:
        import torch.distributed as dist

        options = dist.BroadcastOptions()
        options.rootRank, options.rootTensor = src, 0
        work = self._group.broadcast([tensor], options)
        if self._rank != src:  # receivers wait, since they ask for the tensors after the last one was sent
            work.wait()


def process_group(module: ModuleType) -> None:
    """Let `stateless_init_process_group` make a Gloo group instead of an NCCL group."""

    def stateless_init_process_group(
        master_address: str, master_port: int, rank: int, world_size: int, device: Any
    ) -> GlooGroup:
        return GlooGroup(master_address, master_port, rank, world_size)

    module.stateless_init_process_group = stateless_init_process_group


def worker(module: ModuleType) -> None:
    """Give `WorkerWrap` a method that receives all tensors of a model on the CPU, and then loads them.

    OpenRLHF's `update_weight` allocates on "cuda" and loads one tensor at a time. vLLM's CPU kernels keep their
    weights repacked, so a single tensor cannot be loaded in place.
    """

    def receive_weights(self: Any, tensors: "Sequence[tuple[str, torch.dtype, Sequence[int]]]") -> None:
        import torch

        received = []
        for name, dtype, shape in tensors:
            weight = torch.empty(shape, dtype=dtype)
            self._model_update_group.broadcast(weight, src=0)
            received.append((name, weight))
        self.model_runner.reload_weights(weights_iterator=iter(received))

    module.WorkerWrap.receive_weights = receive_weights


def engine(module: ModuleType) -> None:
    """Let the rollout actor ask vLLM for all tensors of a model in one call, after the last was announced.

    OpenRLHF marks it by `empty_cache`. A call takes milliseconds, and the tensors of a small model microseconds.
    """

    async def update_weight(
        self: Any, name: str, dtype: "torch.dtype", shape: Sequence[int], empty_cache: bool = False
    ) -> None:
        announced = self.__dict__.setdefault("_passk_announced", [])
        announced.append((name, dtype, shape))
        if empty_cache:
            await self.llm.collective_rpc("receive_weights", args=(announced.copy(),))
            announced.clear()

    module.RolloutRayActor.__ray_metadata__.modified_class.update_weight = update_weight


def model_runner(module: ModuleType) -> None:
    """Let `CPUModelRunner.reload_weights` renew the packed weights that it leaves out.

    vLLM's CPU kernels multiply by a packed copy of a layer's weight. A reload packs a layer again when it loads a
    tensor of that layer's name. An output head that is tied to the embeddings has no such tensor. Its weight follows
    the embeddings, and its packed copy would keep the old values.
    """
    reload_weights = module.CPUModelRunner.reload_weights

    def reload_and_pack(self: Any, *arguments: Any, **options: Any) -> None:
        packed = [(layer, layer.cpu_linear) for layer in self.get_model().modules() if hasattr(layer, "cpu_linear")]
        reload_weights(self, *arguments, **options)
        for layer, kernel in packed:
            # A layer without its own weight was packed for good. Only a reload by name renews it.
            if layer.cpu_linear is kernel and layer.weight.numel():
                layer.quant_method.process_weights_after_loading(layer)

    module.CPUModelRunner.reload_weights = reload_and_pack
