"""Weights reach vLLM's CPU engine in one call, and a reload renews every packed copy of them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import torch

from passk.cpu import weights
from passk.runtime.ports import free_port


class Packed(torch.nn.Module):
    """A layer as vLLM's CPU kernels leave it: `cpu_linear` holds a copy of the weight."""

    def __init__(self, weight: torch.nn.Parameter, *, keep: bool = True) -> None:
        super().__init__()
        self.weight, self.keep = weight, keep
        self.quant_method = self
        self.process_weights_after_loading(self)

    def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
        copy = layer.weight.detach().clone()
        layer.cpu_linear = lambda: copy
        if not self.keep:
            layer.weight = torch.nn.Parameter(torch.empty(0))


def test_a_tied_head_is_packed_again_and_a_layer_without_a_weight_is_left_alone():
    shared = torch.nn.Parameter(torch.zeros(2))
    embeddings, head = Packed(shared), Packed(shared)
    linear = Packed(torch.nn.Parameter(torch.zeros(2)), keep=False)
    frozen = linear.cpu_linear
    model = torch.nn.ModuleList([embeddings, linear, head, torch.nn.LayerNorm(2)])

    class CPUModelRunner:
        def get_model(self):
            return model

        def reload_weights(self, weights_iterator):
            """As vLLM's: the layers that are named are packed again, the head is not among them."""
            for value in weights_iterator:
                shared.data.copy_(value)
            embeddings.process_weights_after_loading(embeddings)

    weights.model_runner(SimpleNamespace(CPUModelRunner=CPUModelRunner))
    for value in (1.0, 2.0):
        CPUModelRunner().reload_weights(weights_iterator=iter([torch.full((2,), value)]))
        assert head.cpu_linear().tolist() == embeddings.cpu_linear().tolist() == [value, value]
    assert linear.cpu_linear is frozen


def test_a_models_tensors_are_asked_for_in_one_call_after_the_last_was_sent():
    received, asked = [], []

    class WorkerWrap:
        def __init__(self, group):
            self._model_update_group = group
            self.model_runner = SimpleNamespace(
                reload_weights=lambda weights_iterator: received.extend(weights_iterator)
            )

    class Engine:
        pass

    weights.worker(SimpleNamespace(WorkerWrap=WorkerWrap))
    actor = SimpleNamespace(__ray_metadata__=SimpleNamespace(modified_class=Engine))
    weights.engine(SimpleNamespace(RolloutRayActor=actor))
    port = free_port()
    with ThreadPoolExecutor() as threads:
        groups = [threads.submit(weights.GlooGroup, "127.0.0.1", port, rank, 2) for rank in (0, 1)]
        trainer, worker = groups[0].result(), WorkerWrap(groups[1].result())

        async def collective_rpc(name, args):
            asked.append(name)
            await asyncio.to_thread(getattr(worker, name), *args)

        engine = Engine()
        engine.llm = SimpleNamespace(collective_rpc=collective_rpc)
        for value in (1.0, 2.0):
            sent = [(f"layer {number}", torch.full((1000, number + 1), value)) for number in range(5)]
            for number, (name, tensor) in enumerate(sent, 1):
                trainer.broadcast(tensor, src=0)
                asyncio.run(engine.update_weight(name, tensor.dtype, tensor.shape, empty_cache=number == len(sent)))
            assert [name for name, _ in received] == [name for name, _ in sent]
            assert all(torch.equal(got, tensor) for (_, got), (_, tensor) in zip(received, sent, strict=True))
            received.clear()
    assert asked == ["receive_weights"] * 2
