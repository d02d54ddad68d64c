import json
import re
from itertools import pairwise

import pytest

from passk.errors import PasskError
from passk.layout import write_json
from passk.store import ingest_experiment_record, rebuild
from reports import results_table, write_report
from reports.answer import NO_DIFFERENCE, answer
from reports.results import load
from reports.style import spread


@pytest.fixture(scope="module")
def written(filed_once):
    """The report of the default run and its text."""
    path = write_report(filed_once.store, filed_once.directory)
    return filed_once, path, path.read_text()


def amend(run, **changes):
    """Change experiment.json as a later run would, and file it."""
    record = json.loads((run.directory / "experiment.json").read_text()) | changes
    write_json(run.directory / "experiment.json", record)
    ingest_experiment_record(run.store, run.directory)


def test_the_first_screen_has_question_answer_table_and_differences(written):
    _, _, text = written
    screen = text[: text.index("## Training")]
    assert screen.startswith("# maze-cpu\n\n**Does training for Pass@4 first make")
    assert "`pass4-pass1` solves more than `pass1`" in screen
    rows = re.findall(
        r"^\| (all together|`easy`|`hard`) +\| `[\w-]+` +\|.*\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", screen, re.M
    )
    assert len(rows) == 3 * 4
    assert "`easy`: 16 problems, 16 samples each" in screen
    assert "| `pass4-pass1` − `pass1` | `hard`" in screen


def test_every_link_is_relative_and_leads_to_a_figure(written):
    run, _, text = written
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert sorted(links) == ["figures/curves.png", "figures/pass_at_k.png"]
    assert all((run.directory / link).read_bytes().startswith(b"\x89PNG") for link in links)


def test_the_same_data_give_the_same_bytes(written, filed):
    _, _, text = written
    filed.store.unlink()
    rebuild(filed.runs)
    assert write_report(filed.store, filed.directory).read_text() == text


def test_model_output_cannot_leave_its_block(written):
    _, _, text = written
    assert "\x1b" not in text and "\u202e" not in text
    outside, fence = [], None
    for line in text.split("\n"):
        found = re.match(r"(`{3,})(text)?$", line)
        if found and fence is None:
            fence = found[1]
        elif found and len(found[1]) >= len(fence or found[1]) and not found[2]:
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None
    assert "# not a heading | <script>alert(1)</script>" not in "\n".join(outside)
    assert "not a heading" in text, "the hostile response is among the samples, or this test shows nothing"


def test_provenance_says_command_versions_seed_hashes_and_a_dirty_tree(written):
    _, _, text = written
    for part in (
        "passk run experiments/maze-cpu.yaml",
        "vllm 0.29.0",
        "Seeds: 17",
        "`key-pass4`",
        "uncommitted changes",
    ):
        assert part in text


def test_no_difference_is_said_where_the_interval_holds_zero(filed):
    source = filed.directory / "samples" / "key-pass1-easy" / "samples.parquet"
    for benchmark in ("easy", "hard"):
        own = source.parent.parent / f"key-pass1-{benchmark}" / "samples.parquet"
        (filed.directory / "samples" / f"key-pass4-pass1-{benchmark}" / "samples.parquet").write_bytes(own.read_bytes())
    rebuild(filed.runs)
    results = load(filed.store, filed.name)
    assert NO_DIFFERENCE in answer(results)[0]
    assert not re.search("more|less", answer(results)[0])
    top = {name: results.cells["all", name, 1] for name in ("pass1", "pass4-pass1")}
    assert not any(cell.best for cell in top.values()), "two equal checkpoints, and one is marked as best"


def test_a_benchmark_that_says_otherwise_is_not_hidden_by_the_mean(run_factory, tmp_path):
    run = run_factory(tmp_path / "runs", problems=120)
    rebuild(run.runs)
    sentences = answer(load(run.store, run.name))
    assert "solves more than pass1" in sentences[0]
    assert sentences[1].startswith("Not so on every benchmark: less on easy at pass@1")


def test_a_failed_arm_is_called_failed_and_the_rest_is_reported(filed):
    (filed.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()
    for benchmark in ("easy", "hard"):
        (filed.directory / "samples" / f"key-pass4-pass1-{benchmark}" / "manifest.json").unlink()
    rebuild(filed.runs)
    amend(filed, failures={"pass4-pass1": "the trainer | ended `with` status 1"})
    text = write_report(filed.store, filed.directory).read_text()
    assert "\n`pass4-pass1` failed in stage `pass4-pass1`." in text
    assert "## Failures" in text and "``the trainer ¦ ended `with` status 1``" in text.replace("`` ", "``").replace(
        " ``", "``"
    )
    assert "| `easy`       | `pass1`" in text


def test_a_run_that_did_nothing_yet_has_a_report(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    filed.store.unlink()
    amend(
        filed,
        samplings=[],
        stages=dict.fromkeys(record["stages"], "none"),
        failures={"warm": "no room on the disk"},
    )
    text = write_report(filed.store, filed.directory).read_text()
    assert "`pass1` failed in stage `warm`." in text
    assert "Nothing has been sampled yet." in text
    assert "pass1 failed in stage warm." in results_table(filed.store, filed.name)


def test_the_terminal_table_has_the_numbers_of_the_report_and_no_markdown(written):
    run, _, text = written
    shown = results_table(run.store, run.name)
    numbers = re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", text[: text.index("### Differences")])
    assert numbers and all(number in shown for number in numbers)
    assert "`" not in shown and "|" not in shown


def test_an_experiment_that_is_not_in_the_store_is_named(filed):
    with pytest.raises(PasskError, match="maze-gpu: no such experiment"):
        results_table(filed.store, "maze-gpu")


def test_labels_are_moved_apart_and_stay_in_order():
    places = spread([0.5, 0.51, 0.9, 0.505], gap=0.1, low=0.0, high=1.0)
    ordered = [places[i] for i in (0, 3, 1, 2)]
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(ordered))
    assert min(places) >= 0 and max(places) <= 1
