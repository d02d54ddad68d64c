import json
import re

import pyarrow.parquet as pq
import pytest

from passk.base.errors import PasskError
from passk.files.layout import write_json
from passk.store import ingest_experiment_record
from reports import compare
from reports.data.comparison import Comparison
from reports.data.results import ALL, load
from reports.report import _title, joined
from reports.sections.answer import answer
from reports.sections.tables import difference_table
from tests.unit.reports.conftest import ingest_again, text_of


def comparison(runs):
    return Comparison([load(run.store, run.name) for run in runs])


def amend(run, change):
    """Change experiment.json by a function, and ingest it."""
    record = json.loads((run.directory / "experiment.json").read_text())
    change(record)
    write_json(run.directory / "experiment.json", record)
    ingest_experiment_record(run.store, run.directory)


def rename(stages, old, new):
    for stage in stages.values():
        if stage.get("from") == old:
            stage["from"] = new
    stages[new] = stages.pop(old)


def test_experiments_that_differ_in_name_and_seed_alone_are_seeds_of_one_design(compared):
    assert len(compared.designs) == 1
    assert [(entry.label, len(entry.runs)) for entry in compared.sampled] == [
        ("warm", 3), ("pass1", 3), ("pass4", 3), ("pass4-pass1", 3),
    ]  # fmt: skip
    assert [(a.label, b.label) for a, b in compared.comparisons] == [("pass4-pass1", "pass1")]


def test_a_seed_whose_metrics_went_to_a_tracker_too_is_of_the_same_design(seeds):
    amend(seeds[0], lambda record: record["config"].update(trackers={"wandb": {"project": "maze"}}))
    assert len(comparison(seeds).designs) == 1


def test_a_mean_over_seeds_is_the_mean_of_the_seeds_and_its_interval_holds_them_all_in_account(seeds_once, compared):
    whole = compared
    single = [comparison([run]) for run in seeds_once]
    together = whole.estimate(whole.sampled[0], ALL, 1)
    each = [one.estimate(one.sampled[0], ALL, 1) for one in single]
    assert together.value == pytest.approx(sum(one.value for one in each) / 3)
    difference = whole.between_methods[0]
    assert difference.by_seed == pytest.approx([one.between_methods[0].estimate.value for one in single])
    assert difference.estimate.value == pytest.approx(sum(difference.by_seed) / 3)


def test_the_answer_over_seeds_says_in_how_many_of_them_it_holds(compared):
    text = " ".join(answer(compared))
    assert re.search(
        r"pass4-pass1 solves more than pass1 .*It is ahead in 3 of 3 seeds at pass@\d \((\+0\.\d{3}(, )?){3}\)", text
    )


def test_the_order_in_which_seeds_are_named_changes_no_number(seeds_once, compared):
    there, back = compared, comparison(seeds_once[::-1])
    assert there.cells == back.cells
    assert there.between_methods == back.between_methods


def test_methods_of_another_design_are_matched_by_their_names(seeds):
    amend(seeds[1], lambda record: record["config"]["stages"]["pass4"].update(k=8))
    amend(seeds[1], lambda record: record["config"].update(seed=11))
    compared = comparison(seeds[:2])
    assert [compared.label(design) for design in compared.designs] == ["maze-s11", "maze-s12"]
    pairs = [(a.label, b.label) for a, b in compared.comparisons]
    assert ("maze-s12/pass4-pass1", "maze-s11/pass4-pass1") in pairs
    assert ("maze-s12/pass1", "maze-s11/pass1") in pairs
    assert compared.difference(*compared.comparisons[-1], ALL, 1) is not None


def test_two_designs_without_a_method_of_one_name_are_compared_with_each_other(seeds):
    def other(record):
        for old, new in (("pass1", "base1"), ("pass4-pass1", "explore-pass1"), ("pass4", "explore")):
            rename(record["config"]["stages"], old, new)
            record["stages"][new] = record["stages"].pop(old)
        record["config"].update(seed=11)

    amend(seeds[1], other)
    for evaluation in seeds[1].evaluations():
        own = json.loads((evaluation / "evaluation.json").read_text())
        named = own["checkpoint"].replace("pass4", "explore")
        write_json(evaluation / "evaluation.json", {**own, "checkpoint": "base1" if named == "pass1" else named})
    ingest_again(seeds[1], *seeds[1].evaluations())
    compared = comparison(seeds[:2])
    pairs = [(a.label, b.label) for a, b in compared.comparisons]
    assert ("base1", "pass1") in pairs and ("explore-pass1", "pass1") in pairs
    assert any((d.of, d.to) == ("explore-pass1", "pass1") for d in compared.between_methods)


def test_all_together_is_the_mean_of_the_benchmarks_that_every_experiment_has(seeds):
    def without_hard(record):
        record["evaluations"] = [key for key in record["evaluations"] if not key.endswith("-hard")]
        record["config"].update(seed=11)

    amend(seeds[1], without_hard)
    amend(seeds[1], lambda record: record["config"]["stages"]["pass4"].update(k=8))
    compared = comparison(seeds[:2])
    assert compared.groups == ["easy", "hard"], "one benchmark in common is no mean"
    words = " ".join(answer(compared))
    assert "On easy, this checkpoint of maze-s12/pass4-pass1" in words and "no seed and problems in common" not in words
    assert ALL in comparison(seeds[:1]).groups


def test_what_is_left_out_of_the_mean_over_benchmarks_is_stated(seeds):
    text = text_of(seeds[0].store, seeds[0].name)
    assert "all together: the mean of" not in text
    amend(
        seeds[0],
        lambda record: record["config"]["benchmarks"].update(
            far={**record["config"]["benchmarks"]["easy"], "problems": "far"}
        ),
    )
    text = text_of(seeds[0].store, seeds[0].name)
    assert "all together: the mean of `easy` and `hard` only; " in text


def test_a_row_with_one_seed_beside_others_with_several_does_not_pass_for_more(seeds, seeds_text):
    assert "(Student's t).\n" in seeds_text and "In a row with one seed" not in seeds_text
    for run in seeds[1:]:
        amend(run, lambda record: record.update(evaluations=[key for key in record["evaluations"] if "-warm-" in key]))
    text = text_of(seeds[0].store, *(run.name for run in seeds))
    assert "In a row with one seed they cover variation between problems and samples only (bootstrap).\n" in text


def test_a_benchmarks_problems_are_called_others_only_where_they_are(seeds, seeds_text):
    assert "`easy`: 40 problems, 16 samples each" in seeds_text
    table = pq.read_table(path := next(seeds[1].directory.glob("evaluations/*-warm-easy")) / "samples.parquet")
    others = [f"other-{name}" for name in table.column("problem").to_pylist()]
    pq.write_table(table.set_column(table.schema.get_field_index("problem"), "problem", [others]), path)
    amend(
        seeds[1],
        lambda record: record.update(evaluations=[k for k in record["evaluations"] if k.endswith("warm-easy")]),
    )
    ingest_again(seeds[1], path.parent)
    text = text_of(seeds[0].store, *(run.name for run in seeds))
    assert "`easy`: 40 problems, different for each seed, 16 samples each, temperature 1, top-p 0.95" in text


def test_what_another_experiment_trained_is_named_with_its_code(seeds):
    first = json.loads((seeds[0].directory / "experiment.json").read_text())
    amend(seeds[1], lambda record: record.update(stages={**record["stages"], "warm": first["stages"]["warm"]}))
    amend(seeds[0], lambda record: record.update(code={"commit": "f" * 40, "dirty": False}))
    text = text_of(seeds[1].store, seeds[1].name)
    assert re.search(rf"^- Trained elsewhere: `warm` by `maze-s11` \(`{'f' * 40}`, clean, ", text, re.M)
    assert "Trained elsewhere" not in text_of(seeds[0].store, seeds[0].name)


def test_designs_without_a_seed_in_common_are_not_paired_and_the_report_says_so(seeds):
    amend(seeds[1], lambda record: record["config"]["stages"]["pass4"].update(k=8))
    words = " ".join(answer(comparison(seeds[:2])))
    assert "maze-s12/pass1 and maze-s11/pass1 have no seed and problems in common" in words


def test_a_stage_that_two_experiments_share_is_there_once(seeds):
    first = json.loads((seeds[0].directory / "experiment.json").read_text())

    def share(record):
        rename(record["config"]["stages"], "pass4", "explore")
        rename(record["config"]["stages"], "pass4-pass1", "explore-pass1")
        record["config"]["seed"] = 11
        record["stages"] = {
            "warm": first["stages"]["warm"], "pass1": first["stages"]["pass1"],
            "explore": record["stages"]["pass4"], "explore-pass1": record["stages"]["pass4-pass1"],
        }  # fmt: skip

    amend(seeds[1], share)
    compared = comparison(seeds[:2])
    labels = [entry.label for entry in compared.entries]
    assert labels == ["warm", "pass1", "pass4", "pass4-pass1", "explore", "explore-pass1"]
    text = text_of(seeds[0].store, seeds[0].name, seeds[1].name)
    assert re.search(r"^\| `warm` +\| +1 \| +6 \|", text, re.M), "its cost counts once"


def test_the_costs_of_seeds_are_summed_and_their_own_numbers_shown(compared, seeds_text):
    text = seeds_text
    cells = re.search(r"^\| `pass1` +\| +3 \|(.*)\|$", text, re.M)[1].split("|")
    assert [cell.strip() for cell in cells][:3] == ["54", f"{3 * 18 * 2355:,}", f"{3 * 18 * 2.6:.0f}"]
    sampled = re.search(r"^\| `pass1` +\| `easy` +\| +3 \|(.*)\|$", text, re.M)[1].split("|")
    assert [cell.strip() for cell in sampled][:2] == ["40", f"{3 * 40 * 16:,}"]
    for run in compared.results:
        own = [f"{run.values('pass1', group, k).mean():.3f}" for group in compared.groups for k in (1, 8)]
        shown = re.search(rf"^\| {run.seed} +\| `pass1` +\|(.*)\|$", text, re.M)[1]
        assert re.findall(r"\d\.\d+", shown) == own


def test_best_is_marked_only_where_it_is_better_than_every_other(compared):
    marked = {(group, k): label for (group, label, k), cell in compared.cells.items() if cell.best}
    assert marked, "nothing is marked, and the test shows nothing"
    by_label = {entry.label: entry for entry in compared.sampled}
    for (group, k), label in marked.items():
        for other in set(by_label) - {label}:
            assert compared.difference(by_label[label], by_label[other], group, k).sign > 0


def test_a_comparisons_title_differences_questions_and_command_go_together(seeds):
    amend(seeds[1], lambda record: record["config"]["stages"]["pass4"].update(k=8))
    for run, words in zip(seeds[:2], ("Does 4 help?", "Does 8 help?"), strict=True):

        def ask(record, words=words, command=f"passk run {run.name}.yaml --runs /some/where"):
            record.update(question=words, command=command, config={**record["config"], "seed": 11})

        amend(run, ask)
    compared = comparison(seeds[:2])
    assert _title(compared) == "maze-s12 against maze-s11"
    assert "`maze-s12/pass1` − `maze-s11/pass1`" in difference_table(compared.between_methods, compared.p_values)
    text = text_of(seeds[0].store, "maze-s11", "maze-s12")
    assert "`maze-s11`: **Does 4 help?**\n\n`maze-s12`: **Does 8 help?**\n" in text
    commands = text[text.index("## Reproduce") :]
    assert "\npassk compare maze-s11 maze-s12 --runs /some/where\n" in commands


def test_a_method_that_failed_in_one_seed_is_called_failed_there(seeds):
    amend(seeds[2], lambda record: record.update(failures={"pass4": "out of memory"}))
    text = text_of(seeds[0].store, *(run.name for run in seeds))
    assert "`pass4-pass1` failed in stage `pass4` of `maze-s13`." in text
    assert "| `maze-s13` | `pass4` | `out of memory` |" in text


def test_fewer_than_two_experiments_and_one_named_twice_are_refused(seeds_once, tmp_path):
    store = seeds_once[0].store
    for names in (["maze-s11"], ["maze-s11", "maze-s11"]):
        with pytest.raises(PasskError, match="two different"):
            compare(store, names, tmp_path)
    with pytest.raises(PasskError, match="maze-s9: no such experiment"):
        compare(store, ["maze-s11", "maze-s9"], tmp_path)


def test_a_comparison_has_a_directory_of_its_own_whatever_the_number_of_names():
    assert joined(["a", "b"]) == "a+b"
    many = [joined([f"experiment-{i}" for i in range(start, start + 30)]) for start in (0, 1)]
    assert many[0] != many[1] and all(len(name) <= 100 for name in many)


def only_evaluated(seeds, fields):
    """Leave each of two experiments one checkpoint as its base model, without training.

    fields: gives the fields of a configuration by which the two differ, for the name of a checkpoint.
    """
    for run, checkpoint in zip(seeds[:2], ("warm", "pass4-pass1"), strict=True):

        def evaluate(record, checkpoint=checkpoint):
            own = [key for key in record["evaluations"] if key.endswith((f"-{checkpoint}-easy", f"-{checkpoint}-hard"))]
            config = {**record["config"], "seed": 11, "stages": {}, **fields(checkpoint)}
            record.update(stages={}, evaluations=own, config=config)

        for evaluation in run.evaluations():
            own = json.loads((evaluation / "evaluation.json").read_text())
            write_json(evaluation / "evaluation.json", {**own, "checkpoint": "base", "stage": None})
        amend(run, evaluate)
        ingest_again(run, *run.evaluations())


def test_two_models_that_were_only_evaluated_are_compared_by_their_problems_and_named(seeds):
    only_evaluated(seeds, lambda checkpoint: {"model": {"path": f"models/{checkpoint}"}})
    compared = comparison(seeds[:2])
    assert [(a.label, b.label) for a, b in compared.comparisons] == [("maze-s12/base", "maze-s11/base")]
    text = text_of(seeds[0].store, *(run.name for run in seeds[:2]))
    assert "this checkpoint of `maze-s12/base` and this checkpoint of `maze-s11/base` solve" in text
    assert "`maze-s12/base`: `models/pass4-pass1`, without training." in text
    assert "one training run" not in text and "Reruns" not in text


def test_one_model_on_two_engines_has_two_rows(seeds):
    only_evaluated(
        seeds, lambda checkpoint: {"engine": {"url": "http://127.0.0.1:1/v1"} if checkpoint == "warm" else None}
    )
    assert [entry.label for entry in comparison(seeds[:2]).sampled] == ["maze-s11/base", "maze-s12/base"]
