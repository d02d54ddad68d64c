"""What is looked at before an experiment's problems are saved."""

import json
import threading

import pytest

from passk import problems, verifiers
from passk.base import progress_line
from passk.base.errors import ConfigError
from passk.experiment.config import parse
from passk.experiment.plan import plan
from passk.pipeline import stages
from passk.problems import preparation
from passk.problems.files import JsonlProblems
from passk.problems.maze import MazeProblems
from tests.log_lines import logged_lines
from tests.unit.experiment.test_config import changed
from tests.unit.problems import copies

GRIDS = ["SE", "ES", "S.E", "E.S", "S..E", "E..S"]


def row(number, grid="SE", way="R"):
    return {"problem": f"Maze {'abcdefgh'[number]}, go:", "answer": grid, "name": f"row {number}", "way": way}


@pytest.fixture
def jsonl(tmp_path):
    def make(name, rows, split, **fields):
        file = copies.write(rows, tmp_path / f"{name}.jsonl")
        given = {"source": "jsonl", "split": split, "file": str(file), "verifier": "maze", "id": "name"}
        return JsonlProblems(**given | fields)

    return make


@pytest.fixture
def prepare(tmp_path):
    def run(**specs):
        files = {
            name: tmp_path / "problems" / f"{problems.fingerprint(spec, 1)}.parquet" for name, spec in specs.items()
        }
        with logged_lines() as run.said:
            preparation.prepare(specs, files, 1)
        return files, run.said

    return run


def test_unreadable_gold_answers_are_listed_one_by_one_and_refused_and_nothing_is_saved(jsonl, prepare, tmp_path):
    bad = jsonl("bad", [row(0), row(1, "no maze"), row(2, "")], "test")
    with pytest.raises(ConfigError) as raised:
        prepare(good=jsonl("good", [row(3)], "train"), bad=bad)
    assert str(raised.value).startswith("problems.bad.unreadable: maze cannot read 2 of 3 gold answers, such as")
    assert "set unreadable: leave_out" in str(raised.value) and "\n" not in str(raised.value)
    assert [line.split(":")[1] for line in prepare.said] == [" row 1", " row 2"]
    assert not (tmp_path / "problems").exists()


def test_unreadable_gold_answers_may_be_left_out_but_not_all_of_them(jsonl, prepare):
    rows = [row(0), row(1, "no maze")]
    files, said = prepare(test=jsonl("test", rows, "test", unreadable="leave_out"))
    assert problems.load(files["test"])["id"] == ["row 0"]
    assert any(line.startswith("left out: maze cannot read 1 of 2 gold answers") for line in said)
    with pytest.raises(ConfigError, match="1 of 1 gold answers"):
        prepare(test=jsonl("none", rows[1:], "test", unreadable="leave_out"))


def test_test_problems_that_are_in_the_training_set_are_logged_and_stored(jsonl, prepare):
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    train = [row(number, grid) for number, grid in enumerate(GRIDS)] + [row(6) | {"problem": long}]
    test = [row(7), row(0) | {"name": "same", "problem": "MAZE A,  go:"}, row(6) | {"problem": f"{long} more"}]
    files, said = prepare(train=jsonl("train", train, "train"), test=jsonl("test", test, "test", template="plain"))
    (line,) = [line for line in said if "NOT SEPARATE" in line]
    assert (
        "of its 3 problems 1 is exactly in train, same = row 0" in line
        and "1 is nearly in train, row 6 ~ row 6" in line
    )
    filed = json.loads((files["test"].parent / "separation.json").read_text())
    assert filed["test"]["train"]["exact"] == [["same", "row 0"]]
    assert [pair[:2] for pair in filed["test"]["train"]["near"]] == [["row 6", "row 6"]]


def test_sets_that_are_separate_are_said_to_be_and_a_test_problem_that_comes_twice_is_told(jsonl, prepare):
    twice = [row(1), row(2), row(1) | {"name": "again"}]
    _, said = prepare(train=jsonl("train", [row(3)], "train"), test=jsonl("test", twice, "test"))
    assert "problems test: none of its 3 problems is in train, exactly or nearly" in said
    assert "problems test: 1 is in it twice, again = row 1" in said


def test_a_set_that_is_there_is_left_alone_and_a_new_one_is_compared_with_it(jsonl, prepare):
    train = jsonl("train", [row(0), row(1)], "train")
    files, _ = prepare(train=train)
    before = files["train"].stat().st_mtime_ns
    assert prepare(train=train)[1] == []
    files, said = prepare(train=train, test=jsonl("test", [row(1)], "test"))
    assert files["train"].stat().st_mtime_ns == before
    assert any("NOT SEPARATE" in line for line in said)


def test_what_is_said_of_a_set_is_its_size_its_split_and_a_hash_of_its_content(jsonl, prepare):
    contents = []
    for way in ("R", "RR"):
        _, said = prepare(train=jsonl("train", [row(0, way=way)], "train", solution="way"))
        assert said[-1].startswith("problems train: 1 of the train split, content ")
        contents.append(said[-1].split()[-1])
    assert len(set(contents)) == 2 and {len(content) for content in contents} == {16}


def test_generated_train_and_test_mazes_are_found_to_be_separate_whatever_their_templates(prepare):
    train = MazeProblems(source="maze", split="train", size=300)
    test = MazeProblems(source="maze", split="test", size=50, template="instruct", verifier="maze_strict")
    _, said = prepare(train=train, near=test.model_copy(update={"verifier": "maze"}))
    assert "problems near: none of its 50 problems is in train, exactly or nearly" in said
    grids = {preparation.bare(spec, p.prompt) for spec in (train, test) for p in problems.generate(spec, 1)}
    assert all(set(grid) <= set("\nSE.*") for grid in grids)


def test_a_set_that_takes_long_says_what_is_done_with_it_until_it_is_there(jsonl, tmp_path, monkeypatch):
    """96,000 problems of reasoning_gym took five minutes without a log line."""
    monkeypatch.setattr(progress_line, "EVERY_SECONDS", 0.01)
    said, heard = [], threading.Condition()

    def say(line):
        with heard:
            said.append(line)
            heard.notify_all()

    def once_said(words, work):
        """The same source, which waits for the words."""

        def waits(*given):
            with heard:
                assert heard.wait_for(lambda: any(line.startswith(f"problems train: {words}, ") for line in said), 60)
            return work(*given)

        return waits

    def read(future):
        future.result = once_said("0 of 2 gold answers checked", future.result)
        return future

    check = preparation.Pool.check_answer
    monkeypatch.setattr(verifiers, "needs_deadline", lambda name: True)
    monkeypatch.setattr(problems, "generate", once_said("generating", problems.generate))
    monkeypatch.setattr(preparation.Pool, "check_answer", lambda *given: read(check(*given)))
    monkeypatch.setattr(preparation, "_audit", once_said("checking that verdicts repeat", preparation._audit))
    before = threading.active_count()
    spec = jsonl("train", [row(n, grid) for n, grid in enumerate(GRIDS[:2])], "train")
    with logged_lines(say):
        preparation.prepare({"train": spec}, {"train": tmp_path / "problems" / "train.parquet"}, 1)
    assert "so far" not in said[-1] and threading.active_count() == before


def test_a_hub_out_of_reach_is_told_with_the_sets_name(prepare, monkeypatch):
    def out_of_reach(*_):
        raise ConfigError("dataset", "out of reach", "copy it")

    monkeypatch.setattr("passk.problems.hub.fetch", out_of_reach)
    from passk.problems.gsm8k import Gsm8kProblems

    with pytest.raises(ConfigError, match=r"^problems\.school\.dataset: out of reach; copy it$"):
        prepare(school=Gsm8kProblems(source="gsm8k", split="test"))


def test_an_sft_stage_refuses_problems_without_demonstrations_before_anything_is_trained(jsonl, tmp_path):
    spec = jsonl("train", [row(0), row(1)], "train")
    experiment = parse(changed("problems.train", spec.model_dump(mode="json", exclude_defaults=True)))
    with pytest.raises(ConfigError, match=r"^stages\.warm\.problems: train has 2 problems without a demonstration"):
        stages.prepare(plan(experiment, tmp_path / "runs"))


def test_a_verifier_that_is_noisy_on_a_set_stops_it_before_it_is_saved(jsonl, prepare, tmp_path, monkeypatch):
    looked_at = []

    def noisy(name, answers, demonstrations):
        looked_at.append((name, list(answers), list(demonstrations)))
        raise ConfigError("verifier", "maze is noisy", "fix it")

    monkeypatch.setattr("passk.verifiers.audit.check", noisy)
    with pytest.raises(ConfigError, match=r"^problems\.train\.verifier: maze is noisy; fix it$"):
        prepare(train=jsonl("train", [row(0), row(1, "ES", "L")], "train", solution="way"))
    assert looked_at == [("maze", ["SE", "ES"], ["R", "L"])] and not (tmp_path / "problems").exists()
