"""One definition of the prompt that a model sees, for every field that decides it."""

import pytest

from passk.base.errors import ConfigError
from passk.experiment.model import Model, TinyModel
from passk.models import prompt_format
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.models.tiny import load_tokenizer, make_tiny

OWN = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if quiet %}<hush>{% endif %}{% endif %}"
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A model with a chat template of its own, as Qwen2.5's base models have one."""
    made = tmp_path_factory.mktemp("models") / "chat"
    make_tiny(TinyModel(alphabet="bytes"), made, seed=1)
    (made / "chat_template.jinja").write_text(OWN)
    return made


@pytest.fixture(scope="module")
def tokenizer(directory):
    return load_tokenizer(directory)


def seen(directory, tokenizer, **fields):
    model = Model(path=str(directory), **fields)
    return prompt_format.of(model, directory).prompts(tokenizer, ["2+2?"])[0]


def test_each_field_changes_the_prompt_and_none_is_the_prompt_alone(directory, tokenizer, tmp_path):
    assert seen(directory, tokenizer) == "<user>2+2?</user><assistant>"
    assert seen(directory, tokenizer, chat_template="none") == "2+2?"
    with_system = seen(directory, tokenizer, system_prompt="Be short.")
    assert with_system == "<system>Be short.</system><user>2+2?</user><assistant>"
    assert seen(directory, tokenizer, chat_options={"quiet": True}) == "<user>2+2?</user><assistant><hush>"
    file = tmp_path / "mine.jinja"
    file.write_text("Q: {{ messages[0].content }}\nA:")
    assert seen(directory, tokenizer, chat_template=str(file)) == "Q: 2+2?\nA:"


def test_a_response_follows_its_prompt_as_in_a_conversation(tokenizer):
    assert PromptFormat(chat=True).responses(tokenizer, ["2+2?"], ["4"]) == ["4</assistant>"]
    assert PLAIN.responses(None, ["2+2?"], ["4"]) == ["4"]
    # the template leaves the marker out of a conversation that has the response
    assert PromptFormat(chat=True, options={"quiet": True}).responses(tokenizer, ["2+2?"], ["4"]) == [None]


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 // 0 }}", "{{ messages + 1 }}", "{{ ().__class__.__base__ }}", "{% include 'x' %}", "{{ x.y.z }}",
        "{{ strftime_now(5) }}", "{{ 'a'.encode('x') }}", "{{ messages[0].content.index('none') }}",
    ],
)  # fmt: skip
def test_whatever_a_template_raises_is_one_line(tokenizer, template):
    with pytest.raises(ConfigError, match=r"^model.chat_template: the chat template refuses a prompt \("):
        PromptFormat(chat=True, template=template).prompts(tokenizer, ["b"])


def test_a_template_that_refuses_a_system_message_is_one_line(tokenizer):
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}x"
    with pytest.raises(ConfigError, match=r"^model.system_prompt: the chat template refuses a prompt \(No system role"):
        PromptFormat(chat=True, template=refuses, system_prompt="a").prompts(tokenizer, ["b"])
    with pytest.raises(ConfigError, match=r"^model.chat_template: the chat template refuses a prompt \(unexpected"):
        PromptFormat(chat=True, template="{% if }").prompts(tokenizer, ["b"])


@pytest.mark.parametrize("field", [{"system_prompt": "a"}, {"chat_options": {"quiet": True}}])
def test_a_field_that_no_template_uses_is_refused(tmp_path, field):
    make_tiny(TinyModel(), tmp_path / "base", seed=1)
    model = Model(path=str(tmp_path / "base"), **field)
    (name,) = field
    with pytest.raises(ConfigError, match=rf"^model.{name}: .* has no chat template that uses it; set model.chat_temp"):
        prompt_format.of(model, tmp_path / "base")
    assert prompt_format.of(Model(path=str(tmp_path / "base")), tmp_path / "base") == PLAIN
