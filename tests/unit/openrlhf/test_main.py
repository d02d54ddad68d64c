"""What `python -m passk.openrlhf` refuses before it starts anything."""

import pytest

from passk.base.errors import ConfigError
from passk.openrlhf.__main__ import check
from passk.openrlhf.settings import split_arguments
from passk.openrlhf.step_recorder import MetricsLog


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
    ],
)
def test_switches_that_the_plugin_cannot_live_with_are_refused_abbreviated_too(words, message):
    with pytest.raises(ConfigError, match=message):
        checked("--passk.advantage", "grpo", *words)
    checked("--passk.advantage", "grpo", "--train.async_queue_size", "2", "--train.full_determinism_enable")


def test_a_record_that_has_steps_is_refused_before_the_start_but_for_a_run_that_goes_on(here):
    MetricsLog(here / "passk-record").write({"step": 1})
    with pytest.raises(ConfigError, match=r"^--passk\.record: .*passk-record holds the steps of another run"):
        checked("--passk.advantage", "grpo")
    checked("--passk.advantage", "grpo", "--ckpt.load_enable")
    checked("--passk.advantage", "grpo", "--passk.record", "another")
