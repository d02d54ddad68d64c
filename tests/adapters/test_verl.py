"""verl's own trainer functions, DataProto, configuration and launcher, with our estimators."""

import subprocess
import sys
import tempfile

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from verl import DataProto
from verl.trainer.ppo import core_algos
from verl.trainer.ppo.padding_utils import construct_minimal_padding_template
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_and_add_to_batch
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

from passk import advantage
from passk.adapters import verl as adapter
from passk.base.errors import ConfigError, PasskError
from tests.adapters.verl_options import NEEDED

N, PROMPTS, LENGTH = 6, 5, 4
OF_REWARDS = [name for name in advantage.names() if not advantage.get(name).needs]
NEEDING_MORE = [name for name in advantage.names() if advantage.get(name).needs]


def algorithm(*overrides):
    """The algorithm section as verl hands it to an estimator: its own YAML, and a person's flags."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", list(overrides)).algorithm


def batch(sizes, *, binary=True, seed=0):
    """Prompts with so many rollouts each, shuffled, responses of different lengths -> (DataProto, rewards by row)."""
    draw = np.random.default_rng(seed)
    uids = draw.permutation([f"prompt-{i}" for i, size in enumerate(sizes) for _ in range(size)]).astype(object)
    rewards = draw.integers(0, 2, len(uids)) if binary else draw.normal(size=len(uids))
    rewards = torch.tensor(rewards, dtype=torch.float32)
    lengths = torch.tensor(draw.integers(1, LENGTH + 1, len(uids)))
    mask = (torch.arange(LENGTH) < lengths.unsqueeze(1)).long()
    tokens = torch.zeros(len(uids), LENGTH)
    tokens[torch.arange(len(uids)), lengths - 1] = rewards
    tensors = {"token_level_rewards": tokens, "response_mask": mask}
    return DataProto.from_dict(tensors=tensors, non_tensors={"uid": uids}), rewards


def by_prompt(uids):
    """Row numbers of each prompt's rollouts, prompts in the order in which the batch first has them."""
    return [[row for row, uid in enumerate(uids) if uid == prompt] for prompt in dict.fromkeys(uids)]


def k_of(name):
    return 1 if advantage.get(name).k == "1" else 3


@pytest.mark.parametrize("trainer_function", [compute_advantage, compute_advantage_for_multi_trajectories])
@pytest.mark.parametrize("name", OF_REWARDS)
def test_verls_trainer_function_gets_the_advantages_of_every_estimator(name, trainer_function):
    estimator, k = advantage.get(name), k_of(name)
    config = algorithm(f"algorithm.adv_estimator=passk/{name}", f"+algorithm.passk.k={k}", *NEEDED.get(name, []))
    data, rewards = batch([N] * PROMPTS, binary=estimator.binary)
    keys = {} if trainer_function is compute_advantage else {"batch_keys": [f"u_{i}_0" for i in range(len(data))]}
    torch.manual_seed(7)
    done = trainer_function(data, adv_estimator=config.adv_estimator, config=config, **keys)

    rows = torch.tensor(by_prompt(data.non_tensor_batch["uid"]))
    torch.manual_seed(7)
    expected = advantage.compute(name, rewards[rows], k, **config.passk.get("options", {}))
    assert expected.abs().sum() > 0
    assert torch.equal(done.batch["advantages"][rows], expected.unsqueeze(-1) * data.batch["response_mask"][rows])
    assert torch.equal(done.batch["returns"], done.batch["advantages"])


def test_options_travel_through_verls_configuration():
    flags = ["algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=2"]
    data, rewards = batch([N] * PROMPTS)
    rows = torch.tensor(by_prompt(data.non_tensor_batch["uid"]))
    for flag, sigma in (([], True), (["+algorithm.passk.options.sigma=false"], False)):
        config = algorithm(*flags, *flag)
        done = compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
        first = data.batch["response_mask"].argmax(dim=1)
        found = done.batch["advantages"][torch.arange(len(rewards)), first]
        assert torch.equal(found[rows], advantage.compute("passk_analytical", rewards[rows], 2, sigma=sigma))


def test_prompts_with_different_numbers_of_rollouts_are_each_judged_by_their_own():
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=2")
    data, rewards = batch([3, 6, 6, 5, 3])
    done = compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
    for rows in by_prompt(data.non_tensor_batch["uid"]):
        expected = advantage.compute("passk_analytical", rewards[rows].unsqueeze(0), 2)[0]
        assert torch.equal(done.batch["advantages"][rows], expected.unsqueeze(-1) * data.batch["response_mask"][rows])


def test_rows_with_which_verl_fills_up_a_batch_are_no_prompt_with_too_few_rollouts():
    filler, _ = construct_minimal_padding_template({}, {}, eos_token_id=0)
    assert not filler["response_mask"].any()
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=3")
    data, rewards = batch([N, N, 2])
    rows = torch.tensor([rows for rows in by_prompt(data.non_tensor_batch["uid"]) if len(rows) == N])
    filled_up = torch.ones(len(data), dtype=torch.bool)
    filled_up[rows] = False
    data.batch["response_mask"][filled_up] = 0
    done = compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
    expected = advantage.compute("passk_analytical", rewards[rows], 3).unsqueeze(-1)
    assert expected.any(dim=1).all()
    assert torch.equal(done.batch["advantages"][rows], expected * data.batch["response_mask"][rows])
    assert not done.batch["advantages"][filled_up].any()


def rejecting(data, rejected, threshold=2.0):
    """The batch after verl's own rejection sampling, which is made to reject these rows."""
    data.batch["old_log_probs"] = torch.zeros(len(data), LENGTH)
    data.batch["rollout_log_probs"] = torch.zeros(len(data), LENGTH)
    data.batch["rollout_log_probs"][rejected] = -5.0
    settings = {"rollout_is": None, "rollout_rs": "seq_mean_k1", "rollout_rs_threshold": threshold}
    return compute_rollout_correction_and_add_to_batch(data, OmegaConf.create(settings))[0]


@pytest.mark.parametrize("trainer_function", [compute_advantage, compute_advantage_for_multi_trajectories])
@pytest.mark.parametrize("name", OF_REWARDS)
def test_a_rollout_that_verl_rejected_does_not_count_in_its_group(name, trainer_function):
    k = k_of(name)
    config = algorithm(f"algorithm.adv_estimator=passk/{name}", f"+algorithm.passk.k={k}", *NEEDED.get(name, []))
    data, rewards = batch([8] * PROMPTS, binary=advantage.get(name).binary)
    groups = by_prompt(data.non_tensor_batch["uid"])
    rejected = [row for group in groups for row in group[1:3]]
    data = rejecting(data, rejected)
    kept = data.batch["response_mask"].any(dim=1)
    assert not kept[rejected].any() and kept.sum() == 6 * PROMPTS
    # the reward that a rejected rollout would have had must not matter
    data.batch["token_level_rewards"][rejected] = torch.nan
    keys = {} if trainer_function is compute_advantage else {"batch_keys": [f"u_{i}_0" for i in range(len(data))]}
    torch.manual_seed(7)
    done = trainer_function(data, adv_estimator=config.adv_estimator, config=config, **keys)

    rows = torch.tensor([group[:1] + group[3:] for group in groups])
    torch.manual_seed(7)
    expected = advantage.compute(name, rewards[rows], k, **config.passk.get("options", {}))
    assert expected.abs().sum() > 0
    assert torch.equal(done.batch["advantages"][rows], expected.unsqueeze(-1) * data.batch["response_mask"][rows])
    assert not done.batch["advantages"][rejected].any()


def test_a_group_that_rejection_left_too_small_gets_no_advantage_and_a_warning():
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=3")
    data, rewards = batch([N, N])
    few, whole = by_prompt(data.non_tensor_batch["uid"])
    data.batch["response_mask"][few[3:]] = 0
    with pytest.warns(UserWarning, match="too small for passk_analytical with k=3"):
        done = compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
    assert not done.batch["advantages"][few].any()
    expected = advantage.compute("passk_analytical", rewards[whole].unsqueeze(0), 3)[0].unsqueeze(-1)
    assert expected.any()
    assert torch.equal(done.batch["advantages"][whole], expected * data.batch["response_mask"][whole])


def test_a_group_that_was_too_small_before_any_rejection_is_an_error():
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=3")
    data, _ = batch([N, 3])
    few = next(rows for rows in by_prompt(data.non_tensor_batch["uid"]) if len(rows) == 3)
    data.batch["response_mask"][few[0]] = 0
    with pytest.raises(ConfigError, match="^k: "):
        compute_advantage(data, adv_estimator=config.adv_estimator, config=config)


def test_the_reward_is_the_sum_over_the_tokens():
    config = algorithm("algorithm.adv_estimator=passk/pkpo_sloo", "+algorithm.passk.k=2")
    data, rewards = batch([N] * PROMPTS, binary=False)
    data.batch["token_level_rewards"] = torch.stack([rewards, -rewards / 4, -rewards / 4, rewards / 2], dim=1)
    rows = torch.tensor(by_prompt(data.non_tensor_batch["uid"]))
    done = compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
    expected = advantage.compute("pkpo_sloo", data.batch["token_level_rewards"].sum(dim=-1)[rows], 2)
    assert torch.equal(done.batch["advantages"][:, 0][rows], expected)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["+algorithm.passk.k=6"], "k: .*6.* lower k or raise rollouts"),
        (["+algorithm.passk.k=0"], "k: must be a whole number of 1 or more, not 0"),
        (["+algorithm.passk.k=four"], "k: must be a whole number of 1 or more, not .*four"),
        ([], r"algorithm.passk.k: passk_analytical requires k; add \+algorithm.passk.k=4"),
        (["+algorithm.passk=4"], "algorithm.passk: must be of the form"),
        (["+algorithm.passk.K=4"], "algorithm.passk.K: does not exist"),
        (["+algorithm.passk.k=2", "+algorithm.passk.option.sigma=false"], "algorithm.passk.option: .* mean options?"),
        (["+algorithm.passk.k=2", "+algorithm.passk.options.sigma=no"], "options.sigma: .* not .no."),
        (["+algorithm.passk.k=2", "+algorithm.passk.options.sgma=true"], "options.sgma: .* did you mean sigma?"),
    ],
)  # fmt: skip
def test_a_bad_k_or_option_is_one_line_that_names_it(flags, message):
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", *flags)
    data, _ = batch([N] * PROMPTS)
    with pytest.raises(ConfigError, match=f"^{message}") as raised:
        compute_advantage(data, adv_estimator=config.adv_estimator, config=config)
    assert "\n" not in str(raised.value)


def test_an_estimator_of_pass_at_1_needs_no_k():
    data, rewards = batch([N] * PROMPTS)
    rows = torch.tensor(by_prompt(data.non_tensor_batch["uid"]))
    done = compute_advantage(data, adv_estimator="passk/grpo", config=algorithm())
    assert torch.equal(done.batch["advantages"][:, 0][rows], advantage.compute("grpo", rewards[rows], 1))


@pytest.mark.parametrize("name", NEEDING_MORE)
def test_an_estimator_that_needs_more_than_rewards_says_so(name):
    data, _ = batch([N] * PROMPTS)
    with pytest.raises(PasskError, match=f"{name} needs (answers|entropy|state), which verl passes to no estimator"):
        compute_advantage(data, adv_estimator=f"passk/{name}", config=algorithm("+algorithm.passk.k=2"))


def test_verl_still_hands_nothing_but_rewards_to_an_estimator(monkeypatch):
    seen = {}

    def estimate(**given):
        seen.update(given)
        return given["token_level_rewards"], given["token_level_rewards"]

    monkeypatch.setitem(core_algos.ADV_ESTIMATOR_REGISTRY, "spy", estimate)
    data, rewards = batch([N] * PROMPTS)
    data.batch["entropys"] = torch.zeros(len(rewards), LENGTH)
    data.non_tensor_batch["pred"] = np.array(["7"] * len(rewards), dtype=object)
    compute_advantage(data, adv_estimator="spy", config=algorithm())
    assert set(seen) == {"token_level_rewards", "response_mask", "config", "index"}


def test_rewards_that_an_estimator_cannot_take_are_refused():
    config = algorithm("algorithm.adv_estimator=passk/passk_analytical", "+algorithm.passk.k=2")
    data, _ = batch([N] * PROMPTS, binary=False)
    with pytest.raises(PasskError, match="rewards: passk_analytical accepts only 0 and 1"):
        compute_advantage(data, adv_estimator=config.adv_estimator, config=config)


def test_verls_own_estimators_stay_and_registering_twice_changes_nothing():
    before = dict(core_algos.ADV_ESTIMATOR_REGISTRY)
    assert adapter.register() == [f"passk/{name}" for name in advantage.names()]
    assert before == core_algos.ADV_ESTIMATOR_REGISTRY
    own = {name: f for name, f in before.items() if not name.startswith("passk/")}
    assert {"grpo", "rloo", "grpo_passk"} <= set(own)
    assert {f.__module__ for f in own.values()} == {core_algos.__name__}


LAUNCH = """
import hydra, ray
from verl.trainer.main_ppo import run_ppo

@ray.remote(num_cpus=1)
class Runner:
    def run(self, config):
        import numpy, torch
        from verl import DataProto
        from verl.trainer.ppo.ray_trainer import compute_advantage
        rewards = torch.zeros(12, 3)
        rewards[[0, 1, 3], 2] = 1  # a: 1 of 6 right, b: 2 of 6
        tensors = {"token_level_rewards": rewards, "response_mask": torch.ones_like(rewards)}
        data = DataProto.from_dict(tensors, non_tensors={"uid": numpy.array(list("ab" * 6), dtype=object)})
        done = compute_advantage(data, config.algorithm.adv_estimator, config=config.algorithm)
        torch.save(done.batch["advantages"], config.trainer.default_local_dir)

@hydra.main(config_path="pkg://verl.trainer.config", config_name="ppo_trainer", version_base=None)
def main(config):
    run_ppo(config, task_runner_class=Runner)

main()
"""


@pytest.fixture
def ray_directory():
    """A short path: Ray's sockets lie in it, and a socket's path holds about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="passk-") as directory:
        yield directory


def test_the_flags_of_the_docstring_reach_a_worker_that_verls_launcher_starts(tmp_path, ray_directory, monkeypatch):
    for name in ("VERL_USE_EXTERNAL_MODULES", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    flags = [line.strip() for line in adapter.__doc__.splitlines() if line.strip().startswith(("+", "algorithm."))]
    assert len(flags) == 4
    quiet = ["ray_kwargs.ray_init.num_cpus=1", "+ray_kwargs.ray_init.include_dashboard=false",
             "+ray_kwargs.ray_init._node_ip_address=127.0.0.1",
             f"+ray_kwargs.ray_init._temp_dir={ray_directory}",
             "+ray_kwargs.ray_init.object_store_memory=80000000", f"hydra.run.dir={tmp_path}"]  # fmt: skip
    (tmp_path / "launch.py").write_text(LAUNCH)
    out = tmp_path / "advantages.pt"
    command = [sys.executable, "launch.py", *flags, *quiet, f"trainer.default_local_dir={out}"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]

    estimator = advantage.get("passk_analytical")
    of_a, of_b = estimator(6, 1, 4, sigma=False), estimator(6, 2, 4, sigma=False)
    expected = [of_a[1], of_b[1], of_a[0], of_b[1], *[of_a[0], of_b[0]] * 4]
    assert torch.load(out) == pytest.approx(torch.tensor(expected).unsqueeze(1).expand(12, 3))
