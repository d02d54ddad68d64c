"""The views against what the files of the synthetic run say."""

import json

import numpy as np
import pytest

from passk.files.layout import write_json
from passk.statistics import pass_at_k
from passk.store import ask, ingest_experiment_record, rebuild


def dicts(store, sql):
    answer = ask(store, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows()]


def counts(parquet, run, evaluation):
    """n and c, [P] each."""
    columns = parquet.columns(run.directory / "evaluations" / evaluation / "samples.parquet")
    problems = np.array(columns["problem"])
    right = np.array(columns["correct"])
    names = np.unique(problems)
    return np.array([(problems == name).sum() for name in names]), np.array(
        [right[problems == name].sum() for name in names]
    )


def test_pass_at_k_is_the_mean_over_problems_of_the_samples(filed_once, parquet):
    rows = dicts(filed_once.store, "FROM pass_at_k")
    assert {row["k"] for row in rows} == {1, 2, 4, 8, 16}
    assert len(rows) == 4 * 2 * 5
    for row in rows:
        n, c = counts(parquet, filed_once, f"key-{row['checkpoint']}-{row['benchmark']}")
        assert row["pass_at_k"] == pytest.approx(pass_at_k.pass_at_k(n, c, row["k"]).mean(), rel=1e-12)
        right = np.array([np.prod([(c - i) / (n - i) for i in range(row["k"])], axis=0)]).mean()
        assert row["pass_hat_k"] == pytest.approx(max(right, 0), abs=1e-12)
        assert (row["problems"], row["samples"]) == (16, 16)


def test_the_leaderboard_ranks_by_pass_at_1_and_counts_the_training_of_the_ancestors(filed_once, parquet):
    rows = dicts(filed_once.store, "FROM leaderboard WHERE benchmark = 'hard'")
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert [row["pass_at_1"] for row in rows] == sorted((row["pass_at_1"] for row in rows), reverse=True)
    board = {row["checkpoint"]: row for row in rows}
    n, c = counts(parquet, filed_once, "key-pass4-pass1-hard")
    last = board["pass4-pass1"]
    assert last["pass_at_1"] == pytest.approx((c / n).mean())
    assert last["solved"] == pytest.approx((c > 0).mean())
    assert last["total_step"] == 12 + 6
    # of an rl step 2.6 s and 2355 tokens, of an sft step 0.2 s; three starts of 21.5 s
    assert last["train_tokens"] == 2355 * 18
    assert last["train_seconds"] == pytest.approx(18 * 2.6 + 6 * 0.2 + 3 * 21.5)
    assert last["train_gpu_seconds"] is None
    assert board["warm"]["train_tokens"] is None
    assert board["warm"]["total_step"] == 0


@pytest.mark.parametrize("colocate", [True, False])
def test_gpu_time_is_wall_time_on_all_gpus_that_a_stage_holds(filed, colocate):
    record = json.loads((filed.directory / "experiment.json").read_text())
    own = {"engines": 3, "tensor_parallel": 2, "colocate": colocate}
    compute = {"profile": "gpu", "nodes": 2, "gpus_per_node": 4, **own}
    record["config"]["compute"] = compute
    write_json(filed.directory / "experiment.json", record)
    rebuild(filed.runs)
    held = {row["kind"]: row["gpus"] for row in dicts(filed.store, "SELECT kind, gpus FROM stages")}
    assert held == {"sft": 4, "rl": 8 if colocate else 14}
    board = {row["checkpoint"]: row for row in dicts(filed.store, "FROM leaderboard WHERE benchmark = 'easy'")}
    supervised = board["warm"]["train_seconds"]
    for row in board.values():
        rl = row["train_seconds"] - supervised
        assert row["train_gpu_seconds"] == pytest.approx(held["sft"] * supervised + held["rl"] * rl)


def test_group_diagnostics_add_up_to_the_groups(filed_once, parquet):
    rows = dicts(filed_once.store, "FROM group_diagnostics WHERE stage = 'pass4' ORDER BY step")
    assert [row["step"] for row in rows] == list(range(1, 13))
    # two groups of four rollouts a step, two of them correct: 2 incorrect ones are fewer than k = 4
    for row in rows:
        assert (row["difficulty"], row["k"], row["estimator"]) == ("train", 4, "passk_analytical")
        counts = ("groups", "zero_advantage", "all_incorrect", "all_correct", "few_incorrect")
        assert [row[name] for name in counts] == [2, 0, 0, 0, 2]
        assert (row["correct_share"], row["distinct_share"]) == (0.5, 0.25)
    (child,) = dicts(filed_once.store, "FROM group_diagnostics WHERE stage = 'pass4-pass1' AND step = 1")
    assert child["total_step"] == 13


def test_learning_curves_go_by_present_names_and_count_tokens_up(filed_once):
    rows = dicts(filed_once.store, "FROM learning_curves WHERE stage = 'pass4-pass1' ORDER BY step")
    assert [row["total_step"] for row in rows] == list(range(13, 19))
    assert [row["tokens"] for row in rows] == [2355 * i for i in range(1, 7)]


def test_what_an_earlier_configuration_made_is_in_no_view(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    record["stages"]["explore"] = record["stages"].pop("pass4")
    record["evaluations"] = [key for key in record["evaluations"] if not key.endswith("easy")]
    write_json(filed.directory / "experiment.json", record)
    ingest_experiment_record(filed.store, filed.directory)
    for view in ("leaderboard", "pass_at_k"):
        found = dicts(filed.store, f"SELECT DISTINCT checkpoint, benchmark FROM {view}")
        assert {row["benchmark"] for row in found} == {"hard"}
        assert {row["checkpoint"] for row in found} == {"warm", "pass1", "explore", "pass4-pass1"}
    for view in ("learning_curves", "group_diagnostics"):
        assert "pass4" not in {row["stage"] for row in dicts(filed.store, f"SELECT DISTINCT stage FROM {view}")}


def test_lineage_goes_back_to_the_stage_without_a_parent(filed_once):
    rows = dicts(filed_once.store, "FROM lineage WHERE stage = 'key-pass4-pass1' ORDER BY distance")
    assert [row["ancestor"] for row in rows] == ["key-pass4-pass1", "key-pass4", "key-warm"]


def test_costs_have_every_phase_of_a_stage_a_evaluation_and_a_session(filed_once):
    found = dicts(filed_once.store, "FROM costs WHERE item = 'key-pass4'")
    seconds = {row["phase"]: row["seconds"] for row in found}
    assert seconds == pytest.approx(
        {"startup": 21.5, "generation": 13.2, "experience": 4.8, "training": 9.6, "sync": 2.4, "other": 12 * 0.1}
    )
    assert {row["phase"]: row["tokens"] for row in found}["generation"] == 2355 * 12
    warm = dicts(filed_once.store, "FROM costs WHERE item = 'key-warm' ORDER BY phase")
    assert [(row["phase"], row["seconds"]) for row in warm] == [("startup", 21.5), ("training", pytest.approx(1.2))]
    evaluation = dicts(filed_once.store, "FROM costs WHERE kind = 'evaluation' AND item = 'key-warm-easy'")
    assert [row["seconds"] for row in evaluation] == [4.25]
    session = dicts(filed_once.store, "FROM costs WHERE kind = 'session' ORDER BY phase")
    assert [(row["phase"], row["seconds"]) for row in session] == [("evaluate", 61.5), ("train pass1", 540.0)]


def test_a_checkpoint_says_where_the_model_lies(filed_once):
    rows = dicts(filed_once.store, "FROM checkpoints ORDER BY stage")
    assert [(row["step"], row["total_step"]) for row in rows] == [(18, 18), (12, 12), (6, 18), (6, 0)]
    assert rows[0]["path"] == "maze-cpu/stages/key-pass1/model"


def test_evaluations_count_the_samples_of_each_problem(filed_once, parquet):
    columns = parquet.columns(filed_once.directory / "evaluations" / "key-warm-hard" / "samples.parquet")
    assert "" in columns["extracted"], "a sample without an answer"
    for row in dicts(filed_once.store, "FROM evaluation_counts WHERE evaluation = 'key-warm-hard'"):
        own = [i for i, problem in enumerate(columns["problem"]) if problem == row["problem"]]
        assert row["n"] == len(own)
        assert row["c"] == sum(columns["correct"][i] for i in own)
        assert row["distinct"] == len({columns["response"][i] for i in own})
        assert row["answers"] == len({columns["extracted"][i] for i in own} - {""})
        assert row["truncated"] == sum(columns["finish_reason"][i] == "length" for i in own)
        assert row["tokens"] == sum(columns["tokens"][i] for i in own)
