"""The record of training: whole lines, nothing twice, and metrics that are what their names say."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passk.base.errors import ConfigError
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.k_schedule import Schedule
from passk.files.metrics_log import read_metrics
from passk.openrlhf import difficulty
from passk.openrlhf.prompt_label import ANSWER_HALVES, NO_VERDICT, REASON, Label, identity, problem_of, reason_of
from passk.openrlhf.settings import PluginSettings
from passk.openrlhf.step_recorder import MetricsLog, Rollouts, StepRecorder, gathered
from passk.pipeline.progress import Progress
from tests.log_lines import logged_lines

GRPO = AdvantageSchedule.of("grpo")


class Letters:
    """As much of a tokenizer as the record uses."""

    def batch_decode(self, tokens: list[list[int]], skip_special_tokens: bool) -> list[str]:
        return ["".join("LRUD"[token] for token in response) for response in tokens]


def rollouts(rewards: list[list[float]], tokens: list[list[int]], k: int = 2) -> Rollouts:
    array = np.array(rewards)
    return Rollouts(
        problems=[f"maze-{i}" for i in range(len(rewards))],
        tokens=tokens,
        truncated=np.zeros(array.size, dtype=bool),
        rewards=array,
        advantages=array - array.mean(axis=1, keepdims=True),
        k=k,
        seconds_advantage=0.001,
    )


ONE_STEP = rollouts([[1, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]], [[0], [1], [1], [1, 1]] * 3)


def test_metrics_are_those_of_the_groups():
    metrics = ONE_STEP.metrics()
    assert metrics["reward"] == pytest.approx(4 / 12)
    # 1 - C(n-c, k)/C(n, k): by hand for c = 1, 3, 0 of n = 4
    assert metrics["pass_at_k"] == {
        "1": pytest.approx((1 / 4 + 3 / 4) / 3),
        "2": pytest.approx((1 / 2 + 1) / 3),
        "4": pytest.approx(2 / 3),
    }
    assert metrics["all_incorrect"] == pytest.approx(1 / 3)
    assert metrics["all_correct"] == 0
    assert metrics["few_incorrect"] == pytest.approx(1 / 3)  # one incorrect rollout is fewer than k = 2
    assert metrics["correct_counts"] == [1, 1, 0, 1, 0]
    assert metrics["distinct"] == pytest.approx(3 / 4)
    assert (metrics["tokens"], metrics["length"]) == (15, pytest.approx(15 / 12))


def test_metrics_by_difficulty_are_those_of_its_groups(tmp_path):
    problems = tmp_path / "problems.parquet"
    columns = {"id": ["maze-0", "maze-1", "maze-2", "x"], "difficulty": ["easy", "hard", None, "other"]}
    pq.write_table(pa.table(columns), problems)
    StepRecorder(PluginSettings(GRPO, Schedule.of(2), {}, tmp_path, problems=problems)).write(
        1, ONE_STEP, {}, 1.5, Letters()
    )
    [line] = read_metrics(tmp_path / "metrics.jsonl")
    assert line["reward_by_difficulty"] == {"easy": 0.25, "hard": 0.75}
    assert line["pass_at_k_by_difficulty"] == {"easy": 0.5, "hard": 1.0}
    plain = rollouts([[1, 0], [0, 0]], [[0]] * 4, k=4).metrics({"maze-0": "easy"})
    assert plain["reward_by_difficulty"] == {"easy": 0.5}
    assert plain["pass_at_k_by_difficulty"] == {}, "a group of 2 has no pass@4"


def test_a_difficulty_that_no_problem_has_is_refused_with_those_that_exist(tmp_path):
    problems = tmp_path / "problems.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "difficulty": ["easy", "hard"]}), problems)
    difficulty.require("stages.arm.until.difficulty", "easy", problems)
    message = r"^stages\.arm\.until\.difficulty: no training problem has the difficulty 'eazy'; did you mean easy\?$"
    with pytest.raises(ConfigError, match=message):
        difficulty.require("stages.arm.until.difficulty", "eazy", problems)
    pq.write_table(pa.table({"id": ["a"], "difficulty": pa.array([None], pa.string())}), problems)
    with pytest.raises(ConfigError, match="; remove it, since these problems have no difficulty$"):
        difficulty.require("stages.arm.until.difficulty", "easy", problems)
    problems.write_text("no parquet")
    with pytest.raises(ConfigError, match="^--passk.problems: .* cannot be read .*; name a problem set$"):
        difficulty.difficulties(problems)


def test_rollouts_are_gathered_in_the_order_of_generation_however_openrlhf_dealt_them():
    import torch

    class Dealt:
        """Two rows of a batch whose sequences are prompt (2 tokens), response, padding."""

        def __init__(self, index, responses):
            length = 2 + max(map(len, responses))
            self.index = index
            self.sequences = torch.tensor([[9, 9, *r, *[0] * (length - 2 - len(r))] for r in responses])
            self.action_mask = torch.tensor([[0, *[1] * len(r), *[0] * (length - 2 - len(r))] for r in responses])
            self.prompts = [f"prompt {i // 2}" for i in index]
            self.labels = [Label(f"maze-{i // 2}", "maze", "S.E").dump() for i in index]
            self.truncated = torch.tensor([i == 3 for i in index])
            self.info = {REASON: torch.tensor([-1.0 if i == 3 else float(i) for i in index])}
            self.action_log_probs = -1.0 * torch.tensor(index)[:, None] - 50.0 * (1 - self.action_mask)

    dealt = [Dealt([3, 0], [[3, 3, 3], [0]]), Dealt([2, 1], [[2, 2], [1]])]
    rewards = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    order = torch.tensor([3, 0, 2, 1])
    answers = gathered(dealt, order)
    assert [answer.surprise for answer in answers] == [0, 1, 2, 3]  # of the response's tokens alone
    dealt[1].action_log_probs = None
    assert [answer.surprise for answer in gathered(dealt, order)] == [0, None, None, 3]
    whole = Rollouts.of(answers, rewards, rewards, k=1, seconds_advantage=0.0, mismatch={"importance_gap": 0.5})
    assert whole.problems == ["maze-0", "maze-1"]
    assert whole.tokens == [[0], [1], [2, 2], [3, 3, 3]]
    assert whole.truncated.tolist() == [False, False, False, True]
    # the numbers 0, 1, 2 among the maze's reasons, and a response that could not be verified
    assert [answer.reason for answer in answers] == ["correct", "empty", "off the grid", "crash"]
    assert whole.metrics()["reasons"] == {"correct": 0.25, "crash": 0.25, "empty": 0.25, "off the grid": 0.25}


def test_a_resume_forgets_the_steps_after_the_checkpoint_and_a_line_that_was_cut_off(tmp_path):
    recorder = StepRecorder(PluginSettings(GRPO, Schedule.of(1), {}, tmp_path))
    for step in (1, 2, 3):
        recorder.write(step, ONE_STEP, {}, 1.5, Letters())
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "rew')
    recorder.forget_after(2)
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2]
    assert sorted(file.name for file in (tmp_path / "rollouts").iterdir()) == [
        "step-000001.parquet",
        "step-000002.parquet",
    ]
    recorder.write(3, ONE_STEP, {}, 1.5, Letters())
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_a_run_that_begins_anew_leaves_the_steps_of_another_run_alone(tmp_path):
    StepRecorder(PluginSettings(GRPO, Schedule.of(1), {}, tmp_path)).write(1, ONE_STEP, {}, 1.5, Letters())
    begins = StepRecorder(PluginSettings(GRPO, Schedule.of(1), {}, tmp_path))
    message = r"^--passk\.record: .* holds the steps of another run.* another directory.* --ckpt\.load_enable$"
    with pytest.raises(ConfigError, match=message):
        begins.begin_anew()
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1]
    (tmp_path / "metrics.jsonl").unlink()
    with pytest.raises(ConfigError, match=message):  # the rollouts alone
        begins.begin_anew()
    assert (tmp_path / "rollouts" / "step-000001.parquet").exists()


def test_a_run_that_begins_anew_is_refused_while_another_writes_and_takes_a_directory_that_is_empty(tmp_path):
    begins = StepRecorder(PluginSettings(GRPO, Schedule.of(1), {}, tmp_path))
    # Another process, since a lock that is kept lasts as long as its process.
    code = "import sys; from pathlib import Path; from passk.files import file_lock\n"
    code += "file_lock.keep(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", code, str(tmp_path / ".writer")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        message = rf"^--passk\.record: .*process {other.pid} .*; choose another directory$"
        with pytest.raises(ConfigError, match=message):
            begins.begin_anew()
        other.kill()
    begins.begin_anew()
    begins.forget_after(0)
    begins.write(1, ONE_STEP, {}, 1.5, Letters())
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1]


def test_a_line_that_is_still_being_written_is_not_read(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text(json.dumps({"step": 1}) + "\n" + '{"step": 2')
    assert read_metrics(file) == [{"step": 1}]
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_a_metric_that_the_contract_does_not_name_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="rewrad"):
        MetricsLog(tmp_path).write({"step": 1, "rewrad": 0.5})


def test_a_label_comes_back_whole_and_somebody_elses_prompt_gets_an_id_of_its_own():
    label = Label("maze-1", "maze", 'S."\n*E')
    assert Label.load(label.dump()) == label
    assert problem_of("any", label.dump()) == "maze-1"
    for foreign in ("42", "{}", "not json", '{"problem": 1}', "", 42, 4.2, None, ["42"], {"answer": 42}):
        assert problem_of("What is 6 x 7?", foreign) == problem_of("What is 6 x 7?", "42")
    assert problem_of("a", "42") != problem_of("b", "42")


def test_prompts_are_distinguished_by_labels_of_every_type():
    labels = ["42", 42, 4.2, None, "None", ["42"], [42], {"answer": 42}, {"answer": "42"}]
    assert len({identity("a", label) for label in labels}) == len(labels)
    assert identity("a", {"answer": [42]}) == identity("a", {"answer": [42]}) != identity("b", {"answer": [42]})


def test_the_reward_never_raises_and_is_the_verifiers_score():
    from passk.openrlhf.reward import reward_func

    label = Label("maze-1", "maze", "S.E").dump()
    assert reward_func([">RR$"], [">"], [label])["rewards"] == 1.0
    assert reward_func([">L$"], [">"], [label])["scores"] == 0.0
    for broken in (
        "",
        "42",
        Label("maze-1", "no such verifier", "S.E").dump(),
        Label("maze-1", "maze", "no maze").dump(),
    ):
        assert reward_func([">RR$"], [">"], [broken])["rewards"] == 0.0
        assert reward_func([">RR$"], [">"], [broken])["extra_logs"] == {
            REASON: NO_VERDICT,
            **dict.fromkeys(ANSWER_HALVES, -1.0),
        }


def test_the_reward_hands_the_number_of_the_reason_on_and_judges_in_the_pool_what_needs_a_deadline():
    from passk.openrlhf.reward import response_of, reward_func

    for verifier, answer, response, reason in (
        ("maze", "S.E", "L", "off the grid"),
        ("math", "5", "\\boxed{5}<|im_end|>", "correct"),
        ("exact", "5", "5<|im_end|>\n<|endoftext|>", "correct"),
        ("math", "5", "\\boxed{6}", "incorrect"),
    ):
        label = Label("problem-1", verifier, answer).dump()
        info = reward_func(["<prompt>" + response], ["<prompt>"], [label])["extra_logs"]
        assert reason_of(label, int(info[REASON])) == reason
    assert response_of("<s>2 x 3?6</s>", "2 x 3?") == "6"  # the tokenizer put its first token before the prompt


def test_the_reward_of_a_response_whose_prompt_opened_the_thinking_needs_its_end():
    from passk.openrlhf.reward import reward_func

    for opens in (False, True):
        label = Label("sum-1", "numeric", "5", opens).dump()
        rewards = [
            reward_func(["<prompt><think>\n" + text], ["<prompt><think>\n"], [label])["rewards"]
            for text in ("maybe \\boxed{5}", "maybe \\boxed{6}</think>\\boxed{5}", "\\boxed{5}</think>\\boxed{6}")
        ]
        assert rewards == [float(not opens), 1.0, 0.0]


def test_progress_says_stage_step_reward_speed_and_time_left():
    progress = Progress("pass4", 10)
    with logged_lines() as said:
        progress({"step": 4, "seconds": 10.0, **ONE_STEP.metrics()})
    assert said == ["pass4  step 4/10  k 2  reward 0.333  pass@4 0.667  10.00 s/step  1:00 left"]


def test_the_progress_line_of_an_evaluation_has_every_k_with_its_interval():
    line = {"step": 20, "benchmark": "hard", "samples": 8, "seconds": 12.34}
    line["pass_at_k"] = {"1": {"value": 0.25, "lower": 0.2, "upper": 0.3125}}
    line["maj_at_k"] = {"8": {"value": 0.5, "lower": 0.25, "upper": 0.75}}
    assert Progress("pass4", 99).evaluation(line) == (
        "pass4  step 20/99  evaluated on hard, 8 samples per problem  pass@1 0.250 [0.200, 0.312]  "
        "maj@8 0.500 [0.250, 0.750]  12.3 s"
    )


def test_an_estimator_whose_k_is_beyond_the_group_is_recorded_too():
    beyond = Rollouts(**{**vars(ONE_STEP), "k": 8})
    assert beyond.metrics()["k"] == 8
    assert list(beyond.metrics()["pass_at_k"]) == ["1", "2", "4"]
