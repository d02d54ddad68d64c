"""Training data that is longer than a stage takes is refused before the stage starts."""

import dataclasses

import pytest
from transformers import AutoTokenizer

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.model import TinyModel
from passk.experiment.plan import plan
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.models.tiny import make_tiny
from passk.openrlhf import lengths
from passk.pipeline import stages
from passk.problems.maze import MazeProblems
from tests.unit.experiment.test_config import changed

TEMPLATE = "{% for m in messages %}<{{ m.content }}>{% endfor %}{% if add_generation_prompt %}OPEN{% endif %}"
CHAT = PromptFormat(chat=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    spec = MazeProblems(source="maze", split="train", size=40)
    file = tmp_path_factory.mktemp("problems") / "train.parquet"
    problems.save(problems.generate(spec, 1), file)
    return file


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model") / "tiny"
    make_tiny(TinyModel(), directory, seed=1)
    return directory


def fits(source, model, name, field, most, *, format=PLAIN, tiny=None):
    stage = config.parse(changed(f"stages.{name}.{field}", most)).stages[name]
    lengths.require_fit({name: stage}, {"train": source}, model, format=format, tiny=tiny or TinyModel())


def test_a_prompt_longer_than_max_prompt_is_refused_and_the_longest_is_named(source, model):
    longest = max(problems.load(source), key=lambda row: len(row["prompt"]))
    most = len(longest["prompt"])
    fits(source, model, "arm", "max_prompt", most)
    with pytest.raises(
        ConfigError, match=rf"^stages.arm.max_prompt: .* in train has {most} tokens.* set the limit to {most}, "
    ):
        fits(source, model, "arm", "max_prompt", most - 1)


def test_a_benchmark_whose_prompts_leave_no_room_for_a_response_is_refused_during_the_training(source, model):
    longest = max(problems.load(source), key=lambda row: len(row["prompt"]))
    most = len(longest["prompt"])

    def room(tokens):
        field = "stages.arm.evaluate_on: test"
        lengths.require_room(field, source, model, room=tokens, max_response=8, format=PLAIN)

    room(most + 8)
    fault = rf"^stages.arm.evaluate_on: test: the prompt of {longest['id']} .* {most + 8} tokens.* hold {most + 5}; "
    with pytest.raises(ConfigError, match=fault + "raise max_prompt by 3, or leave the benchmark out$"):
        room(most + 5)


def test_a_demonstration_longer_than_max_length_is_refused_and_the_longest_is_named(source, model):
    longest = max(problems.load(source), key=lambda row: len(row["prompt"] + row["demonstration"]))
    most = len(longest["prompt"] + longest["demonstration"]) + 1  # the end token
    fits(source, model, "warm", "max_length", most)
    fix = f"set the limit to {most}, not {most - 1}"
    fault = rf"^stages.warm.max_length: {longest['id']} in train.* has {most} tokens.* {fix}$"
    with pytest.raises(ConfigError, match=fault):
        fits(source, model, "warm", "max_length", most - 1)


def test_openrlhf_keeps_each_row_that_fits_and_loses_one_of_a_token_more(tmp_path, model):
    """Of the prompt too: with a response of one token it needs room for two more."""
    from types import SimpleNamespace

    from openrlhf.datasets import SFTDataset

    problem = next(iter(problems.generate(MazeProblems(source="maze", split="train", size=1), 1)))
    problem = dataclasses.replace(problem, demonstration="R")
    problems.save([problem], tmp_path / "one.parquet")
    needed = len(problem.prompt) + lengths.PROMPT_ROOM
    data = {"input_key": "prompt", "output_key": "response", "apply_chat_template": False}
    strategy = SimpleNamespace(args=SimpleNamespace(data=SimpleNamespace(**data)))
    rows = problems.load(tmp_path / "one.parquet").select_columns(["prompt"]).add_column("response", ["R$"])
    tokenizer = AutoTokenizer.from_pretrained(model)
    for most, kept in ((needed, 1), (needed - 1, 0)):
        assert len(SFTDataset(rows, tokenizer, most, strategy, input_template="{}", num_processors=1)) == kept
        if kept:
            fits(tmp_path / "one.parquet", model, "warm", "max_length", most)
            continue
        with pytest.raises(ConfigError, match=f"^stages.warm.max_length: .* has {needed} tokens"):
            fits(tmp_path / "one.parquet", model, "warm", "max_length", most)


def test_the_chat_template_counts_and_must_word_an_answered_prompt_as_an_open_one(source, tmp_path):
    tiny = TinyModel(alphabet="bytes")
    make_tiny(tiny, tmp_path / "chat", seed=1)
    (tmp_path / "chat" / "chat_template.jinja").write_text(TEMPLATE.replace("OPEN", "<"))
    rows = list(problems.load(source))
    end = "<|end|>"
    most = max(len(row["prompt"] + row["demonstration"]) for row in rows) + len("<><>") + 1
    # the end stands before the template's last ">", so that OpenRLHF adds a space and an end of its own
    most += len(" ") + 1
    fits(source, tmp_path / "chat", "warm", "max_length", most, format=CHAT, tiny=tiny)
    with pytest.raises(ConfigError, match=f"^stages.warm.max_length: .* set the limit to {most}, not {most - 1}"):
        fits(source, tmp_path / "chat", "warm", "max_length", most - 1, format=CHAT, tiny=tiny)
    assert end not in TEMPLATE
    (tmp_path / "chat" / "chat_template.jinja").write_text(TEMPLATE)
    with pytest.raises(ConfigError, match=r"^stages.warm.problems: train cannot be learned by sft: .* chat template"):
        fits(source, tmp_path / "chat", "warm", "max_length", 4096, format=CHAT, tiny=tiny)


def test_the_default_is_the_tiny_models_length_else_4096():
    stage = config.parse(changed("stages.warm.max_length", 77)).stages["warm"]
    assert lengths.max_length(stage, TinyModel()) == 77
    stage = stage.model_copy(update={"max_length": None})
    assert lengths.max_length(stage, TinyModel(max_length=99)) == 99
    assert lengths.max_length(stage, None) == 4096


def test_the_length_is_checked_planned_part_of_the_key_and_a_flag(tmp_path):
    plans = [plan(config.parse(changed("stages.warm.max_length", most)), tmp_path) for most in (47, 48)]
    warm = [laid_out.stages[0] for laid_out in plans]
    assert warm[0].record.key != warm[1].record.key
    assert [planned.record.config["max_length"] for planned in warm] == [47, 48]
    for laid_out, planned, most in zip(plans, warm, ("47", "48"), strict=True):
        words = stages.command(laid_out, planned)
        assert words[words.index("--data.max_len") + 1] == most


def test_a_run_refuses_the_length_before_anything_is_trained(tmp_path):
    laid_out = plan(config.parse(changed("stages.warm.max_length", 20)), tmp_path)
    message = r"^stages\.warm\.max_length: .* cut or drop it; set the limit to \d+, not 20$"
    with pytest.raises(ConfigError, match=message):
        stages.prepare(laid_out)
    assert not list(tmp_path.glob("*/stages/*/data"))


def test_a_tokenizer_without_an_end_token_is_refused(source, model, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token is None
    with pytest.raises(
        ConfigError, match=r"^model.path: the tokenizer of .* has no end token.*stages.warm; set eos_token"
    ):
        fits(source, tmp_path, "warm", "max_length", 100)
