"""What `python -m passk.openrlhf` refuses before it starts anything."""

import json

import pytest

from passk.base.errors import ConfigError
from passk.openrlhf.__main__ import check
from passk.openrlhf.settings import split_arguments
from passk.openrlhf.step_recorder import MetricsLog
from tests.unit.each import every


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Where the record has its default directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(*words):
    check(*split_arguments(list(words)))


@pytest.mark.parametrize(
    "spelled",
    [
        ["--rollout.n_samples_per_prompt", "16"],
        ["--rollout.n_samples_per_prompt=16"],
        ["--rollout.n_samples_per_prompt", "32", "--rollout.n_samples=16"],
    ],
)
def test_k_is_checked_against_the_rollouts_however_the_flag_is_spelled(spelled):
    checked("--passk.advantage", "passk_analytical", "--passk.k", "15", *spelled)
    with pytest.raises(ConfigError, match=r"k: must be smaller than the rollouts per prompt \(16\) .*, not 16"):
        checked("--passk.advantage", "passk_analytical", "--passk.k", "16", *spelled)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--passk.advantage", "grop"], "advantage: 'grop' does not exist; did you mean grpo"),
        (["--passk.advantage", "grpo", "--passk.options", '{"sigma": 1}'], "options.sigma: grpo has no such option"),
        (["--passk.advantage", "passk_analytical", "--passk.k", "4"], r"k: .* the rollouts per prompt \(1\) .*, not 4"),
    ],
)
def test_estimator_options_and_k_are_checked_where_the_number_of_rollouts_is_left_to_openrlhf(words, message):
    with pytest.raises(ConfigError, match=message):
        checked(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--train.async_enable"], "^--train.async_enable: "),
        (["--train.full_determinism_enable", "--algo.dynamic_filter"], "^--algo.dynamic_filtering_enable: "),
        (["--passk.sum_tokens", "--actor.loss_agg_mode", "seq-mean-token-mean"], "^--passk.sum_tokens: "),
        (["--passk.sum_tokens", "--actor.policy_loss_type=gspo"], "^--passk.sum_tokens: "),
    ],
)
def test_switches_that_the_plugin_cannot_live_with_are_refused_abbreviated_too(words, message):
    with pytest.raises(ConfigError, match=message):
        checked("--passk.advantage", "grpo", *words)
    checked("--passk.advantage", "grpo", "--train.async_queue_size", "2", "--train.full_determinism_enable")
    checked("--passk.advantage", "grpo", "--passk.sum_tokens", "--actor.loss_agg_mode", "token-mean")


IN_LOSS = ["--algo.kl.use_loss", "--algo.kl.init_coef", "0.05"]
NO_KL = ["--algo.kl.init_coef=0"]
ENTROPY = ["--actor.entropy_coef", "0"]


@every(
    ("name", "words", "fault"),
    [
        ("simko", NO_KL, "reads the entropy of each token, which is off; add --actor.entropy_coef 0"),
        ("simko", ENTROPY, "changes advantages, and the KL penalty of --algo.kl.init_coef 0.01 is a part of them; set"),
        ("resrl", [], "changes advantages, and the KL penalty of --algo.kl.init_coef 0.01 is"),
        ("gcpo", ["--algo.kl.init_coef", "0.2"], "changes advantages, and the KL penalty of --algo.kl.init_coef 0.2"),
        ("ar_opd", NO_KL, "needs the demonstrations of problems; add --passk.problems FILE"),
        ("ar_opd", ["--passk.problems", "p.parquet"], "changes advantages, and the KL penalty"),
        ("sage", [], "changes the reference of a KL penalty in the loss; add --algo.kl.use_loss, with"),
        ("sage", ["--algo.kl.use_loss", *NO_KL], "changes the reference of a KL penalty in the loss; add"),
        ("simko", [*ENTROPY, *NO_KL], None),
        ("simko", [*ENTROPY, *IN_LOSS], None),
        ("resrl", NO_KL, None),
        ("gcpo", IN_LOSS, None),
        ("ar_opd", ["--passk.problems", "p.parquet", *NO_KL], None),
        ("sage", IN_LOSS, None),
        ("sage", ["--algo.kl.use_loss"], None),
    ],
)
def test_a_method_is_refused_with_openrlhfs_settings_that_it_cannot_work_with(name, words, fault):
    command = ["--passk.advantage", "grpo", "--passk.method", json.dumps({"name": name}), *words]
    if fault is None:
        return checked(*command)
    with pytest.raises(ConfigError) as refused:
        checked(*command)
    assert str(refused.value).startswith(f"--passk.method: {fault}"), refused.value


def test_a_record_that_has_steps_is_refused_before_the_start_but_for_a_run_that_goes_on(here):
    MetricsLog(here / "passk-record").write({"step": 1})
    with pytest.raises(ConfigError, match=r"^--passk\.record: .*passk-record holds the steps of another run"):
        checked("--passk.advantage", "grpo")
    checked("--passk.advantage", "grpo", "--ckpt.load_enable")
    checked("--passk.advantage", "grpo", "--passk.record", "another")
