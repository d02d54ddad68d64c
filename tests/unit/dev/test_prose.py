"""dev/prose.py finds words and long sentences, and leaves code, tables and names alone."""

from dev import prose
from tests.unit.each import every

LONG = " ".join(["word"] * 36)


def faults(text):
    return list(prose.faults("page.md", list(prose.markdown("page.md", text))))


@every(
    ("sentence", "instead"),
    [
        ("The failure is told in one line.", "print, log, report"),
        ("Whoever starts second waits.", "name the subject"),
        ("The stage goes on from step 4.", "resume, continue"),
        ("It retries eight times at the most.", "at most"),
        ("A correct rollout is paid one point.", "reward, give"),
        ("Three of the right answers are short.", "correct"),
        ("A group in which all answers are right teaches nothing.", "correct"),
        ("Count the right and wrong rollouts.", "correct"),
        ("A wrong rollout has reward 0.", "incorrect"),
        ("Results are filed in the database.", "ingest, item"),
        ("Every advantage rule is a file.", "advantage estimator"),
        ("Both arms start from one checkpoint.", "method"),
        ("Leave the file as it is.", "unchanged"),
    ],
)
def test_a_word_of_the_list_is_found_with_what_to_write_instead(sentence, instead):
    assert any(line.startswith("page.md:1: ") and line.endswith(f"write: {instead}") for line in faults(sentence))


@every(
    "sentence",
    [
        "The right-hand panel shows k on the right of the axis.",
        "Both sources are on the right side of the plot.",
        "A left join keeps rows without a match on the right.",
        "The error names what is wrong and how to fix it.",
        "If something goes wrong, the log has it.",
        "The commands differ as it is written there.",
        "The profiled step ran on an arm64 machine.",
        "Set `flip_wrong` to 0 and read `told`.",
    ],
)
def test_a_legitimate_use_is_left_alone(sentence):
    assert faults(sentence) == []


def test_code_blocks_and_images_are_no_prose():
    assert faults(f"Text here.\n\n```bash\nwhoever {LONG}\n```\n\n    told {LONG}\n\n![wrong {LONG}](a.png)\n") == []


def test_cells_and_headings_are_checked_for_words_and_not_for_length():
    table = f"# {LONG}\n\n| a | b |\n|---|---|\n| {LONG} | two |\n"
    assert faults(table) == []
    assert len(faults(table.replace("two", "told"))) == 1
    assert len(faults("# What is to be had")) == 1


def test_a_sentence_of_36_words_is_too_long_and_one_of_35_is_not():
    assert "page.md:3: a sentence of 36 words; at most 35" in faults(f"Short one.\n\n{LONG}.")
    short = "Two words are short here. " * 9
    assert faults(f"{short}{LONG.removeprefix('word ')}.") == []


def test_the_mean_of_a_page_is_at_most_18_words():
    long = f"{' '.join(['word'] * 19)}."
    assert faults(long) == ["page.md: 19.0 words a sentence on average; at most 18"]
    assert faults(f"{long} Three words here.") == []


@every(
    ("text", "counts"),
    [
        ("Use e.g. A100 nodes. Then run it.", [4, 3]),
        ("See Eq. 16 of Chen et al. 2025 for it.", [10]),
        ("Version 0.9.1 works here. It is `passk plan` that shows it.", [4, 6]),
        ("**Seeds.** Every sample has its own.", [5]),
        ("It stops here. passk prints why.", [3, 3]),
        ("Is it done? Yes, it is.", [3, 3]),
        ("Write a, b - and c.", [5]),
    ],
)
def test_sentences_are_split_where_they_end(text, counts):
    [only] = prose.markdown("page.md", text)
    assert prose.sentences(only.text) == counts


def test_links_count_by_their_words_and_inline_code_counts_as_one():
    [only] = prose.markdown("page.md", "Read [the two pages](a/b.md) and `passk run FILE` first.")
    assert only.text == "Read the two pages and `code` first."


def python_faults(file, name):
    """Return the faults of a Python file that has this name in the project, without their advice."""
    return [line.split(";")[0] for line in prose.faults(name, list(prose.python(file, name)))]


def test_comments_and_strings_of_python_are_checked_and_names_are_not(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        '"""Return what\n\nwhoever asks."""\n'
        "told = wrong = 1  # a stage goes on\n"
        'table = {"wrong": f"no {wrong} here"}\n'
        'message = f"{told} was filed under `told`"\n'
    )
    assert python_faults(file, "module.py") == [
        "module.py:1: 'whoever'",
        "module.py:4: 'goes on'",
        "module.py:6: 'filed'",
    ]


def test_the_strings_of_tests_are_data_and_their_docstrings_and_comments_are_prose(tmp_path):
    file = tmp_path / "test_module.py"
    file.write_text(
        '"""Whoever asks."""\n\n'
        "def test_it():\n"
        '    """It is told."""\n'
        "    lines = [\n"
        "        # a run goes on\n"
        '        "an answer that is wrong",\n'
        "    ]\n"
        '    assert lines == ["a wrong answer"], "it was said"\n'
    )
    assert python_faults(file, "tests/test_module.py") == [
        "tests/test_module.py:1: 'Whoever'",
        "tests/test_module.py:4: 'told'",
        "tests/test_module.py:6: 'goes on'",
    ]


def test_a_vague_name_of_a_function_an_argument_a_variable_or_an_attribute_is_a_fault(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "def _told(own, left):\n"
        "    found: int = own\n"
        "    for given in (match := [1]):\n"
        "        left.made = given.said\n"
        "    return [asked for asked in match]\n"
    )
    lines = [line.split(":")[1:] for line in prose.names(file, "module.py")]
    named = [("1", "_told"), ("1", "own"), ("2", "found"), ("3", "given"), ("4", "made"), ("5", "asked")]
    assert sorted(lines) == [[number, f" the name {word!r}; write a noun"] for number, word in named]


def test_templates_and_the_deployments_are_checked_without_expressions(tmp_path):
    (tmp_path / "reports" / "templates").mkdir(parents=True)
    (tmp_path / "reports" / "templates" / "a.md.j2").write_text(
        "{% if told %}\nIt is {{ said }}.\n{% endif %}\nFiled.\n"
    )
    (tmp_path / "prefect.yaml").write_text("# Whoever\nname: passk\n")
    found = [fault.split(";")[0] for name, texts in prose.everything(tmp_path) for fault in prose.faults(name, texts)]
    assert found == ["prefect.yaml:1: 'Whoever'", "reports/templates/a.md.j2:4: 'Filed'"]


def test_the_help_of_every_command_and_option_is_collected():
    found = {text.where: text.text for text in prose.command_line()}
    assert found["passk run --help"] and found["passk problems show --help"] and found["passk evaluate samples"]


def test_a_page_that_is_not_yet_rewritten_is_left_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "old.md").write_text("Whoever reads this waits.")
    (tmp_path / "README.md").write_text("It is told here.")
    (tmp_path / "pyproject.toml").write_text('[tool.prose]\nnot_yet = ["docs/old*", "passk --help"]\n')
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["prose"])
    assert prose.main() == 1
    assert capsys.readouterr().out == "README.md:1: 'told'; write: print, log, report\n"
    monkeypatch.setattr("sys.argv", ["prose", "--figures"])
    assert prose.main() == 0
    page = next(line for line in capsys.readouterr().out.splitlines() if "docs/old.md" in line)
    assert page.split() == ["docs/old.md", "1", "4.0", "4", "not", "yet", "rewritten"]
