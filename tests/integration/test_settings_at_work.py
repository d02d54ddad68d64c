"""Settings of the engine at work on a few numbers inside the classes of OpenRLHF that are installed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from passk import verifiers
from passk.base.errors import PasskError
from passk.methods.gcpo import GCPO
from passk.methods.simko import SimKO
from tests.unit.openrlhf.test_lora import adapted, log_probs, model


def test_an_adapters_weights_reach_the_engines_merged_and_under_the_bases_names(actor_classes, monkeypatch):
    from openrlhf.trainer.ray import ppo_actor

    from passk.openrlhf.policy import PasskActorTrainer

    sent, announced = [], []
    found = adapted(model())
    engine = SimpleNamespace(
        update_weight=SimpleNamespace(
            remote=lambda name, **about: announced.append((name, about["dtype"], about["shape"]))
        ),
        reset_prefix_cache=SimpleNamespace(remote=lambda: None),
    )
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(ppo_actor, "torch_dist_barrier_and_cuda_sync", lambda: None)
    monkeypatch.setattr(ppo_actor.ray, "get", lambda references: references)
    trainer = object.__new__(PasskActorTrainer)
    actor = trainer.actor = SimpleNamespace(model=SimpleNamespace(module=found))
    trainer.vllm_engines, trainer.use_cuda_ipc = [engine], False
    trainer._model_update_group = SimpleNamespace(broadcast=lambda tensor, src, stream: sent.append(tensor.clone()))
    args = SimpleNamespace(
        vllm=SimpleNamespace(enable_prefix_caching=True), ds=SimpleNamespace(zero_stage=2, tensor_parallel_size=1)
    )
    trainer.strategy = SimpleNamespace(args=args)
    trainer.broadcast_to_vllm()
    assert trainer.actor is actor
    plain = model()
    assert announced == [(name, each.dtype, each.shape) for name, each in plain.named_parameters()]
    plain.load_state_dict(dict(zip([name for name, *_ in announced], sent, strict=True)))
    assert torch.allclose(log_probs(plain), log_probs(found), atol=1e-4)
    assert not torch.allclose(log_probs(plain), log_probs(model()), atol=0.01)


def experience(*, truncated, advantages, mask, info=None):
    return SimpleNamespace(
        truncated=torch.tensor(truncated), action_mask=torch.tensor(mask), advantages=torch.tensor(advantages), info={}
    )


@pytest.mark.parametrize("per_token", [True, False])
def test_the_loss_of_a_batch_is_that_of_the_responses_that_were_not_cut_off(actor_classes, per_token):
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.utils.loss_utils import _optimizer_step_loss_norm

    from passk.openrlhf import length_settings

    torch.manual_seed(1)
    log_probs, advantages = torch.randn(3, 4), torch.randn(3, 4)
    mask = [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]

    def loss(rows, mask):
        info = length_settings.bounded(_optimizer_step_loss_norm([mask], None, 1, 1))
        function = PolicyLoss(token_level_loss=per_token)
        return function(log_probs[rows], log_probs[rows] - 0.1, advantages[rows], action_mask=mask, **info)[0]

    one = experience(truncated=[False, True, False], advantages=advantages.tolist(), mask=mask)
    length_settings.mask_truncated([one])
    assert one.action_mask.tolist() == [mask[0], [0, 0, 0, 0], mask[2]]
    expected = loss([0, 2], torch.tensor([mask[0], mask[2]]))
    assert float(loss([0, 1, 2], one.action_mask)) == pytest.approx(float(expected))
    assert float(loss([0, 1, 2], torch.tensor(mask))) != pytest.approx(float(expected))


def test_an_optimizer_step_without_a_response_that_ended_changes_nothing_and_has_no_nan(actor_classes):
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.utils.loss_utils import _optimizer_step_loss_norm

    from passk.openrlhf import length_settings

    log_probs = torch.randn(2, 3, requires_grad=True)
    mask = torch.zeros(2, 3)
    for per_token in (True, False):
        info = length_settings.bounded(_optimizer_step_loss_norm([mask], None, 1, 1))
        loss, clip_ratio, *_ = PolicyLoss(token_level_loss=per_token)(
            log_probs, log_probs.detach(), torch.ones(2, 3), action_mask=mask, **info
        )
        loss.backward()
        assert float(loss) == 0 and log_probs.grad.abs().sum() == 0
        assert clip_ratio.isnan(), "OpenRLHF's mean over no token"
        metrics = {"ppo_clip_ratio": clip_ratio, "actor_lr": 0.1}
        status = length_settings.defined({"metrics": metrics, "num_action_tokens": 0.0})
        assert float(status["metrics"]["ppo_clip_ratio"]) == 0 and status["num_action_tokens"] > 0
    assert length_settings.defined({"metrics": {}, "num_action_tokens": 5.0})["num_action_tokens"] == 5.0


def test_long_responses_lose_reward_for_the_estimator_and_not_in_the_record(actor_classes):
    from passk.openrlhf import length_settings

    reward = SimpleNamespace(overlong_buffer_len=4, overlong_penalty_factor=0.5, stop_properly_penalty_coef=None)
    args = SimpleNamespace(reward=reward, rollout=SimpleNamespace(max_new_tokens=10))
    one = SimpleNamespace(
        rewards=torch.tensor([1.0, 1.0, 0.0, 1.0]), response_length=torch.tensor([6, 8, 10, 3]), info={}
    )
    [added] = length_settings.penalties([one], args)
    assert added.tolist() == pytest.approx([0, -0.25, -0.5, 0])
    assert one.rewards.tolist() == [1, 1, 0, 1]


def test_the_generator_samples_until_its_step_is_full_of_groups_that_teach(actor_classes, monkeypatch):
    from openrlhf.trainer.ppo_utils.experience import Experience

    from passk.openrlhf import samples_generator as samples

    asked = []
    rewards = {"a": [0, 0], "b": [1, 0], "c": [1, 1], "d": [0, 1], "e": [0, 0]}
    left = iter(rewards)

    def upstream(self, num_prompts):
        asked.append(num_prompts)
        prompts = [next(left) for _ in range(num_prompts)]
        self.dispatched += [(prompt, "x") for prompt in prompts]
        made = [
            Experience(
                prompts=[prompt], labels=["x"], rewards=torch.tensor([reward]), sequences=torch.tensor([[place]])
            )
            for prompt in reversed(prompts)
            for place, reward in enumerate(rewards[prompt])
        ]
        return made, num_prompts, False

    monkeypatch.setattr(samples.SamplesGenerator, "_generate_vllm", upstream)
    monkeypatch.setattr(samples.ray, "get", lambda references: references)
    generator = object.__new__(samples.PasskSamplesGenerator)
    generator.vllm_engines, generator.step, generator.stop, generator.max_rounds = [], 1, (), 5
    generator.args = SimpleNamespace(rollout=SimpleNamespace(n_samples_per_prompt=2))
    generator.keeps = lambda correct, n: 0 < correct < n
    monkeypatch.setattr(generator, "_compare_weights", lambda max_length: None)
    made, consumed, exhausted = generator._generate_vllm(num_prompts=2)
    assert asked == [2, 1, 1] and (consumed, exhausted) == (4, False)
    assert [one.prompts[0] for one in made] == ["b", "b", "d", "d"]
    assert [[one.prompts[0] for one in group] for group in generator.dropped] == [["a", "a"], ["c", "c"]]


def of(rewards, dropped=None, reason="correct"):
    """The rollouts of a step, with one reason for all."""
    from passk.openrlhf.step_recorder import Rollouts

    array = np.array(rewards, dtype=float)
    return Rollouts(
        problems=[f"p{place}" for place in range(len(rewards))],
        tokens=[[1]] * array.size,
        truncated=np.zeros(array.size, dtype=bool),
        rewards=array,
        advantages=array * 0,
        k=2,
        seconds_advantage=0.0,
        reasons={reason: 1.0},
        dropped=dropped,
    )


def test_a_verifier_that_fails_on_the_groups_that_a_filter_drops_stops_the_training(actor_classes):
    from passk.openrlhf.trainer import PasskTrainer

    one = object.__new__(PasskTrainer)
    dropped = of([[0, 0]], reason=verifiers.CRASH)
    one.experience_maker = SimpleNamespace(rollouts=of([[1, 0], [0, 1], [1, 0]], dropped=dropped))
    one.recorder = SimpleNamespace(write=lambda *_: None)
    one.settings, one.tokenizer = SimpleNamespace(max_failed=0.2), None
    one.seconds_evaluation = one.recorded = 0.0
    with pytest.raises(PasskError, match=r"^max_failed: step 7: the verifier returned no verdict for 25\.0% "):
        one.save_logs_and_checkpoints(7)


def test_the_record_of_a_step_is_that_of_all_groups_that_were_sampled(actor_classes):
    from passk.openrlhf.step_recorder import Rollouts

    used = [[1, 0, 0, 0], [0, 0, 0, 0]]  # the second one fills the step
    dropped = [[1, 1, 1, 1], [1, 1, 1, 0]]
    metrics = of(used, dropped=of(dropped, reason="empty")).metrics()
    assert (metrics["generated_groups"], metrics["used_groups"]) == (4, 1)
    assert metrics["reward"] == pytest.approx(8 / 16) and metrics["correct_counts"] == [1, 1, 0, 1, 1]
    assert metrics["reasons"] == {"correct": 0.5, "empty": 0.5}
    assert metrics["tokens"] == 16
    plain = of(used).metrics()
    assert (plain["generated_groups"], plain["used_groups"], plain["reward"]) == (2, 2, pytest.approx(1 / 8))
    empty = of(used, dropped=Rollouts([], [], np.zeros(0, bool), np.zeros((0, 4)), np.zeros((0, 4)), 2, 0.0)).metrics()
    assert (empty["generated_groups"], empty["used_groups"], empty["reward"]) == (2, 1, pytest.approx(1 / 8))


def test_the_sum_of_tokens_is_the_mean_over_sequences_of_their_sums_for_any_micro_batches(actor_classes):
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.utils.loss_utils import _optimizer_step_loss_norm

    from passk.openrlhf import length_settings
    from passk.openrlhf.sum_of_tokens import SumOfTokens

    torch.manual_seed(1)
    log_probs, advantages = torch.randn(4, 3), torch.randn(4, 3)
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0]])
    # at equal old log-probabilities the ratio is 1, so a token's loss is its negative advantage
    expected = -(advantages * mask).sum() / 3
    for rows in ([[0, 1, 2, 3]], [[0, 1], [2, 3]], [[0], [1], [2], [3]]):
        masks = [mask[each] for each in rows]
        info = length_settings.bounded(_optimizer_step_loss_norm(masks, None, 1, len(rows)))
        losses = [
            SumOfTokens(PolicyLoss(token_level_loss=True))(
                log_probs[each], log_probs[each], advantages[each], action_mask=mask[each], **info
            )[0]
            for each in rows
        ]
        assert float(sum(losses) / len(rows)) == pytest.approx(float(expected))  # DeepSpeed's mean of micro-batches


@pytest.mark.parametrize(("method", "hooked"), [(None, False), (GCPO(), False), (SimKO(), True)])
def test_without_a_method_in_the_loss_there_is_no_hook_and_openrlhfs_own_loss(
    actor_classes, monkeypatch, method, hooked
):
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer

    from passk.openrlhf.policy import PasskPolicy

    loss = torch.nn.Identity()

    def upstream(self):
        self.trainer = object.__new__(ActorPPOTrainer)
        self.trainer.actor, self.trainer.actor_loss_fn = torch.nn.Linear(1, 1), loss

    monkeypatch.setattr(PasskPolicy.__mro__[1], "init_model_from_pretrained", upstream)
    policy = object.__new__(PasskPolicy)
    policy.ema, policy.method, policy.sum_tokens = None, method, False
    policy.init_model_from_pretrained()
    assert (len(policy.trainer.actor._forward_hooks) == 1) == hooked
    assert (policy.trainer.actor_loss_fn is not loss) == hooked


@pytest.mark.parametrize("method", [None, SimKO()], ids=["off", "simko"])
def test_without_a_method_the_actor_and_its_loss_are_openrlhfs_own(actor_classes, monkeypatch, method):
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer

    from passk.openrlhf.policy import PasskPolicy

    def init(policy, *_arguments):
        policy.trainer = ActorPPOTrainer.__new__(ActorPPOTrainer)
        policy.trainer.actor, policy.trainer.actor_loss_fn = torch.nn.Linear(1, 1), PolicyLoss()

    monkeypatch.setattr(PasskPolicy.__mro__[1], "init_model_from_pretrained", init)
    policy = PasskPolicy.__new__(PasskPolicy)
    policy.ema, policy.method, policy.sum_tokens = None, method, False
    policy.init_model_from_pretrained()
    assert (type(policy.trainer.actor_loss_fn) is PolicyLoss) == (method is None)
    assert bool(policy.trainer.actor._forward_hooks) == (method is not None)
