"""YAML of experiment files: data alone, each key once, nothing that grows without bound, and the line of a fault."""

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, validate, yaml_file
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD


@pytest.fixture
def refusal(tmp_path):
    def read(content: str | bytes, reader=yaml_file.read) -> str:
        file = tmp_path / "file.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigError) as raised:
            reader(file)
        assert "\n" not in str(raised.value)
        return str(raised.value).removeprefix(f"{file}:")

    return read


@pytest.fixture
def content(tmp_path):
    def read(text: str):
        file = tmp_path / "file.yaml"
        file.write_bytes(text.encode())
        return yaml_file.read(file).content

    return read


@every(
    ("written", "value"),
    [
        ("1:30", "1:30"),
        ("1:30:15.5", "1:30:15.5"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0b11", "0b11"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("2026-11-29", "2026-11-29"),
        ("2026-11-29 10:00:00", "2026-11-29 10:00:00"),
        ("=", "="),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("1_000", 1000),
        ("1e-6", 1e-6),
        ("1E3", 1000.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("-2.5e+3", -2500.0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
    ],
)
def test_a_scalar_is_read_as_in_yaml_1_2(content, written, value):
    read = content(f"a: {written}")["a"]
    assert read == value and type(read) is type(value)


def test_a_key_that_stands_twice_is_refused_with_both_lines(refusal):
    assert refusal("a: 1\nb: 2\na: 3").startswith("3: a: the key is given twice, in lines 1 and 3; remove one")
    assert refusal("a:\n  b: {c: 1,\n    c: 2}").startswith("3: a.b.c: the key is given twice, in lines 2 and 3")
    assert refusal("a:\n- b: 1\n  'b': 2").startswith("3: a.0.b: the key is given twice, in lines 2 and 3")
    assert refusal("a: {<<: {b: 1, b: 2}}").startswith("1: a.<<.b: the key is given twice")
    assert "lines 2 and 3; write one `<<` with a list" in refusal("a: &a {b: 1}\nc: {<<: *a,\n  <<: *a}")


@pytest.mark.parametrize("again", ["+1", "1", "'1'", '!!int "1"', "+1 "])
def test_a_step_that_stands_twice_is_refused_however_it_is_written(refusal, again):
    line = refusal(f"stages: {{s: {{advantage: {{1: grpo,\n {again}: maxrl}}}}}}")
    assert line.startswith("2: stages.s.advantage.") and "the key is given twice, in lines 1 and 2" in line
    assert "is given twice" in refusal("stages: {s: {advantage: {10: a, 1_0: b}}}")
    assert "is given twice" in refusal("stages: {s: {advantage: {0: a, -0: b}}}")


def test_merges_stay(content):
    read = content("a: &a {x: 1, y: 1}\nb: &b {x: 2}\nc: {<<: *a, x: 3}\nd: {<<: [*a, *b], z: 4}\ne: {<<: *b, <: 5}")
    assert read["c"] == {"x": 3, "y": 1} and read["d"] == {"x": 1, "y": 1, "z": 4} and read["e"] == {"x": 2, "<": 5}


@pytest.mark.parametrize("written", ["{<<: 5}", "{<<: [5]}", "{<<: text}", "{<<: }"])
def test_a_merge_of_something_else_is_refused_with_its_line(refusal, written):
    assert refusal(f"a: 1\nb: {written}").startswith("2: not readable as YAML: while constructing a mapping")


@pytest.mark.parametrize("written", ["&a [*a]", "&a {b: *a}", "&a {<<: *a}", "&a [{b: [*a]}]", "&a {b: {<<: *a}}"])
def test_an_alias_to_what_holds_it_is_refused(refusal, written):
    line = refusal(f"x: {written}")
    assert line.startswith("1: x") and "an alias contains itself; write the content out" in line


def bomb(first: str, rest: str, levels: int) -> str:
    lines = [f"a0: &a0 {first}"]
    for level in range(1, levels + 1):
        lines.append(f"a{level}: &a{level} {rest.format(', '.join([f'*a{level - 1}'] * 9))}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("first", "rest"),
    [("[x]", "[{}]"), ("{x: 1}", "{{<<: [{}]}}"), ("{x: 1}", "{{y: [{}]}}"), (f"'{'x' * 1000}'", "[{}]")],
)
def test_an_alias_bomb_is_refused_before_it_is_expanded(refusal, monkeypatch, first, rest):
    def constructed(*_):
        raise AssertionError("expanded")

    monkeypatch.setattr(yaml_file._Loader, "construct_document", constructed)
    assert f"expand to more than {yaml_file.LARGEST_EXPANDED} nodes" in refusal(bomb(first, rest, 60))


@pytest.mark.parametrize(
    "written",
    [f"a: [{'x,' * 200_000}]", f"&a x: [{'*a,' * 200_000}]", f"{{{'k,' * 200_000}}}"],
    ids=["values", "aliases", "keys"],
)
def test_a_file_of_very_many_values_is_refused_before_all_are_read(refusal, monkeypatch, written):
    read = []
    compose = yaml_file._Loader.compose_scalar_node
    monkeypatch.setattr(yaml_file._Loader, "compose_scalar_node", lambda *each: read.append(1) or compose(*each))
    assert refusal(written) == f"1: experiment: more than {yaml_file.MOST_NODES} keys and values; write fewer"
    assert len(read) <= yaml_file.MOST_NODES


def test_what_is_counted_is_bounded_by_the_files_own_nodes(content, monkeypatch):
    """60 levels of nine aliases are 600 nodes to look at, and 9^60 to expand."""
    looked_at = []
    entries = yaml_file._entries
    monkeypatch.setattr(yaml_file, "_entries", lambda node: looked_at.append(node) or entries(node))
    with pytest.raises(ConfigError):
        content(bomb("[x]", "[{}]", 60))
    assert 0 < len(looked_at) <= 62
    assert content(bomb("[x]", "[{}]", 3))["a3"][8][8][8] == ["x"]


@every(
    ("written", "fault"),
    [
        ("!!python/object/apply:os.system [echo]", "tag:yaml.org,2002:python/object/apply:os.system: this tag"),
        ("!!python/name:os.system", "this tag is not allowed; write plain text"),
        ("!!timestamp 2026-01-01", "this tag is not allowed"),
        ("!!binary aGk=", "this tag is not allowed"),
        ("!!set {b}", "this tag is not allowed"),
        ("!!omap [b: 1]", "this tag is not allowed"),
        ("!own 5", "!own: this tag is not allowed"),
        ("!!int 1:30", "'1:30': is not a whole number, as its tag says; remove the tag"),
        ("!!int ''", "is not a whole number"),
        ("!!float ''", "is not a number"),
        ("!!bool maybe", "is not true or false"),
        ("!!null x", "is not null"),
        ("!!seq {b: 1}", "expected a sequence node"),
        ("!!map [b]", "expected a mapping node"),
        ("!!str [b]", "expected a scalar node"),
        ("9" * 41, "a number of 41 digits is too large"),
        ("9" * 5000, "a number of 5000 digits is too large"),
        ("[" * 33 + "]" * 33, "nested too deeply; write fewer levels"),
        ("[" * 100_000, "nested too deeply; write fewer levels"),
        ("[b", "expected ',' or ']'"),
        ("*b", "found undefined alias 'b'"),
        ("b: c", "mapping values are not allowed here"),
        ("\n\t- b", "found character '\\t'"),
        ("1\n--- \nb: 2", "expected a single document in the stream, but found another document"),
        ("b\x00", "the character '\\x00' is not allowed; remove it"),
        ("b\x1b", "the character '\\x1b' is not allowed; remove it"),
        ("{? [b] : 1}", "the key is not text"),
        ("{? {b: 1} : 1}", "the key is not text"),
        ("{5: 1}", "a.5: the key is not text; write one word, in quotes"),
        ("{true: 1}", "a.true: the key is not text"),
        ("{~: 1}", "a.~: the key is not text"),
        ('"\\ud800"', "a: the character '\\ud800' is not allowed; remove it"),
        ('["b", "c\\0"]', "a.1: the character '\\x00' is not allowed; remove it"),
        ('{"\\ud800b": 1}', "a.?b: the character '\\ud800' is not allowed; remove it"),
        ('"\\U00110000"', "not readable as YAML: an escape names no character; correct it there"),
        ('"\\UFFFFFFFF"', "an escape names no character"),
    ],
)
def test_what_is_no_plain_data_is_one_line_with_its_line(refusal, written, fault):
    line = refusal(f"# first\na: {written}")
    assert fault in line and line.split(":")[0] in ("2", "3", "4")


def test_a_file_that_is_not_utf_8_or_too_large_or_a_directory_is_named(tmp_path, refusal):
    assert refusal(b"a: 1\nb: \xff").startswith("2: not UTF-8 text: invalid start byte; save the file as UTF-8")
    assert "not UTF-8 text" in refusal("a: 1".encode("utf-16"))
    assert "larger than 1048576 bytes" in refusal(b"#" * (2**20 + 1))
    for path, fault in ((tmp_path, "not readable: "), (tmp_path / "none", "no such file"), ("a\0b", "null byte")):
        with pytest.raises(ConfigError, match=fault):
            yaml_file.read(path)


def test_a_byte_order_mark_and_any_line_end_are_read(content):
    assert content("\ufeffa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["", "# nothing", "- name: a", "5", "text", "---\n"])
def test_what_is_no_mapping_is_no_experiment(refusal, text):
    assert "not an experiment; write a mapping with the keys name, question" in refusal(text, config.load)


@every(
    ("old", "new", "start"),
    [
        ("seed: 1", "seed: true", "seed: "),
        ("k: 4, steps: 2", "k: 4, steps: 0", "stages.arm.steps: "),
        ("lr: 1.0e-4", "lr: -1", "stages.arm.lr: "),
        ("lr: 1.0e-4", "lr: 1.0e-4, betas: [0.9, 1]", "stages.arm.betas.1: "),
        ("lr: 1.0e-4", "lr: 1.0e-4, options: {a: .nan}", "stages.arm.options.a: "),
        ("k: [1, 8]", "k: [1, 99]", "benchmarks.test.k: "),
        ("size: 8", "sise: 8", "problems.test.s"),
        ("question: Does it help?\n", "", "question: "),
        # faults between fields, which `check` finds
        ("advantage: passk_analytical", "advantage: grpo", "stages.arm.k: "),
        ("from: warm", "from: wram", "stages.arm.from: "),
        ("{problems: test,", "{problems: tset,", "benchmarks.test.problems: "),
        ("{problems: test,", "{temperature: 0, problems: test,", "benchmarks.test.samples: "),
        ("lr: 1.0e-3", "lr: 1.0e-3, max_length: 129", "stages.warm.max_length: "),
    ],
)
def test_a_fault_has_its_file_its_line_and_its_field(refusal, old, new, start):
    assert old in GOOD
    line = refusal(GOOD.replace(old, new, 1), validate.load)
    at = f"{GOOD[: GOOD.index(old)].count(chr(10)) + 1}:" if new else ""
    assert line.startswith(f"{at} {start}") and ";" in line, line


def test_the_line_of_a_merged_field_is_where_it_is_written(refusal):
    shared = GOOD.replace("stages:\n", "stages:\n  more: &more {kind: sft, problems: train, steps: 0, lr: 1}\n")
    assert refusal(shared, validate.load).startswith("10: stages.more.steps: ")
    own = "  more: {<<: *warm, steps: 0}\n  arm:"
    text = GOOD.replace("warm: {kind: sft", "warm: &warm {kind: sft").replace("  arm:", own, 1)
    line = text[: text.index("more:")].count("\n") + 1
    assert refusal(text, validate.load).startswith(f"{line}: stages.more.steps: ")


def test_text_that_reads_as_something_else_is_written_in_quotes(tmp_path):
    words = ["1e-3", "yes", "010", "1:30", "2026-01-01", "<<", "~", "", "true", "5", "=", "a: b", "#", "\n", "0x1f"]
    content = {"words": words, "numbers": [1e-06, 5, -0.5, True, None], "1e3": {"no": 1, "5": 2}}
    file = tmp_path / "written.yaml"
    file.write_text(yaml_file.dump(content))
    assert yaml_file.read(file).content == content == yaml.safe_load(file.read_text())
