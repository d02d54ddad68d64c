"""The sources of the HF hub, on small copies with the same columns."""

from typing import get_args

import pytest

from passk import problems, verifiers
from passk.base.errors import ConfigError, PasskError
from passk.experiment import config
from passk.problems import sources
from tests.unit.each import every
from tests.unit.problems import copies

SPLITS = {
    "gsm8k": "test",
    "mbpp": "test",
    "dapo_math_17k": "train",
    "polaris_53k": "train",
    "math": "train",
    "maze_published": "train",
    "deepscaler": "train",
}


def spec(source, directory, **fields):
    split = {"split": SPLITS[source]} if source in SPLITS else {}
    return sources.SPECS[source](**{"source": source, "dataset": str(directory)} | split | fields)


@pytest.fixture
def made(tmp_path):
    def make(source, **fields):
        return problems.generate(spec(source, copies.copy(source, tmp_path / source), **fields), 1)

    return make


@pytest.mark.parametrize("source", sorted(copies.FILES))
def test_every_source_gives_whole_problems_with_ids_of_their_own_and_says_where_they_are_from(made, source):
    found = made(source)
    assert found and len({problem.id for problem in found}) == len(found)
    for problem in found:
        assert problem.prompt and problem.answer and problem.difficulty
        assert problem.verifier in {"math", "numeric", "maze", "code", "choice"}
        assert problem.split == SPLITS.get(source, "test")
        assert problem.metadata["revision"] == "copy" and problem.metadata["dataset"].endswith(source)
        assert len(problem.content) == 16


def test_gsm8k_takes_the_number_behind_the_signs_and_the_solution_without_its_marks(made):
    first, second = made("gsm8k")
    assert (first.answer, second.answer) == ("6", "1400")
    assert first.demonstration == "Ann has 3+3=6 pens.\n\nThe answer is \\boxed{6}."
    assert first.prompt.startswith("Ann has 3 pens") and "\\boxed{}" in first.prompt


@pytest.mark.parametrize("folder", ["", "data", "grade_school_math/data"])
def test_gsm8k_reads_the_authors_json_lines_and_makes_the_same_problems(made, tmp_path, folder):
    for split in ("train", "test"):
        copies.write(copies.GSM8K, tmp_path / "original" / folder / f"{split}.jsonl")
    original = spec("gsm8k", tmp_path / "original")
    problems.check(original)
    found, expected = problems.generate(original, 1), made("gsm8k")
    assert [(one.id, one.prompt, one.answer) for one in found] == [(one.id, one.prompt, one.answer) for one in expected]


def test_math_takes_the_last_box_of_the_solution_of_every_subject(made):
    found = made("math")
    assert len(found) == 2 * 7
    assert found[0].answer == "\\frac{1}{4}" and found[0].difficulty == "level 2"
    assert found[0].demonstration == copies.MATH[0]["solution"]


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("First $\\boxed{9}$. So $x=\\boxed{2}$ or $x=\\boxed{-3}$.", "-3"),
        ("The roots are $\\boxed{2}$ and $\\boxed{-3}$.", "2, -3"),
        ("So $\\boxed{\\frac{12}{5,\\!525}}$.", "\\frac{12}{5,\\!525}"),
        ("It is $\\fbox{7}$.", "7"),
    ],
)
def test_a_math_solution_is_read_as_a_response_is(tmp_path, solution, answer):
    row = copies.MATH[0] | {"solution": solution}
    for subject in copies.SUBJECTS:
        copies.write([row], tmp_path / subject / "train-00000-of-00001.parquet")
    found = problems.generate(spec("math", tmp_path), 1)
    assert {problem.answer for problem in found} == {answer}
    assert verifiers.check_answer("math", answer) is None
    assert verifiers.verify("math", solution.replace("fbox", "boxed"), answer).correct


def test_aime_numbers_lose_their_leading_zeros_and_no_more(made):
    assert [problem.answer for problem in made("aime24")] == ["73", "0"]
    assert [problem.answer for problem in made("aime25")] == ["70"]


def test_an_answer_of_several_parts_is_one_and_a_number_has_no_needless_zero(made):
    assert [problem.answer for problem in made("olympiadbench")] == ["2, -2", "\\frac{1}{2}"]
    assert verifiers.verify("math", "\\boxed{-2} and \\boxed{2}", "2, -2").correct
    assert [problem.answer for problem in made("amc23")] == ["27"]
    assert [problem.metadata.get("problem_type") for problem in made("hmmt")] == [["Algebra", "Geometry"], ["Algebra"]]


def test_gpqa_orders_its_options_by_the_question_and_the_letter_is_that_of_the_correct_one(made):
    found = made("gpqa")
    for problem in found:
        [line] = [line for line in problem.prompt.splitlines() if line.endswith(" right")]
        assert line == f"({problem.answer}) right" and problem.metadata["domain"] == "Physics"
        assert sorted(problem.prompt.splitlines()[3:7])[0].startswith("(A) ")
    assert len({problem.answer for problem in found}) > 1
    assert [problem.answer for problem in made("gpqa", size=4)] == [problem.answer for problem in found]


def test_dapo_has_each_problem_once_without_its_own_instructions(made):
    found = made("dapo_math_17k", template="plain")
    assert [(problem.id, problem.prompt, problem.answer) for problem in found] == [
        ("dapo-id-34", "What is 34?", "34"), ("dapo-id-5", "What is 5?", "5"),
    ]  # fmt: skip
    assert [problem.difficulty for problem in made("polaris_53k")] == ["4/8"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "has no rows"),
        (" \n\n", "has no rows"),
        ("Question\n\n\n", "has no rows"),
        ("Question,b\n\na\n", "row 2 has 1 cells instead of 2; write it again"),
        ("Question\n", "has no rows"),
        ("Question,Question\na,b\n", "has the column 'Question' twice; rename one"),
        ("Question,b\na\n", "row 1 has 1 cells instead of 2; write it again"),
        ('Question\n"a', "not readable as CSV"),
        ("question\na\n", "row 1 has no column 'Question'; did you mean"),
    ],
)
def test_a_damaged_csv_file_is_one_line(tmp_path, content, fault):
    (tmp_path / "gpqa_diamond.csv").write_text(content)
    with pytest.raises(PasskError) as raised:
        problems.generate(spec("gpqa", tmp_path), 1)
    assert fault in str(raised.value) and "\n" not in str(raised.value)


def test_a_row_of_dapo_of_another_form_is_one_line(tmp_path):
    copies.write([copies.DAPO[0] | {"extra_info": {"index": 5}}], tmp_path / "data" / "dapo-math-17k.jsonl")
    with pytest.raises(PasskError, match=r"^dataset: row 0 of .* lacks a prompt of one message"):
        problems.generate(spec("dapo_math_17k", tmp_path), 1)


def test_olymmath_takes_the_language_and_the_grade_that_are_asked_for(made):
    assert [problem.difficulty for problem in made("olymmath")] == ["easy", "hard"]
    (only,) = made("olymmath", language="zh", grade="hard")
    assert only.id == "OlymMATH-HARD-0-ZH" and only.prompt.startswith("ZH HARD?")


def test_a_published_maze_is_judged_on_its_grid_and_asked_in_its_own_words_or_ours(made):
    (theirs,) = made("maze_published")
    assert theirs.prompt == copies.MESSAGE and theirs.difficulty == "5x5"
    assert verifiers.verify("maze", "<answer>RR</answer>", theirs.answer).correct
    (ours,) = made("maze_published", template="instruct")
    assert f"## Maze\n{copies.GRID}\n" in ours.prompt and ours.answer == theirs.answer


@pytest.mark.parametrize(("source", "fields"), [("humaneval", {}), ("mbpp", {}), ("mbpp", {"subset": "sanitized"})])
def test_the_reference_program_passes_its_tests_and_another_does_not(made, source, fields):
    for problem in made(source, **fields):
        assert verifiers.check_answer("code", problem.answer) is None
        assert verifiers.verify("code", problem.demonstration, problem.answer).correct
        other = problem.demonstration.replace("return sum(xs)", "return 1 + sum(xs)").replace("pair.b", "0")
        other = other.replace("0.5", "0.25")
        assert verifiers.verify("code", other, problem.answer).reason == "incorrect"


def test_a_base_model_continues_the_function_and_its_further_text_does_not_count(made):
    first, _ = made("humaneval", template="plain")
    assert first.prompt == copies.HUMANEVAL[0]["prompt"]
    continuation = "    total = sum(xs)\n    return total\n\n\ndef unit():\n    return 9\n\nprint('#"
    assert verifiers.verify("code", continuation, first.answer).correct


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [], "reward_model": {"ground_truth": "S.E"}},
        {"prompt": [{"role": "user", "content": "a"}] * 2, "reward_model": {"ground_truth": "S.E"}},
        {"prompt": [{"role": "user", "content": "a"}], "reward_model": {"ground_truth": ["S.E"]}},
        {"prompt": [{"role": "user", "content": "a"}], "reward_model": {"answer": "S.E"}},
    ],
)
def test_a_published_maze_of_another_form_is_one_line(tmp_path, row):
    copies.write([row], tmp_path / "test.jsonl")
    with pytest.raises(PasskError, match=r"^dataset: row 0 of .* lacks a maze .*; name a revision that has them$"):
        problems.generate(spec("maze_published", tmp_path, split="test"), 1)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    copies.write([{"problem": "a", "answer": "1", "ID": 1}], tmp_path / "test.jsonl")
    with pytest.raises(PasskError, match="has no column 'id'; did you mean|choose one of"):
        problems.generate(spec("aime25", tmp_path), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "no such directory"}, "dataset: no such directory is neither a directory nor an owner/name"),
        (
            {"template": "boxd"},
            "template: 'boxd' is neither a template nor a text that contains {problem} once; did you mean",
        ),
        ({"template": "{problem} {problem}"}, "template: "),
        ({"size": 3}, "size: 3 problems requested, but the source has 2; lower size"),
    ],
)
def test_what_cannot_be_met_is_refused_by_field(tmp_path, changes, message):
    asked = spec("gsm8k", copies.copy("gsm8k", tmp_path / "copy"), **changes)
    with pytest.raises(ConfigError) as raised:
        problems.generate(asked, 1)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_a_copy_without_the_splits_file_is_refused(tmp_path):
    copies.copy("math", tmp_path)
    with pytest.raises(ConfigError, match=r"has no file algebra/test-\*\.parquet"):
        problems.check(spec("math", tmp_path, split="test"))


def test_a_template_of_ones_own_words_the_prompt_and_a_count_draws_by_the_seed(made):
    (drawn,) = made("gsm8k", template="Q: {problem}\nA:", size=1)
    assert drawn.prompt.startswith("Q: Ann has") and drawn.prompt.endswith("?\nA:")


def test_the_fingerprint_of_a_copy_is_that_of_its_bytes_and_of_a_revision_its_name(tmp_path):
    directory = copies.copy("gsm8k", tmp_path / "copy")
    before = problems.fingerprint(spec("gsm8k", directory), 1)
    assert before == problems.fingerprint(spec("gsm8k", directory), 1)
    copies.write(copies.GSM8K[:1], directory / "main" / "test-00000-of-00001.parquet")
    assert problems.fingerprint(spec("gsm8k", directory), 1) != before
    hub = [spec("gsm8k", "openai/gsm8k", revision=revision) for revision in ("a" * 40, "b" * 40)]
    assert len({problems.fingerprint(one, 1) for one in hub}) == 2


@every("source", sorted(sources.SPECS))
def test_every_source_can_be_written_in_an_experiment_file_and_refuses_what_it_does_not_know(source):
    required = {
        "split": "test", "size": 1, "hint_correct": 1, "task": "chain_sum", "file": "a.jsonl", "verifier": "maze",
        "stage": "arm",
    }  # fmt: skip
    fields = {name: value for name, value in required.items() if name in sources.SPECS[source].model_fields}
    if source not in ("maze", "maze_published", "jsonl", "parquet"):
        fields.pop("verifier", None)
    fields["split"] = get_args(sources.SPECS[source].model_fields["split"].annotation)[-1]
    raw = {
        "name": "a", "question": "?", "seed": 1, "model": {"path": "a/b"}, "stages": {}, "compute": {"profile": "cpu"},
        "benchmarks": {"b": {"problems": "p", "max_response": 9}},
    }  # fmt: skip
    parsed = config.parse(raw | {"problems": {"p": {"source": source} | fields}})
    assert type(parsed.problems["p"]) is sources.SPECS[source]
    with pytest.raises(ConfigError, match=r"^problems\.p\.splitt: unknown key; did you mean split\?"):
        config.parse(raw | {"problems": {"p": {"source": source, "splitt": "test"} | fields}})


def test_an_unknown_or_missing_source_is_named():
    raw = {
        "name": "a", "question": "?", "seed": 1, "model": {"path": "a/b"}, "stages": {}, "compute": {"profile": "cpu"},
        "benchmarks": {"b": {"problems": "p", "max_response": 9}},
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"^problems\.p\.source: 'gsm8' does not exist; did you mean gsm8k\?$"):
        config.parse(raw | {"problems": {"p": {"source": "gsm8", "split": "test"}}})
    with pytest.raises(ConfigError, match=r"^problems\.p\.source: is missing; write one of .*maze, "):
        config.parse(raw | {"problems": {"p": {"split": "test"}}})
