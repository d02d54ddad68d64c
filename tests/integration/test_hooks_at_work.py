"""What passk puts into OpenRLHF's and vLLM's hooks, at work on a few numbers in the classes that are installed."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from passk.base.errors import PasskError
from passk.experiment import config

ROOT = Path(__file__).parents[2]


def config_of_openrlhf():
    """As much of OpenRLHF's arguments as its samples generator reads."""
    return SimpleNamespace(
        rollout=SimpleNamespace(n_samples_per_prompt=4),
        train=SimpleNamespace(full_determinism_enable=True),
        algo=SimpleNamespace(advantage=SimpleNamespace(is_correction_level="off")),
    )


def test_the_samples_generator_deals_prompts_to_idle_engines_in_turn(actor_classes, monkeypatch):
    from openrlhf.trainer.ppo_utils import samples_generator

    from passk.openrlhf.samples_generator import PasskSamplesGenerator

    calls = []

    class Method:
        def __init__(self, engine, name):
            self.engine, self.name = engine, name

        def remote(self, *arguments, **options):
            calls.append((self.engine, self.name, arguments, options))
            return 0

    class Engine:
        def __init__(self, number):
            self.number = number

        def __getattr__(self, name):
            return Method(self.number, name)

    generator = object.__new__(PasskSamplesGenerator)
    generator.vllm_engines = [Engine(number) for number in range(3)]
    generator.args = config_of_openrlhf()
    generator.tokenizer, generator.dispatched = None, []
    monkeypatch.setattr(samples_generator.ray, "get", lambda references: references)
    generator._dispatch_prompts_to_vllm(list("abcdefgh"), list("ABCDEFGH"), images=None, max_new_tokens=8)
    asked = [engine for engine, name, *_ in calls if name == "generate_responses"]
    released = {engine: arguments[0] for engine, name, arguments, _ in calls if name == "release"}
    assert released == {engine: asked.count(engine) * 4 for engine in range(3)}
    assert sum(released.values()) == 8 * 4
    assert generator.dispatched == list(zip("abcdefgh", "ABCDEFGH", strict=True))


def test_a_batch_stands_in_the_order_of_its_prompts_however_the_answers_came(actor_classes, monkeypatch):
    import torch
    from openrlhf.trainer.ppo_utils.experience import Experience

    from passk.openrlhf import samples_generator as samples

    def group(prompt, *tokens):
        return [Experience(prompts=[prompt], labels=[["x"]], sequences=torch.tensor([[token]])) for token in tokens]

    arrived = [*group("b", 5, 6), *group("a", 3, 4), *group("c", 7, 8), *group("a", 1, 2)]

    def upstream(self, **_):
        self.dispatched += dealt
        return arrived, 4, False

    monkeypatch.setattr(samples.SamplesGenerator, "_generate_vllm", upstream)
    generator = object.__new__(samples.PasskSamplesGenerator)
    generator.vllm_engines, generator.args, generator.step = [], config_of_openrlhf(), 1
    generator.max_rounds = None
    monkeypatch.setattr(generator, "_compare_weights", lambda max_length: None)
    monkeypatch.setattr(samples.ray, "get", lambda references: references)
    dealt = [("a", ["x"]), ("b", ["x"]), ("a", ["x"]), ("c", ["x"])]
    ordered, consumed, exhausted = generator._generate_vllm(n_samples_per_prompt=2)
    assert [int(experience.sequences) for experience in ordered] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (consumed, exhausted) == (4, False)


def test_a_training_whose_recorded_steps_meet_its_condition_samples_no_more_and_saves_its_last_step(
    actor_classes, monkeypatch, tmp_path
):
    import json

    from passk.experiment.k_schedule import Schedule
    from passk.experiment.until import Until
    from passk.openrlhf import samples_generator as samples
    from passk.openrlhf import trainer
    from passk.openrlhf.evaluation_log import EvaluationLog
    from passk.openrlhf.exports import Exports
    from passk.openrlhf.kept_models import KeptModels
    from passk.openrlhf.settings import PluginSettings

    saved = []
    stub = SimpleNamespace(write=lambda step, *_: lines.append({"step": step, "reward": rewards[step - 1]}) or record())
    stub.log = SimpleNamespace(path=tmp_path / "metrics.jsonl")
    rewards, lines = [0.2, 0.4, 0.8, 0.9], []

    def record() -> None:
        stub.log.path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    upstream = trainer.PasskTrainer.__mro__[1]
    monkeypatch.setattr(
        upstream, "save_logs_and_checkpoints", lambda self, step, *_: saved.append(step % self.args.ckpt.save_steps)
    )
    monkeypatch.setattr(samples.SamplesGenerator, "generate_samples", lambda self: (["sample"], None, 1, False))
    one = object.__new__(trainer.PasskTrainer)
    until = Until.model_validate({"metric": "reward", "above": 0.5, "window": 2})
    one.settings = PluginSettings("grpo", Schedule.of(1), {}, tmp_path, max_failed=1.0, until=until)
    one.evaluations, one.kept = EvaluationLog(tmp_path), KeptModels(tmp_path, None, print)
    one.samples_generator, one.exports = object.__new__(samples.PasskSamplesGenerator), Exports(tmp_path, None)
    one.experience_maker = SimpleNamespace(rollouts=SimpleNamespace(generated=SimpleNamespace(reasons=None)), states={})
    one.recorder, one.recorded, one.tokenizer, one.seconds_evaluation = stub, 0.0, None, 0.5
    one.args = SimpleNamespace(ckpt=SimpleNamespace(path=str(tmp_path), save_steps=20))
    step = 0
    while one.samples_generator.generate_samples() != ([], None, 0, True):
        step += 1
        one.save_logs_and_checkpoints(step, {"timing/generation": 2.0})
    assert step == 3, "0.4 and 0.8 have a mean above 0.5"
    assert [place == 0 for place in saved] == [False, False, True]


def test_every_rollout_has_a_token_that_is_trained_on_so_none_is_masked_in_its_group(actor_classes):
    from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator

    from passk.openrlhf import flags

    experiment = config.load(ROOT / "experiments" / "maze-cpu.yaml")
    stage = next(stage for stage in experiment.stages.values() if stage.kind == "rl")
    paths = flags.Paths("model", Path("data"), Path("out"))
    arguments = flags.rl(stage, experiment.compute, paths, seed=0)
    longest = int(arguments[arguments.index("--data.max_len") + 1])
    generator = object.__new__(SamplesGenerator)
    for prompt in (1, stage.max_prompt):  # a longer one is refused before training
        for tokens in (1, stage.max_response):
            response = {
                "observation_tokens": [5] * (prompt + tokens), "action_ranges": [(prompt, prompt + tokens)],
                "rollout_log_probs": None, "prompt": "", "label": "", "truncated": tokens == stage.max_response,
            }  # fmt: skip
            experience = generator._process_response_into_experience(response, max_len=longest)
            assert int(experience.action_mask.sum()) == tokens


@pytest.mark.parametrize(
    ("engines", "ranks", "stops"),
    [
        ([[-1.0, -2.0], [-1.0, -2.1]], [[-1.0, -2.0]], False),
        ([[-1.0, -2.0], [-1.0, -9.0]], [[-1.0, -2.0]], True),
        ([[-1.0, -2.0]], [[-1.0, -2.0], [-1.0, -9.0]], True),
        ([[float("nan"), -2.0], [-1.0, -2.0]], [[-1.0, -2.0]], True),
    ],
    ids=["equal", "one engine is off", "one rank is off", "not a number"],
)
def test_every_engine_is_compared_with_every_rank_before_a_batch(actor_classes, monkeypatch, engines, ranks, stops):
    from passk.openrlhf import samples_generator as samples

    class Engine:
        def __init__(self, found):
            self.log_probs = SimpleNamespace(remote=lambda tokens: found)

    seen = []

    def async_run_method(method_name, tokens):
        seen.append((method_name, len(tokens)))
        return ranks

    generator = object.__new__(samples.PasskSamplesGenerator)
    generator.vllm_engines, generator.step = [Engine(found) for found in engines], 4
    generator.policy = SimpleNamespace(async_run_method=async_run_method)
    generator.tokenizer = SimpleNamespace(
        all_special_ids=[0], get_added_vocab=dict, get_vocab=lambda: {str(i): i for i in range(99)}
    )
    monkeypatch.setattr(samples.ray, "get", lambda references: references)
    with pytest.raises(PasskError, match="^model: step 4: vLLM") if stops else contextlib.nullcontext():
        generator._compare_weights(max_length=17)
    assert seen == [("log_probs", 16)]
    assert stops or generator.logprob_gap == pytest.approx(0.05)


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_loss_and_the_entropy_of_a_step_are_the_same_however_the_batch_is_cut(actor_classes, dynamic, monkeypatch):
    import torch
    from openrlhf.models.loss import aggregate_loss
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer
    from openrlhf.utils import loss_utils

    from passk.openrlhf.policy import PasskActorTrainer

    masks = [torch.tensor([[1.0] * n + [0.0] * (9 - n)]) for n in (1, 9, 2)]
    entropies = [torch.full((1, 9), value) for value in (3.0, 1.0, 2.0)]
    tokens = sum(float(mask.sum()) for mask in masks)

    def upstream(self, experience, kl_ctl, step, info):
        own = info or loss_utils.get_loss_batch_info(
            None, experience.action_mask, replay_buffer=self.replay_buffer, step=step, dynamic_batch=True
        )
        entropy = aggregate_loss(entropies[step], experience.action_mask, **own)
        metrics = {"entropy_loss": entropy, "kl": entropy * 2, "length": experience.action_mask.sum(-1)}
        metrics["policy_loss"] = aggregate_loss(
            entropies[step], experience.action_mask, token_level_loss=False, **own
        )  # of an aggregation by sequences
        return {"metrics": metrics, "num_action_tokens": float(experience.action_mask.sum())}

    monkeypatch.setattr(ActorPPOTrainer, "training_step", upstream)
    monkeypatch.setattr(loss_utils, "_get_dp_group", lambda strategy: None)
    trainer = PasskActorTrainer.__new__(PasskActorTrainer)
    trainer.strategy, trainer.args = None, SimpleNamespace(train=SimpleNamespace(dynamic_batch_enable=dynamic))
    trainer.replay_buffer = SimpleNamespace(dynamic_batch_num_tokens=[tokens] * 3, dynamic_global_batch_size=[3.0] * 3)
    info = None if dynamic else loss_utils._optimizer_step_loss_norm(masks, None, 1, len(masks))
    weighted = kl = loss = 0.0
    for step, mask in enumerate(masks):
        status = trainer.training_step(SimpleNamespace(action_mask=mask), 0.0, step, info)
        weighted += float(status["metrics"]["entropy_loss"]) * status["num_action_tokens"]  # as ppo_train does
        kl += float(status["metrics"]["kl"]) * status["num_action_tokens"]
        loss += float(status["metrics"]["policy_loss"]) * status["num_action_tokens"]
    assert weighted / tokens == pytest.approx((3.0 * 1 + 1.0 * 9 + 2.0 * 2) / tokens)
    assert kl == pytest.approx(2 * weighted)
    assert loss / tokens == pytest.approx((3.0 + 1.0 + 2.0) / 3)


def test_every_answer_trains_on_its_own_advantage_wherever_it_was_dealt_to(actor_classes, monkeypatch):
    import torch

    from passk import advantage
    from passk.experiment.advantage_schedule import AdvantageSchedule
    from passk.experiment.k_schedule import Schedule
    from passk.openrlhf import length_settings, trainer
    from passk.openrlhf.settings import PluginSettings

    monkeypatch.setattr(length_settings, "apply_length_penalties", lambda experiences, args: None)
    maker = object.__new__(trainer.PasskExperienceMaker)
    maker.settings = PluginSettings(AdvantageSchedule.of("grpo"), Schedule.of(1), {}, Path())
    maker.step, maker.tokenizer, maker.states = 1, None, {}
    maker.args = SimpleNamespace(rollout=SimpleNamespace(n_samples_per_prompt=4), train=SimpleNamespace(seed=1))
    maker.kl_ctl = SimpleNamespace(value=0.0)
    rewards = torch.tensor([0.0, 0.25, 0.5, 1.0, 0.0, 0.0, 0.75, 0.125])  # as they were generated

    def dealt(index, lengths):
        width = max(lengths)
        mask = torch.tensor([[1] * length + [0] * (width - length) for length in lengths])
        return SimpleNamespace(
            index=index, rewards=rewards[index], action_mask=mask, kl=torch.zeros(mask.shape),
            sequences=torch.ones(len(index), width + 1, dtype=torch.long), truncated=torch.zeros(len(index)),
            prompts=[str(i // 4) for i in index], labels=["a label"] * len(index), info={}, action_log_probs=None,
            rollout_log_probs=None,
        )  # fmt: skip

    made = maker.compute_advantages_and_returns([dealt([6, 0, 3, 5], [2, 1, 4, 3]), dealt([1, 7, 4, 2], [1, 5, 2, 2])])
    expected = advantage.compute("grpo", rewards.view(2, 4), 1).flatten()
    assert len(set(expected.tolist())) >= 7, "no two that could be taken for one another, but for the two of 0"
    for experience in made:
        for row, place in enumerate(experience.index):
            trained = experience.advantages[row][experience.action_mask[row].bool()]
            assert torch.allclose(trained, expected[place].expand_as(trained)), place


def test_vllm_is_asked_for_what_the_benchmark_says():
    from passk.evaluation import generate
    from passk.evaluation.request import Request

    config = {"samples": 3, "temperature": 0.7, "top_p": 0.9, "max_response": 8, "stop": ["Q:"]}
    asked = generate.sampling_parameters(Request({"config": config}, "m", "p", "d", {}), 11)
    told = (asked.n, asked.temperature, asked.top_p, asked.max_tokens, asked.seed, asked.logprobs)
    assert told == (3, 0.7, 0.9, 8, 11, 0)
    assert asked.stop == ["Q:"]
