"""Methods inside the actor, the loss and the experiences of the OpenRLHF that is installed.

tests/integration/test_methods.py trains with each of them.
"""

import inspect
from types import SimpleNamespace

import pytest
import torch

from passk.experiment.model import TinyModel
from passk.methods.method import Changes, Method
from passk.methods.sage import Sage
from passk.methods.simko import SimKO
from passk.models.tiny import load_tokenizer, make_tiny

from .installed import parameters

LENGTHS = (9, 5, 12, 7)
PROMPT = 3


@pytest.fixture(scope="module", params=["padded", "packed"])
def actor(actor_classes, request, tmp_path_factory):
    """OpenRLHF's actor with a tiny model in float32."""
    from openrlhf.models.actor import Actor

    directory = tmp_path_factory.mktemp("model")
    make_tiny(TinyModel(hidden_size=64, heads=2, layers=2, alphabet="bytes"), directory, seed=1)
    packed = request.param == "packed"
    attention = "flash_attention_2" if packed else "eager"
    actor = Actor(str(directory), attn_implementation=attention, packing_samples=packed, temperature=0.7)
    actor.model.float()
    return actor


@pytest.fixture(scope="module")
def rows():
    """Tokens, attention mask [4, 12] and action mask [4, 11], padded on the right."""
    tokens = torch.randint(2, 250, (len(LENGTHS), max(LENGTHS)), generator=torch.Generator().manual_seed(0))
    attention = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).long()
    action = attention[:, 1:].clone()
    action[:, : PROMPT - 1] = 0
    return tokens * attention, attention, action


def test_the_training_step_calls_the_actor_and_the_loss_as_ours_expects(actor_classes):
    from openrlhf.models.actor import Actor
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer

    step = "".join(inspect.getsource(ActorPPOTrainer.training_step).split())
    assert "action_log_probs,output=self.actor(sequences,action_mask,attention_mask=attention_mask," in step
    assert "return_output=True," in step and "return_entropy=self.args.actor.entropy_coefisnotNone," in step
    assert "self.actor_loss_fn(action_log_probs,old_action_log_probs,advantages,action_mask=experience." in step
    assert step.index("=self.actor(sequences") < step.index("=self.actor_loss_fn(")
    assert "self.actor_loss_fn = PolicyLoss(" in inspect.getsource(ActorPPOTrainer.__init__)
    assert parameters(PolicyLoss.forward)[:5] == [
        "self", "log_probs", "old_log_probs", "advantages", "action_mask",
    ]  # fmt: skip
    forward = inspect.getsource(Actor.forward)
    assert 'output["logits"].div_(self.temperature)' in forward and 'setattr(output, "entropy"' in forward
    assert "position_ids=position_ids, **mm_inputs)" in forward, "output_hidden_states gets through"


def test_the_policy_group_runs_a_method_on_each_item_of_a_list(actor_classes):
    from openrlhf.trainer.ppo_utils.experience import Experience
    from openrlhf.trainer.ray.launcher import BaseModelActor, RayActorGroup

    from passk.openrlhf.method_groups import _OF_EXPERIENCE

    batch = inspect.getsource(RayActorGroup.async_run_method_batch)
    assert "actor.execute_batch.remote(method_name, chunk_ref, 0, end_idx - start_idx)" in batch
    each = inspect.getsource(BaseModelActor.execute_batch)
    assert "result = func(**sample_kwargs)" in each and "results.append(result)" in each
    assert all(Experience.is_step_tensor_field(name) for name in _OF_EXPERIENCE.values())


def published_simko(method, logits, tokens, mask, old, old_logits, advantages, clip):
    """The loss of the paper's code, with the ratios of the candidates to the old policy."""
    log_probs, old_log_probs = logits.log_softmax(-1), old_logits.log_softmax(-1)
    ratio = (log_probs.gather(-1, tokens[..., None])[..., 0] - old).exp()
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    total = torch.zeros(())
    for row in range(len(tokens)):
        bound = torch.quantile(entropy[row][mask[row]].detach(), method.quantile)
        for at in mask[row].nonzero()[:, 0].tolist():
            critical, scale, rho = entropy[row, at] > bound, 1.0, ratio[row, at]
            top = log_probs[row, at].topk(method.candidates).indices
            if critical and advantages[row, at] > 0:
                others = (log_probs[row, at, top] - old_log_probs[row, at, top]).exp()
                mixed = (rho.detach() / others.detach() * others).sum() / method.candidates
                rho = (1 - method.alpha) * rho + method.alpha * mixed
            elif critical and advantages[row, at] < 0 and tokens[row, at] == top[0]:
                scale = method.push
            weight = scale * advantages[row, at]
            total = total + torch.max(-weight * rho, -weight * rho.clamp(1 - clip[0], 1 + clip[1]))
    return total / mask.sum()


@pytest.mark.slow
def test_simkos_loss_and_gradient_are_those_of_the_papers_code(actor, rows):
    from openrlhf.models.loss import PolicyLoss

    from passk.openrlhf import method_loss

    method, clip = SimKO(alpha=0.4, candidates=2, quantile=0.5, push=1.5), (0.2, 0.28)
    trainer = SimpleNamespace(actor=actor, actor_loss_fn=PolicyLoss(*clip))
    hooks = dict(actor._forward_hooks)
    method_loss.install(trainer, method)
    sequences, attention, action = rows
    logits = shown_logits(actor, sequences, attention)
    sequences = sequences.clone()
    first = logits[1].argmax(-1)
    sequences[1, PROMPT] = first[PROMPT - 1]  # the incorrect response has its most probable token
    logits = shown_logits(actor, sequences, attention)
    torch.manual_seed(2)
    old_logits = logits + 0.4 * torch.randn_like(logits)
    tokens, mask = sequences[:, 1:], action.bool()
    old = old_logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    advantages = torch.tensor([1.0, -0.7, 0.4, 0.0])[:, None] * action
    actor.train()
    try:
        log_probs, output = actor(sequences, action, attention_mask=attention, return_output=True, return_entropy=True)
        loss, *_ = trainer.actor_loss_fn(log_probs, old, advantages, action_mask=action, rollout_log_probs=None)
        assert trainer.actor_loss_fn._forward is None
        gradients = gradient(actor, loss)
        del output
    finally:
        actor._forward_hooks.clear()
        actor._forward_hooks.update(hooks)
    plain, _ = actor(sequences, action, attention_mask=attention, return_output=True)
    unchanged = gradient(actor, PolicyLoss(*clip)(plain, old, advantages, action_mask=action)[0])
    logits = actor_logits(actor, sequences, attention)
    expected = published_simko(method, logits, tokens, mask, old, old_logits, advantages, clip)
    torch.testing.assert_close(loss.detach(), expected.detach(), atol=1e-5, rtol=1e-5)
    reference = gradient(actor, expected)
    torch.testing.assert_close(gradients, reference, atol=2e-5, rtol=1e-3)
    assert (unchanged - reference).norm() > 0.05 * reference.norm(), "the method has an effect"


def gradient(actor, loss):
    actor.zero_grad()
    loss.backward()
    return torch.cat([each.grad.flatten() for each in actor.parameters() if each.grad is not None])


def actor_logits(actor, sequences, attention):
    """Logits at the temperature of sampling, [B, A, V], from the model itself, one row at a time."""
    whole = []
    for row, kept in zip(sequences, attention, strict=True):
        length = int(kept.sum())
        logits = actor.model(row[None, :length], position_ids=torch.arange(length)[None]).logits / actor.temperature
        whole.append(torch.nn.functional.pad(logits[0], (0, 0, 0, len(row) - length)))
    return torch.stack(whole)[:, :-1]


def shown_logits(actor, sequences, attention):
    with torch.no_grad():
        return actor_logits(actor, sequences, attention)


@pytest.mark.slow
def test_the_policys_inner_states_are_those_of_each_sequence_alone(actor, rows):
    from passk.methods.method import Group
    from passk.openrlhf.policy_states import PolicyStates

    sequences, attention, action = rows
    zeros = torch.zeros(action.shape)
    group = Group(1, 1, torch.zeros(4), sequences, attention, action.bool(), zeros, zeros)
    actor.eval()
    with torch.no_grad():
        states = PolicyStates(actor, 3, None)
        hidden, entropy = states.hidden_states(group), states.entropy(group)
        for row, length in enumerate(LENGTHS):
            output = actor.model(
                sequences[row : row + 1, :length],
                position_ids=torch.arange(length)[None],
                output_hidden_states=True,
            )
            torch.testing.assert_close(
                hidden[row, : length - 1], output.hidden_states[-2][0, :-1], atol=1e-4, rtol=1e-4
            )
            log_probs = (output.logits[0, :-1] / actor.temperature).log_softmax(-1)
            expected = -(log_probs.exp() * log_probs).sum(-1)
            torch.testing.assert_close(entropy[row, : length - 1], expected, atol=1e-4, rtol=1e-4)
    assert hidden.shape == (4, 11, 64) and entropy.shape == (4, 11)


def test_openrlhfs_k3_of_a_guided_reference_is_sages_penalty(actor_classes):
    from openrlhf.models.utils import compute_approx_kl

    from tests.unit.methods.test_sage import Entropies, group

    one = group([[-1.0, -0.5, -2.0]])
    guided = Sage().of_group(one, Entropies([1.7, 2.2, 0.0])).base_log_probs
    difference = one.base_log_probs + torch.tensor([[1.15, 1.3, 1.0]]).log() - one.log_probs
    penalty = compute_approx_kl(one.log_probs, guided, kl_estimator="k3")
    torch.testing.assert_close(penalty, difference.exp() - difference - 1)


@pytest.mark.slow
def test_responses_get_their_log_probabilities_after_another_prompt(actor, rows):
    from passk.methods.method import Group
    from passk.openrlhf.policy_states import PolicyStates

    tokenizer = load_tokenizer(actor.model.config.name_or_path)
    sequences, attention, action = rows
    prompt, other = "ab:", "hint ab:"
    own, hinted = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, other))
    assert len(own) == PROMPT
    sequences = torch.cat([torch.tensor(own).expand(len(LENGTHS), -1), sequences[:, PROMPT:]], dim=1)
    zeros = torch.zeros(action.shape)
    group = Group(1, 1, torch.zeros(4), sequences, attention, action.bool(), zeros, zeros, prompt=prompt)
    actor.eval()
    with torch.no_grad():
        found = PolicyStates(actor, 3, tokenizer).log_probs(group, other)
        for row, length in enumerate(LENGTHS):
            whole = torch.tensor([[*hinted, *sequences[row, PROMPT:length].tolist()]])
            logits = actor.model(whole, position_ids=torch.arange(whole.shape[1])[None]).logits / actor.temperature
            expected = logits[0, :-1].log_softmax(-1).gather(-1, whole[0, 1:, None])[len(hinted) - 1 :, 0]
            torch.testing.assert_close(found[row, PROMPT - 1 : length - 1], expected, atol=1e-4, rtol=1e-4)
    assert found[~action.bool()].abs().sum() == 0


class Numbered(Method):
    """Writes each rollout's place into its advantages."""

    def of_group(self, group, policy):
        assert group.sequences[:, 0].tolist() == (10 * group.rewards).tolist(), "rows and rewards belong together"
        places = group.rewards[:, None].expand(group.mask.shape)
        return Changes(advantages=places.contiguous(), base_log_probs=group.base_log_probs - 1)


def experience(places, width):
    """An experience of OpenRLHF whose rows begin with their places at generation."""
    from openrlhf.trainer.ppo_utils.experience import Experience

    sequences = torch.tensor([[place] + [1] * (width - 1) for place in places])
    actions = torch.ones(len(places), width - 1)
    return Experience(
        sequences=sequences, attention_mask=torch.ones_like(sequences), action_mask=actions.long(),
        action_log_probs=-actions, advantages=actions.clone(), base_action_log_probs=actions.clone(), index=places,
        prompts=["a prompt"] * len(places), labels=["a label"] * len(places),
    )  # fmt: skip


def test_each_row_gets_the_change_of_its_own_rollout(actor_classes, monkeypatch):
    from passk.openrlhf import method_groups

    monkeypatch.setattr(method_groups.ray, "get", lambda references: references)
    monkeypatch.setattr(method_groups.torch.cuda, "current_device", lambda: "cpu")

    def run(method_name, group):
        assert method_name == "act_on_group" and [len(one.rewards) for one in group] == [2, 2, 2]
        inner = SimpleNamespace(eval=lambda: None, train=lambda: None)
        return [
            [method_groups.acted(Numbered(), one, inner, 2, None) for one in part] for part in (group[:2], group[2:])
        ]

    experiences = [experience([4, 0, 3], 6), experience([5, 2], 4), experience([1], 9)]
    order = torch.tensor([4, 0, 3, 5, 2, 1])
    rewards = torch.arange(6).view(3, 2) / 10
    groups = method_groups.gathered(experiences, order, rewards, 7, 1)
    assert len({one.group.seed for one in groups}) == 3 and {one.group.step for one in groups} == {7}
    method_groups.change(groups, SimpleNamespace(async_run_method_batch=run))
    for one in experiences:
        assert torch.equal(one.advantages, (torch.tensor(one.index) / 10)[:, None].expand(one.advantages.shape))
        assert one.base_action_log_probs.unique().tolist() == [0.0]
        assert one.action_log_probs.unique().tolist() == [-1.0]


@pytest.mark.parametrize("wrong", [torch.full((2, 3), float("nan")), torch.zeros(2, 2)])
def test_changes_that_cannot_be_trained_on_end_the_training_in_one_line(actor_classes, monkeypatch, wrong):
    from passk.base.errors import PasskError
    from passk.openrlhf import method_groups

    class Wrong(Method):
        def of_group(self, group, policy):
            return Changes(advantages=wrong)

    monkeypatch.setattr(method_groups.ray, "get", lambda references: references)
    monkeypatch.setattr(method_groups.torch.cuda, "current_device", lambda: "cpu")
    [one] = method_groups.gathered([experience([0, 1], 4)], torch.tensor([0, 1]), torch.zeros(1, 2), 1, 1)
    inner = SimpleNamespace(eval=lambda: None, train=lambda: None)
    with pytest.raises(PasskError, match=r"^method: Wrong returns advantages not finite or not \[2, 3\]; fix it$"):
        method_groups.acted(Wrong(), one.group, inner, 2, None)
