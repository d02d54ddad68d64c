"""A stage's training data: the rows that it uses, in an order that all methods share."""

import itertools
import json
from functools import partial

import pytest

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.model import TinyModel
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.models.tiny import load_tokenizer, make_tiny
from passk.openrlhf import train_data
from passk.openrlhf.prompt_label import Label
from passk.problems.maze import MazeProblems
from tests.unit.experiment.test_config import changed


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    spec = MazeProblems(source="maze", split="train", size=40)
    file = tmp_path_factory.mktemp("problems") / "train.parquet"
    problems.save(problems.generate(spec, 1), file)
    return file


def written(directory):
    from datasets import load_from_disk

    return load_from_disk(directory)


def taken(source, directory, steps: int, first_prompt: int) -> list[str]:
    experiment = config.parse(changed("stages.arm.steps", steps))
    train_data.write(experiment.stages["arm"], {source: 1.0}, directory, seed=1, first_prompt=first_prompt, end="$")
    return [json.loads(label)["problem"] for label in written(directory)["label"]]


def test_a_method_in_two_stages_sees_the_problems_of_a_method_in_one(source, tmp_path):
    whole = taken(source, tmp_path / "whole", 3, 0)
    first, second = taken(source, tmp_path / "first", 2, 0), taken(source, tmp_path / "second", 1, 64)
    assert len(whole) == 96
    assert whole == first + second


def test_every_problem_comes_once_before_any_comes_twice(source, tmp_path):
    order = taken(source, tmp_path / "data", 3, 0)
    assert len(set(order[:40])) == len(set(order[40:80])) == 40
    assert order[:40] != order[40:80]


def test_a_row_has_the_prompt_and_all_that_its_verifier_needs(source, tmp_path):
    taken(source, tmp_path / "data", 1, 0)
    by_id = {row["id"]: row for row in problems.load(source)}
    for row in written(tmp_path / "data"):
        label = Label.load(row["label"])
        assert row["prompt"] == by_id[label.problem]["prompt"]
        assert (label.verifier, label.answer) == ("maze", by_id[label.problem]["answer"])


def test_a_label_says_whether_the_prompt_opens_the_thinking_and_an_older_label_is_read(source, tmp_path):
    stage = config.parse(changed("stages.arm.steps", 1)).stages["arm"]
    train_data.write(stage, {source: 1.0}, tmp_path / "data", seed=1, first_prompt=0, opens_thinking=True)
    labels = written(tmp_path / "data")["label"]
    assert all(Label.load(label).opens_thinking for label in labels)
    older = json.loads(labels[0])
    del older["opens_thinking"]
    assert Label.load(json.dumps(older)) == Label.load(labels[0])._replace(opens_thinking=False)


TEMPLATES = {
    "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n": True,
    "{{ messages[0].content }}<think>\n\n</think>\n\n": False,
    "{{ messages[0].content }} Think in <think> and </think>.": False,
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_field_that_does_not_fit_the_chat_template_is_refused(source, tmp_path, template):
    model, files, opens = tmp_path / "tiny", {"train": source}, TEMPLATES[template]
    make_tiny(TinyModel(), model, seed=1)
    (model / "chat_template.jinja").write_text(template)
    train_data.require_opened_thinking(opens, files, model, format=PromptFormat(chat=True))
    train_data.require_opened_thinking(False, files, model, format=PLAIN)  # mazes end with no tag of their own
    does, value = ("ends", "true") if opens else ("does not end", "false")
    with pytest.raises(
        ConfigError, match=rf"^model.opens_thinking: the prompt of maze-\S+ in train {does} .* set it to {value}$"
    ):
        train_data.require_opened_thinking(not opens, files, model, format=PromptFormat(chat=True))


def test_a_demonstration_ends_with_the_end_token_so_that_openrlhf_adds_no_space(source, tmp_path):
    stage = config.parse(changed("stages.warm.batch_size", 8)).stages["warm"]
    train_data.write(stage, {source: 1.0}, tmp_path / "data", seed=1, first_prompt=0, end="$")
    rows = written(tmp_path / "data")
    assert len(rows) == 2 * 8
    assert all(response.endswith("$") and set(response[:-1]) <= set("LRUD") for response in rows["response"])


def test_the_data_is_on_the_disk_before_it_has_the_name_that_is_trusted(source, tmp_path, flushed):
    taken(source, tmp_path / "data", 1, 0)
    files = {file.name for file in (tmp_path / "data").iterdir()}
    assert len(files) > 1 and {path.name for path in flushed if path.parent.name.endswith(".new")} == files
    assert flushed[-2].name.endswith(".new") and flushed[-1] == tmp_path


def test_a_mix_has_the_shares_of_its_weights_and_goes_through_each_set(source, tmp_path):
    other = tmp_path / "other.parquet"
    problems.save(problems.generate(MazeProblems(source="maze", split="train", size=30, width=7), 2), other)
    stage = config.parse(changed("stages.arm.steps", 40)).stages["arm"]
    orders = []
    for name, first, steps in (("whole", 0, 40), ("later", 20 * 32, 20)):
        cut = stage.model_copy(update={"steps": steps})
        train_data.write(cut, {source: 3.0, other: 1.0}, tmp_path / name, seed=1, first_prompt=first)
        orders.append([Label.load(label).problem for label in written(tmp_path / name)["label"]])
    whole, later = orders
    assert whole[20 * 32 :] == later, "a child continues in the same order"
    first_set = set(problems.load(source)["id"])
    mine = [problem for problem in whole if problem in first_set]
    others = [problem for problem in whole if problem not in first_set]
    assert abs(len(mine) / len(whole) - 0.75) < 0.05  # 3 standard deviations of 1,280 draws are 0.036
    assert len(set(mine[:40])) == len(set(mine[40:80])) == 40 and len(set(others[:30])) == 30


def test_a_mix_is_not_ordered_by_its_sets():
    order = train_data._mixed([4, 4], [1.0, 1.0], 64, seed=3)
    assert len(set(order.tolist())) == 8 and sorted(order.tolist()) != order.tolist()
    assert sum(before // 4 != after // 4 for before, after in itertools.pairwise(order)) > 16


def test_a_chat_template_is_in_the_rows_of_both_kinds_and_the_stop_texts_in_the_label(source, tmp_path):
    make_tiny(TinyModel(alphabet="bytes"), tmp_path / "tiny", seed=1)
    tokenizer = load_tokenizer(tmp_path / "tiny")
    template = "{% for m in messages %}<{{ m.content }}>{% endfor %}{% if add_generation_prompt %}<{% endif %}"
    format = PromptFormat(chat=True, template=template, system_prompt="Solve.")
    by_id = {row["id"]: row for row in problems.load(source)}
    stages = config.parse(changed("stages.arm.stop", ["\n"])).stages
    write = partial(train_data.write, sources={source: 1.0}, seed=1, first_prompt=0, format=format, tokenizer=tokenizer)
    write(stages["arm"], directory=tmp_path / "rl")
    for row in written(tmp_path / "rl"):
        label = Label.load(row["label"])
        assert row["prompt"] == f"<Solve.><{by_id[label.problem]['prompt']}><"
        assert list(label.stop) == ["\n"]
    write(stages["warm"], directory=tmp_path / "sft")
    seen = {(row["prompt"], row["response"]) for row in written(tmp_path / "sft")}
    assert seen <= {(f"<Solve.><{row['prompt']}><", f"{row['demonstration']}>") for row in by_id.values()}


def test_a_label_without_stop_texts_is_as_before_since_seeds_depend_on_it():
    assert (
        Label("id", "exact", "1").dump()
        == '{"problem": "id", "verifier": "exact", "answer": "1", "opens_thinking": false}'
    )
