"""OpenRLHF's own actor on packed sequences: the CPU's attention gives what padded sequences give."""

import pytest
import torch

from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny

LENGTHS = (9, 1, 14, 6)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def padded():
    """Tokens and mask [sequences, length], padded on the left as OpenRLHF pads prompts and on the right."""
    tokens = torch.randint(2, 250, (len(LENGTHS), 20), generator=torch.Generator().manual_seed(0))
    mask = torch.zeros_like(tokens)
    for row, length in enumerate(LENGTHS):
        mask[row, row : row + length] = 1
    return tokens * mask, mask


def loaded(actor_classes, directory, **options):
    from openrlhf.models.actor import Actor

    actor = Actor(str(directory), **options)
    actor.model.float().eval()
    return actor


def test_packed_sequences_have_the_log_probabilities_and_gradients_of_padded_ones(actor_classes, padded, tmp_path):
    make_tiny(TinyModel(hidden_size=64, heads=2, alphabet="bytes"), tmp_path, seed=1)
    tokens, mask = padded
    actors = {
        "padded": loaded(actor_classes, tmp_path, attn_implementation="eager"),
        "packed": loaded(actor_classes, tmp_path, attn_implementation="flash_attention_2", packing_samples=True),
    }
    found, gradients = {}, {}
    for name, actor in actors.items():
        log_probs = actor(tokens, attention_mask=mask, return_logprobs=True)
        both = (mask[:, 1:] * mask[:, :-1]).bool()  # a token and the one before it
        found[name] = log_probs[both]
        found[name].sum().backward()
        gradients[name] = torch.cat([parameter.grad.flatten() for parameter in actor.model.parameters()])
    assert len(found["packed"]) == sum(LENGTHS) - len(LENGTHS)
    torch.testing.assert_close(found["packed"], found["padded"], atol=1e-5, rtol=0)
    torch.testing.assert_close(gradients["packed"], gradients["padded"], atol=1e-4, rtol=1e-4)


def test_a_packed_sequence_does_not_see_the_one_before_it(actor_classes, padded, tmp_path):
    make_tiny(TinyModel(hidden_size=64, heads=2, alphabet="bytes"), tmp_path, seed=1)
    actor = loaded(actor_classes, tmp_path, attn_implementation="flash_attention_2", packing_samples=True)
    tokens, mask = padded
    changed = tokens.clone()
    changed[0] = (changed[0] + 1) * mask[0]
    before, after = (actor(each, attention_mask=mask, return_logprobs=True).detach() for each in (tokens, changed))
    assert not torch.equal(before[0], after[0])
    rows = mask[1:, 1:].bool() & mask[1:, :-1].bool()
    assert torch.equal(before[1:][rows], after[1:][rows])
