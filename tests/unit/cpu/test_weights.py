"""A reload of weights renews every packed copy of them that vLLM's CPU kernels hold."""

from types import SimpleNamespace

import torch

from passk.cpu import weights


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
